// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* schedulers/twos.h - twos: two members drawn by weight; the one with less overhead for its weight. */
#ifndef CAROM_SCHEDULERS_TWOS_H
#define CAROM_SCHEDULERS_TWOS_H

#include "../candidate.h"
#include "../maps.h"
#include "least.h"

/* A draw that is counted down along the list. */
struct draw {
	__u32 left;
	__u32 done;
	struct candidate candidate; /* until it is done: the last one that was passed */
};

/* One walk down the list ends both draws. */
struct twos {
	const struct version *version;
	__u32 position;
	struct draw one, two;
};

static __always_inline void draw_pass(struct draw *draw, const struct candidate *candidate)
{
	if (draw->done)
		return;
	draw->candidate = *candidate;
	draw->done = candidate->weight >= draw->left;
	draw->left -= candidate->weight;
}

static long twos_step(__u32 step __attribute__((unused)), void *context)
{
	struct twos *twos = context;
	struct candidate candidate = {};

	if (!twos->position)
		return 1;
	if (!candidate_at(twos->version, --twos->position, &candidate))
		return 0;
	draw_pass(&twos->one, &candidate);
	draw_pass(&twos->two, &candidate);
	return twos->one.done && twos->two.done;
}

/* As in IPVS a draw is a number from 0 to the sum of the weights, both included. */
static __always_inline __u32 twos_draw(const struct version *version)
{
	return bpf_get_prandom_u32() * ((__u64)version->weight_sum + 1) >> 32;
}

static __always_inline __u32 twos_choose(const struct candidate *one, const struct candidate *two)
{
	return two->weight * LEAST_OVERHEAD(one) > one->weight * LEAST_OVERHEAD(two) ? two->real : one->real;
}

static __always_inline __u32 schedule_twos(const struct version *version)
{
	struct twos twos = {
		.version = version,
		.position = version->member_count,
		.one.left = twos_draw(version),
		.two.left = twos_draw(version),
	};
	struct candidate *one = &twos.one.candidate, *two = &twos.two.candidate;

	bpf_loop(version->member_count, twos_step, &twos, 0);
	if (!one->real)
		return REAL_NONE;
	candidate_load(one);
	candidate_load(two);
	return twos_choose(one, two);
}

#endif

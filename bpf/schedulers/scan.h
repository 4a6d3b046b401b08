// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * schedulers/scan.h - the same choices as least.h's and twos.h's, where weights and features allow it (VERSION_CONTENDERS):
 * along the contenders of a version, without a branch.
 *
 * load * measure orders the contenders as load / weight does, so all that there is to know of one fits a word, its place in
 * the list included, and the least word wins. No branch depends on what is compared, since a flood makes every guess of it
 * wrong; and each instruction counts, since it is one for every contender.
 */
#ifndef CAROM_SCHEDULERS_SCAN_H
#define CAROM_SCHEDULERS_SCAN_H

#include "../candidate.h"
#include "../maps.h"
#include "../minimum.h"
#include "twos.h"

#define SCAN_MEMBERS 256
#define SCAN_FULL (1ULL << CONTENDER_PLACE_BITS)

static __always_inline __u64 scan_load(__u64 load, __u32 scheduler)
{
	__u64 active = LOAD_ACTIVE(load);

	if (scheduler == SCHEDULER_SED)
		return active + 1;
	if (scheduler == SCHEDULER_NQ) /* who has nothing to do comes first */
		return active + ((active + (1u << LOAD_ACTIVE_BITS) - 1) >> LOAD_ACTIVE_BITS);
	return LOAD_OVERHEAD(load);
}

/* With room for its place below. lc is for all whose contenders weigh the same: overheads are compared as they stand. */
static __always_inline __u64 scan_contender(const struct contender *contender, __u32 scheduler)
{
	__u64 at = contender->load & (sizeof(loads) - sizeof(loads[0])), load;

	asm("%0 += %1" : "+r"(at) : "r"(loads)); /* the compiler would copy the pointer first */
	load = *(const __u64 *)at;
	if (scheduler == SCHEDULER_LC)
		return load & -LOAD_OF_INACTIVE;
	if (scheduler == SCHEDULER_OVF) /* in the order of their weights: the first that has not more flows than that */
		return is_less(contender->measure, LOAD_ACTIVE(load)) << CONTENDER_PLACE_BITS;
	return scan_load(load, scheduler) * contender->measure;
}

/* The least of a block, its place in it included. */
static __always_inline __u64 scan_block(const struct contender *block, __u32 scheduler)
{
	__u64 even = scan_contender(block, scheduler), odd = scan_contender(block + 1, scheduler) + 1;

#pragma unroll
	for (__u32 i = 2; i < CONTENDER_BLOCK; i += 2) {
		even = least_of(scan_contender(block + i, scheduler) + i, even);
		odd = least_of(scan_contender(block + i + 1, scheduler) + i + 1, odd);
	}
	return least_of(even, odd);
}

static __always_inline __u32 scan(const struct version *version, __u32 scheduler)
{
	__u32 offset = version->contender_offset, count = version->contender_count, place;
	const struct contender *block;
	__u64 best = ~0ULL >> 1;

	if (!count)
		return REAL_NONE;
	for (__u32 i = 0; i < SCAN_MEMBERS && i < count; i += CONTENDER_BLOCK) {
		block = &contenders[(offset + i) & (CONTENDERS - CONTENDER_BLOCK)];
		best = least_of(scan_block(block, scheduler) + i, best);
	}
	if (scheduler == SCHEDULER_OVF && best >= SCAN_FULL)
		return REAL_NONE;
	place = offset + (best & ((1 << CONTENDER_PLACE_BITS) - 1));
	return contenders[place & (CONTENDERS - 1)].load / sizeof(loads[0]);
}

/* ------------------------------------------------------------------------------------------- twos */

struct scan_draws {
	__u64 draws[2];
	__u64 places[2]; /* how many contenders stand before the drawn ones */
};

static __always_inline void scan_pass(struct scan_draws *drawn, const struct contender *block)
{
#pragma unroll
	for (__u32 i = 0; i < CONTENDER_BLOCK; i++) {
		drawn->places[0] += is_less(block[i].measure, drawn->draws[0]);
		drawn->places[1] += is_less(block[i].measure, drawn->draws[1]);
	}
}

/* The contender at this place, as a candidate. */
static __always_inline struct candidate scan_candidate(__u32 offset, __u32 place)
{
	const struct contender *contender = &contenders[(offset + place) & (CONTENDERS - 1)];
	struct candidate candidate = { .real = contender->load / sizeof(loads[0]), .weight = contender->measure };
	__u64 load = *load_of(candidate.real);

	if (place)
		candidate.weight -= contenders[(offset + place - 1) & (CONTENDERS - 1)].measure;
	candidate.active = LOAD_ACTIVE(load);
	candidate.inactive = LOAD_INACTIVE(load);
	return candidate;
}

static __always_inline __u32 scan_twos(const struct version *version)
{
	__u32 offset = version->contender_offset, count = version->contender_count;
	struct scan_draws drawn = { .draws = { twos_draw(version), twos_draw(version) } };
	struct candidate one, two;

	if (!count)
		return REAL_NONE;
	for (__u32 i = 0; i < SCAN_MEMBERS && i < count; i += CONTENDER_BLOCK)
		scan_pass(&drawn, &contenders[(offset + i) & (CONTENDERS - CONTENDER_BLOCK)]);
	one = scan_candidate(offset, drawn.places[0]);
	two = scan_candidate(offset, drawn.places[1]);
	return twos_choose(&one, &two);
}

static __always_inline __u32 schedule_scan(const struct version *version)
{
	switch (version->scheduler) {
	case SCHEDULER_SED:
		return scan(version, SCHEDULER_SED);
	case SCHEDULER_NQ:
		return scan(version, SCHEDULER_NQ);
	case SCHEDULER_OVF:
		return scan(version, SCHEDULER_OVF);
	case SCHEDULER_TWOS:
		return scan_twos(version);
	default:
		return version->flags & VERSION_EQUAL ? scan(version, SCHEDULER_LC) : scan(version, SCHEDULER_WLC);
	}
}

#endif

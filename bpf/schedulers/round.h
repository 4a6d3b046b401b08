// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * schedulers/round.h - rr and wrr: round the list, from behind the last pick.
 *
 * wrr goes round at a falling level, on which those take part who weigh so much. The level falls by the weights'
 * greatest common divisor, and begins again at `weight_max`.
 */
#ifndef CAROM_SCHEDULERS_ROUND_H
#define CAROM_SCHEDULERS_ROUND_H

#include "../candidate.h"
#include "../maps.h"

#define ROUND_TRIES 3

struct round {
	const struct version *version;
	__u32 position; /* members still ahead before the list ends */
	__u32 level;
	__u32 real; /* found, or REAL_NONE */
	__u32 heaviest; /* usable weight met */
};

static long round_step(__u32 step __attribute__((unused)), void *context)
{
	struct round *round = context;
	struct candidate candidate;

	if (!round->position)
		return 1;
	if (!candidate_at(round->version, --round->position, &candidate))
		return 0;
	if (candidate.weight > round->heaviest)
		round->heaviest = candidate.weight;
	if (candidate.weight < round->level)
		return 0;
	round->real = candidate.real;
	return 1;
}

/* Walks on until somebody takes part, or the list ends. */
static __always_inline bool round_search(struct round *round)
{
	bpf_loop(round->version->member_count, round_step, round, 0);
	return round->real != REAL_NONE;
}

static __always_inline bool round_again(struct round *round)
{
	round->position = round->version->member_count;
	return round_search(round);
}

/*
 * The list has ended: on to the next level on which somebody usable takes part. Below the heaviest one's own level
 * somebody does in each, so the next is known at once.
 */
static __always_inline bool round_descend(struct round *round)
{
	__u32 step = round->version->weight_gcd, level = round->level, highest;

	round->heaviest = 0;
	round->level = ~0u;
	round_again(round); /* finds nobody; meets everybody */
	if (!round->heaviest)
		return false;
	highest = round->heaviest - step + 1;
	round->level = level > step ? level - step : highest;
	if (round->level > highest)
		round->level = highest;
	return round_again(round);
}

/* Nobody is usable. IPVS's wrr has then tried every level and begins a new round, but for the last one within its list. */
static __always_inline bool round_ends(const struct version *version, __u32 position, __u32 level)
{
	return version->scheduler == SCHEDULER_WRR && (level > 1 || position == version->member_count);
}

/* Another processor that picked at the same moment makes the pick void; then once more, from where that one left. */
static __always_inline __u32 schedule_round(__u32 service, const struct version *version)
{
	__u64 *cursor = bpf_map_lookup_elem(&cursors, &service), old;
	bool weighted = version->scheduler == SCHEDULER_WRR;
	struct round round = { .version = version };
	__u32 position, level;

	if (!cursor || !version->weight_max)
		return REAL_NONE;
#pragma unroll
	for (int try = 0; try < ROUND_TRIES; try++) {
		old = *cursor;
		round.real = REAL_NONE;
		position = CURSOR_POSITION(old);
		level = weighted ? CURSOR_WEIGHT(old) : 1;
		if (weighted && CURSOR_SERIAL(old) != version->serial) {
			position = version->member_count;
			level = version->weight_max;
		}
		round.position = position;
		round.level = level;
		if (!round_search(&round) && !(weighted ? round_descend(&round) : round_again(&round))) {
			if (!round_ends(version, position, level))
				return REAL_NONE;
			round.position = version->member_count;
			round.level = version->weight_max;
		}
		if (__sync_val_compare_and_swap(cursor, old, CURSOR(version->serial, round.position, round.level)) ==
		    old)
			break;
	}
	return round.real;
}

#endif

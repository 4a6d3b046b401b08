// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * schedulers/locality.h - lblc and lblcr: a destination stays with its real server, or its few, until they have too much.
 *
 * IPVS keeps a table of destinations. A service here has one VIP, so there is one entry: for lblc the home, in the
 * service's cursor; for lblcr the homes, each marked in the map `homes` with the turn at which it was taken in, and in
 * the cursor the last turn and the second of the last change. The newest home comes first among equals, as in IPVS's list.
 */
#ifndef CAROM_SCHEDULERS_LOCALITY_H
#define CAROM_SCHEDULERS_LOCALITY_H

#include "../candidate.h"
#include "../maps.h"
#include "least.h"

/* lblcr's cursor: the last turn at which a real server became a home, and the second in which the homes changed last. */
#define HOMES(turn, second) ((__u64)(turn) << 32 | (second))
#define HOMES_TURN(cursor) ((__u32)((cursor) >> 32))
#define HOMES_SECOND(cursor) ((__u32)(cursor))

#define LOCALITY_UNCHANGED 86400 /* seconds after which lblcr gives up its most loaded home */

/* What one walk down the list finds out. */
struct locality {
	const struct version *version;
	__u32 position;
	__u32 home; /* lblc's */
	struct best best; /* of all: as wlc */
	struct best best_home;
	struct best worst_home;
	__u32 best_turn, worst_turn;
	__u32 home_active; /* of the best home */
	__u32 homes;
	__u32 slack; /* somebody has less than half of what its weight stands for */
};

static __always_inline __u32 home_turn(const struct locality *locality, __u32 real)
{
	__u32 *turn;

	if (locality->version->scheduler == SCHEDULER_LBLC)
		return real == locality->home;
	turn = bpf_map_lookup_elem(&homes, &real);
	return turn ? *turn : 0;
}

/* Of two homes with the same load the newer one comes first. */
static __always_inline void locality_take_best(struct locality *locality, const struct candidate *candidate, __u32 turn)
{
	struct best *best = &locality->best_home;
	__u64 load = LEAST_OVERHEAD(candidate);
	__u32 weight = candidate->weight;

	if (!best->real || best->load * weight > load * best->weight ||
	    (best->load * weight == load * best->weight && turn > locality->best_turn)) {
		*best = (struct best){ load, weight, candidate->real };
		locality->best_turn = turn;
		locality->home_active = candidate->active;
	}
}

static __always_inline void locality_take_worst(struct locality *locality, const struct candidate *candidate,
						__u32 turn)
{
	struct best *worst = &locality->worst_home;
	__u64 load = LEAST_OVERHEAD(candidate);
	__u32 weight = candidate->weight;

	if (!worst->real || worst->load * weight < load * worst->weight ||
	    (worst->load * weight == load * worst->weight && turn > locality->worst_turn)) {
		*worst = (struct best){ load, weight, candidate->real };
		locality->worst_turn = turn;
	}
}

static long locality_step(__u32 step __attribute__((unused)), void *context)
{
	struct locality *locality = context;
	struct candidate candidate = {};
	__u32 turn;
	bool usable;

	if (!locality->position)
		return 1;
	usable = candidate_at(locality->version, --locality->position, &candidate);
	turn = candidate.real ? home_turn(locality, candidate.real) : 0;
	locality->homes += turn != 0;
	if (!candidate.weight)
		return 0;
	candidate_load(&candidate);
	locality->slack |= (__u64)candidate.active * 2 < candidate.weight;
	if (usable)
		best_take(&locality->best, &candidate, LEAST_OVERHEAD(&candidate), candidate.weight);
	if (!turn)
		return 0;
	locality_take_worst(locality, &candidate, turn); /* over its threshold or not */
	if (usable || locality->version->scheduler == SCHEDULER_LBLC) /* lblc does not ask for thresholds */
		locality_take_best(locality, &candidate, turn);
	return 0;
}

static __always_inline void lblcr_shrink(struct locality *locality, __u64 *cursor, __u32 now)
{
	__u32 real = locality->worst_home.real;
	__u32 *turn = bpf_map_lookup_elem(&homes, &real);

	if (locality->homes < 2 || now - HOMES_SECOND(*cursor) <= LOCALITY_UNCHANGED || !turn || !real)
		return;
	*turn = 0;
	*cursor = HOMES(HOMES_TURN(*cursor), now);
}

static __always_inline void lblcr_admit(struct locality *locality, __u64 *cursor, __u32 now)
{
	__u32 *turn = bpf_map_lookup_elem(&homes, &locality->best.real);

	if (!turn || *turn)
		return;
	*turn = HOMES_TURN(*cursor) + 1;
	*cursor = HOMES(*turn, now);
}

static __always_inline __u32 schedule_locality(__u32 service, const struct version *version, __u32 now)
{
	struct locality locality = { .version = version, .position = version->member_count };
	__u64 *cursor = bpf_map_lookup_elem(&cursors, &service);
	bool replicates = version->scheduler == SCHEDULER_LBLCR && service != REHEARSAL; /* homes are no cursor's */

	if (!cursor)
		return REAL_NONE;
	locality.home = *cursor;
	bpf_loop(version->member_count, locality_step, &locality, 0);
	if (replicates)
		lblcr_shrink(&locality, cursor, now);
	if (locality.best_home.real && !(locality.home_active > locality.best_home.weight && locality.slack))
		return locality.best_home.real;
	if (!locality.best.real)
		return REAL_NONE;
	if (replicates)
		lblcr_admit(&locality, cursor, now);
	else
		*cursor = locality.best.real;
	return locality.best.real;
}

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * schedule.h - which real server a new flow gets.
 *
 * Each scheduler returns a real's id, or REAL_NONE when no real server can take the flow. The members of a version
 * stand in the order in which they were added, and IPVS's list, where a new server goes to the head, is that order
 * read backwards: so a position keeps its meaning when members are added, and one that is gone leaves an empty place
 * (weight 0), as does one that is down. Quiesced members have weight 0 too.
 */
#ifndef CAROM_SCHEDULE_H
#define CAROM_SCHEDULE_H

#include "hash.h"
#include "maps.h"
#include "parse.h"

/* The slot of the consistent-hash table that a client falls into; 0: the service has no real server at all. */
static __always_inline __u64 slot_of(const struct version *version, const struct tuple *tuple)
{
	__u64 *slot;
	__u32 index;

	if (!version->slot_count)
		return 0;
	index = version->slot_offset + mh_hash(bpf_ntohl(tuple->client)) % version->slot_count;
	slot = bpf_map_lookup_elem(&slots, &index);
	return slot ? *slot : 0;
}

/* A walk down the list, from behind the last pick until a member is heavy enough. */
struct round {
	const struct version *version;
	__u32 position;
	__u32 weight; /* members below it are passed over; at least 1 */
	__u32 real; /* found, or REAL_NONE */
};

static long round_step(__u32 step __attribute__((unused)), void *context)
{
	struct round *round = context;
	const struct version *version = round->version;
	struct member *member;
	__u32 index;

	if (!round->position) { /* the list's end: rr begins again, wrr does so one level lower */
		round->position = version->member_count;
		if (version->scheduler == SCHEDULER_WRR)
			round->weight = round->weight > version->weight_gcd ? round->weight - version->weight_gcd :
									      version->weight_max;
	}
	index = version->member_offset + --round->position;
	member = bpf_map_lookup_elem(&members, &index);
	if (!member || member->weight < round->weight)
		return 0;
	round->real = member->real;
	return 1;
}

/* Where wrr goes on after a change: at the list's head, on the level nearest to the one it was on. */
static __always_inline void round_restart(struct round *round, __u32 weight)
{
	const struct version *version = round->version;

	round->position = version->member_count;
	if (!weight || weight > version->weight_max)
		weight = version->weight_max;
	else if (version->weight_gcd > 1)
		weight = weight / version->weight_gcd * version->weight_gcd + 1;
	round->weight = weight;
}

/* rr and wrr. Another processor that picked at the same moment makes the pick void; then once more, from its place. */
static __always_inline __u32 schedule_round(__u32 service, const struct version *version)
{
	__u64 *cursor = bpf_map_lookup_elem(&cursors, &service), old;
	struct round round = { .version = version };
	bool weighted = version->scheduler == SCHEDULER_WRR;

	if (!cursor || !version->weight_max)
		return REAL_NONE;
#pragma unroll
	for (int try = 0; try < 3; try++) {
		old = *cursor;
		round.position = CURSOR_POSITION(old);
		round.weight = weighted ? CURSOR_WEIGHT(old) : 1;
		round.real = REAL_NONE;
		if (weighted && CURSOR_SERIAL(old) != version->serial)
			round_restart(&round, round.weight);
		if (round.position > version->member_count)
			round.position = version->member_count;
		bpf_loop(2 * version->member_count, round_step, &round, 0);
		if (round.real == REAL_NONE)
			break;
		if (__sync_val_compare_and_swap(cursor, old, CURSOR(version->serial, round.position, round.weight)) == old)
			break;
	}
	return round.real;
}

static __always_inline __u32 schedule(__u32 service, const struct version *version, const struct tuple *tuple)
{
	switch (version->scheduler) {
	case SCHEDULER_RR:
	case SCHEDULER_WRR:
		return schedule_round(service, version);
	default:
		return SLOT_NOW(slot_of(version, tuple));
	}
}

#endif

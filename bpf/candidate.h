// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * candidate.h - a real server as a scheduler looks at it.
 *
 * The members of a version stand in the order in which they were added, and IPVS's list, where a new server goes to the
 * head, is that order read backwards: so a position keeps its meaning when members are added, and one that is gone
 * leaves an empty place (weight 0), as does one that is down. Quiesced members have weight 0 too.
 */
#ifndef CAROM_CANDIDATE_H
#define CAROM_CANDIDATE_H

#include "maps.h"
#include "parse.h"

struct candidate {
	__u32 real;
	__u32 weight;
	__u32 active;
	__u32 inactive;
};

static __always_inline bool candidate_is_overloaded(__u32 real)
{
	struct limit *limit;

	if (!(constants.features & FEATURE_LIMITS))
		return false;
	limit = bpf_map_lookup_elem(&limits, &real);
	return limit && limit->overloaded;
}

/* The member at a position, filled in, one without weight too; whether it may be given a new flow. */
static __always_inline bool candidate_at(const struct version *version, __u32 position, struct candidate *candidate)
{
	__u32 index = version->member_offset + position;
	const struct member *member = &members[index & (MEMBERS - 1)];

	candidate->real = member->real;
	candidate->weight = member->weight;
	return member->weight && !candidate_is_overloaded(member->real);
}

/* Reads how many flows it has now. */
static __always_inline void candidate_load(struct candidate *candidate)
{
	__u64 load = *load_of(candidate->real);

	candidate->active = LOAD_ACTIVE(load);
	candidate->inactive = LOAD_INACTIVE(load);
}

#endif

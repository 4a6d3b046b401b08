// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * schedulers/least.h - lc, wlc, sed, nq, fo and ovf: look at every member once, keep the best.
 *
 * Of equals the first in list order stays. Loads are compared for their weights by cross-multiplication, in 64 bits, so
 * nothing is rounded.
 */
#ifndef CAROM_SCHEDULERS_LEAST_H
#define CAROM_SCHEDULERS_LEAST_H

#include "../candidate.h"
#include "../maps.h"

#define LEAST_OVERHEAD(candidate) ((__u64)(candidate)->active * 256 + (candidate)->inactive)

struct least {
	const struct version *version;
	__u32 position; /* members still to be looked at */
	__u32 real; /* the best so far, or REAL_NONE */
	__u64 load;
	__u64 weight;
};

static __always_inline void least_take(struct least *least, const struct candidate *candidate, __u64 load, __u64 weight)
{
	if (least->real != REAL_NONE && least->load * weight <= load * least->weight)
		return;
	least->real = candidate->real;
	least->load = load;
	least->weight = weight;
}

/* The heaviest: as if every load were the same, and weight counted the other way round. */
static __always_inline void least_take_heaviest(struct least *least, const struct candidate *candidate)
{
	if (least->real != REAL_NONE && least->weight >= candidate->weight)
		return;
	least->real = candidate->real;
	least->weight = candidate->weight;
}

static long least_step(__u32 step __attribute__((unused)), void *context)
{
	struct least *least = context;
	struct candidate candidate;

	if (!least->position)
		return 1;
	if (!candidate_at(least->version, --least->position, &candidate) || !candidate_load(&candidate))
		return 0;
	switch (least->version->scheduler) {
	case SCHEDULER_LC:
		least_take(least, &candidate, LEAST_OVERHEAD(&candidate), 1);
		return 0;
	case SCHEDULER_SED:
		least_take(least, &candidate, (__u64)candidate.active + 1, candidate.weight);
		return 0;
	case SCHEDULER_NQ: /* who has nothing to do comes first */
		if (!candidate.active) {
			least->real = candidate.real;
			return 1;
		}
		least_take(least, &candidate, (__u64)candidate.active + 1, candidate.weight);
		return 0;
	case SCHEDULER_OVF:
		if (candidate.active > candidate.weight)
			return 0;
		least_take_heaviest(least, &candidate);
		return 0;
	case SCHEDULER_FO:
		least_take_heaviest(least, &candidate);
		return 0;
	default:
		least_take(least, &candidate, LEAST_OVERHEAD(&candidate), candidate.weight);
		return 0;
	}
}

static __always_inline __u32 schedule_least(const struct version *version)
{
	struct least least = { .version = version, .position = version->member_count };

	bpf_loop(version->member_count, least_step, &least, 0);
	return least.real;
}

#endif

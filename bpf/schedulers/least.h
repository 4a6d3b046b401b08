// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * schedulers/least.h - lc, wlc, sed, nq, fo and ovf: look at every member once, keep the best.
 *
 * Of equals the first in list order stays. Loads are compared for their weights by cross-multiplication, in 64 bits, so
 * nothing is rounded. Where weights and features allow it, a scan that has no branches finds the same (scan.h).
 */
#ifndef CAROM_SCHEDULERS_LEAST_H
#define CAROM_SCHEDULERS_LEAST_H

#include "../candidate.h"
#include "../maps.h"

#define LEAST_OVERHEAD(candidate) ((__u64)(candidate)->active * 256 + (candidate)->inactive)

/* Who has been taken so far. */
struct best {
	__u64 load;
	__u32 weight;
	__u32 real; /* or REAL_NONE */
};

struct least {
	const struct version *version;
	__u32 position; /* members still to be looked at */
	struct best best;
};

static __always_inline void best_take(struct best *best, const struct candidate *candidate, __u64 load, __u32 weight)
{
	if (best->real == REAL_NONE || best->load * weight > load * best->weight)
		*best = (struct best){ load, weight, candidate->real };
}

/* The heaviest: as if every load were the same, and weight counted the other way round. */
static __always_inline void best_take_heaviest(struct best *best, const struct candidate *candidate)
{
	if (best->real == REAL_NONE || candidate->weight > best->weight)
		*best = (struct best){ 0, candidate->weight, candidate->real };
}

/* Looks at the next member; true: no other can be better. */
static __always_inline bool least_look(struct least *least, __u32 scheduler)
{
	struct best *best = &least->best;
	struct candidate candidate;

	if (!candidate_at(least->version, --least->position, &candidate))
		return false;
	candidate_load(&candidate);
	switch (scheduler) {
	case SCHEDULER_LC:
		best_take(best, &candidate, LEAST_OVERHEAD(&candidate), 1);
		return false;
	case SCHEDULER_NQ: /* who has nothing to do comes first */
		if (!candidate.active) {
			best->real = candidate.real;
			return true;
		}
		best_take(best, &candidate, (__u64)candidate.active + 1, candidate.weight);
		return false;
	case SCHEDULER_SED:
		best_take(best, &candidate, (__u64)candidate.active + 1, candidate.weight);
		return false;
	case SCHEDULER_OVF:
		if (candidate.active <= candidate.weight)
			best_take_heaviest(best, &candidate);
		return false;
	case SCHEDULER_FO:
		best_take_heaviest(best, &candidate);
		return false;
	default:
		best_take(best, &candidate, LEAST_OVERHEAD(&candidate), candidate.weight);
		return false;
	}
}

static long least_step(__u32 step __attribute__((unused)), void *context)
{
	struct least *least = context;

	return !least->position || least_look(least, least->version->scheduler);
}

static __always_inline __u32 schedule_least(const struct version *version)
{
	struct least least = { .version = version, .position = version->member_count };

	bpf_loop(version->member_count, least_step, &least, 0);
	return least.best.real;
}

#endif

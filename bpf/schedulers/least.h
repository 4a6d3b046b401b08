// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * schedulers/least.h - lc, wlc, sed, nq, fo and ovf: look at every member once, keep the best.
 *
 * Of equals the first in list order stays. Loads are compared for their weights by cross-multiplication, in 64 bits, so
 * nothing is rounded. Where weights and features allow it, a scan that has no branches finds the same (below).
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

	if (!candidate_at(least->version, --least->position, &candidate) || !candidate_load(&candidate))
		return false;
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

/*
 * The same where the weights allow it (VERSION_SCALED): load * scale orders the contenders as load / weight does, so all
 * that there is to know of one fits a word, its place in the list included, and the least word wins. No branch depends
 * on what is compared, since a flood makes every guess of it wrong; and each instruction counts, since it is one for every
 * contender.
 */
#define SCAN_MEMBERS 256

static __always_inline __u64 scan_least(__u64 one, __u64 other)
{
	__u64 difference = one - other, mask = (__s64)difference >> 63;

	barrier_var(mask); /* else the compiler makes a branch of it */
	other += difference & mask;
	barrier_var(other);
	return other;
}

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
static __always_inline __u64 scan_contender(const struct contender *contender, const struct loads *all, __u32 scheduler)
{
	__u64 at = contender->load & (sizeof(*all) - sizeof(all->of[0])), load;

	asm("%0 += %1" : "+r"(at) : "r"(all)); /* the compiler would copy the pointer first */
	load = *(const __u64 *)at;
	if (scheduler == SCHEDULER_LC)
		return load & -LOAD_OF_INACTIVE;
	return scan_load(load, scheduler) * contender->scale;
}

/* The least of a block, its place in it included. */
static __always_inline __u64 scan_block(const struct contender *block, const struct loads *all, __u32 scheduler)
{
	__u64 even = scan_contender(block, all, scheduler), odd = scan_contender(block + 1, all, scheduler) + 1;

#pragma unroll
	for (__u32 i = 2; i < CONTENDER_BLOCK; i += 2) {
		even = scan_least(scan_contender(block + i, all, scheduler) + i, even);
		odd = scan_least(scan_contender(block + i + 1, all, scheduler) + i + 1, odd);
	}
	return scan_least(even, odd);
}

static __always_inline __u32 scan(const struct version *version, __u32 scheduler)
{
	__u32 offset = version->contender_offset, count = version->contender_count, place;
	struct contenders *contenders_ = bpf_map_lookup_elem(&contenders, &only_key);
	struct loads *loads_ = bpf_map_lookup_elem(&loads, &only_key);
	const struct contender *block;
	__u64 best = ~0ULL >> 1;

	if (!contenders_ || !loads_ || !count)
		return REAL_NONE;
	for (__u32 i = 0; i < SCAN_MEMBERS && i < count; i += CONTENDER_BLOCK) {
		block = &contenders_->at[(offset + i) & (CONTENDERS - CONTENDER_BLOCK)];
		best = scan_least(scan_block(block, loads_, scheduler) + i, best);
	}
	place = offset + (best & ((1 << CONTENDER_PLACE_BITS) - 1));
	return contenders_->at[place & (CONTENDERS - 1)].load / sizeof(loads_->of[0]);
}

static __always_inline __u32 schedule_scan(const struct version *version)
{
	switch (version->scheduler) {
	case SCHEDULER_SED:
		return scan(version, SCHEDULER_SED);
	case SCHEDULER_NQ:
		return scan(version, SCHEDULER_NQ);
	default:
		return version->flags & VERSION_EQUAL ? scan(version, SCHEDULER_LC) : scan(version, SCHEDULER_WLC);
	}
}

#endif

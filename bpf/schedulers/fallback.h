// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * schedulers/fallback.h - sh-fallback and mh-fallback: a client whose own slot has nobody tries others, as IPVS does.
 *
 * Its own slot's number, then that plus 1, 2, 3 ... (modulo the table's size) are each hashed with the client again.
 */
#ifndef CAROM_SCHEDULERS_FALLBACK_H
#define CAROM_SCHEDULERS_FALLBACK_H

#include "../candidate.h"
#include "../hash.h"
#include "../maps.h"

struct fallback {
	const struct version *version;
	__u32 key; /* the client, as it was hashed for its own slot */
	__u32 offset;
	__u32 real;
};

/*
 * hash % slot_count, without a division: the quotient is (hash * factor + addend) >> shift, exactly, for every hash (Robison,
 * "N-bit unsigned division via N-bit multiply-add", 2005). carom.dataplane.xdp.division has the three numbers.
 */
static __always_inline __u32 slot_of_hash(const struct version *version, __u64 hash)
{
	return hash -
	       (((hash * version->slot_factor) + version->slot_addend) >> version->slot_shift) * version->slot_count;
}

static __always_inline __u32 slot_number(const struct version *version, __u32 key, __u32 offset)
{
	if (version->flags & VERSION_BUCKETS)
		return (bucket_hash(key) + offset) & (BUCKETS - 1);
	return slot_of_hash(version, mh_hash(key + offset));
}

/* Who is in a slot, if it may be given a new flow. */
static __always_inline __u32 slot_usable(__u64 slot)
{
	return candidate_is_overloaded(SLOT_NOW(slot)) ? REAL_NONE : SLOT_NOW(slot);
}

static long fallback_step(__u32 step __attribute__((unused)), void *context)
{
	struct fallback *fallback = context;
	const struct version *version = fallback->version;
	__u32 index = version->slot_offset + slot_number(version, fallback->key, fallback->offset);
	__u64 *slot = bpf_map_lookup_elem(&slots, &index);

	if (!slot)
		return 1;
	fallback->real = slot_usable(*slot);
	if (++fallback->offset >= version->slot_count)
		fallback->offset = 0;
	return fallback->real != REAL_NONE;
}

static __always_inline __u32 schedule_fallback(const struct version *version, __u32 key)
{
	struct fallback fallback = { .version = version, .key = key, .offset = slot_number(version, key, 0) };

	if (version->weight_max) /* else nobody is in any slot */
		bpf_loop(version->slot_count, fallback_step, &fallback, 0);
	return fallback.real;
}

#endif

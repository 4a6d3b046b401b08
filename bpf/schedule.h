// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * schedule.h - which real server a new flow gets: IPVS's schedulers, each family in a file of its own.
 *
 * A scheduler returns a real's id, or REAL_NONE when no real server can take the flow.
 */
#ifndef CAROM_SCHEDULE_H
#define CAROM_SCHEDULE_H

#include "hash.h"
#include "lookup.h"
#include "maps.h"
#include "parse.h"
#include "schedulers/fallback.h"
#include "schedulers/least.h"
#include "schedulers/locality.h"
#include "schedulers/round.h"
#include "schedulers/scan.h"
#include "schedulers/twos.h"

/*
 * What a version's scheduler hashes a flow by. The port must be added behind a branch: from a mask that is computed of the
 * flags, as the compiler would have it, the hash would wait until the version has come from memory.
 */
static __always_inline __u32 slot_key(const struct version *version, const struct tuple *tuple, bool ip6)
{
	__u32 key = fold(tuple->client, ip6);

	if (version->flags & (VERSION_HASHES_VIP | VERSION_HASHES_PORT)) {
		if (version->flags & VERSION_HASHES_VIP)
			return fold(tuple->vip, ip6);
		key += bpf_ntohs(tuple->client_port);
		barrier_var(key);
	}
	return key;
}

/* The slot of a version's consistent-hash table for a key; 0: nobody is in it. */
static __always_inline __u64 slot_of(const struct version *version, __u32 key)
{
	__u32 index = version->slot_offset + slot_number(version, key, 0);
	__u64 *slot;

	if (!version->slot_count)
		return 0;
	slot = bpf_map_lookup_elem(&slots, &index);
	return slot ? *slot : 0;
}

static __always_inline __u32 schedule_hash(const struct version *version, __u32 key)
{
	__u32 real = slot_usable(slot_of(version, key));

	if (real == REAL_NONE && version->flags & VERSION_FALLS_BACK)
		return schedule_fallback(version, key);
	return real;
}

/*
 * The schedulers' families, each a function of its own to the verifier (a global one), which has to see through their loops
 * once only, and with a frame of its own, since 512 bytes must do for the whole walk.
 */
__noinline int schedule_by_scan(__u32 version_index)
{
	return schedule_scan(version_of(version_index));
}

__noinline int schedule_by_locality(__u32 service, __u32 version_index, __u32 now)
{
	return schedule_locality(service, version_of(version_index), now);
}

__noinline int schedule_by_list(__u32 service, __u32 version_index, __u32 key)
{
	const struct version *version = version_of(version_index);

	switch (version->scheduler) {
	case SCHEDULER_RR:
	case SCHEDULER_WRR:
		return schedule_round(service, version);
	case SCHEDULER_TWOS:
		return schedule_twos(version);
	case SCHEDULER_MH:
	case SCHEDULER_SH:
	case SCHEDULER_DH:
		return schedule_hash(version, key);
	default:
		return schedule_least(version);
	}
}

/* The real server for a new flow of a service in this view of it; `key` is its slot_key(). */
static __always_inline __u32 schedule(__u32 service, const struct view *view, __u32 key, __u32 now)
{
	const struct version *version = view->version;

	if (!(constants.features & FEATURE_LIMITS) && version->flags & VERSION_CONTENDERS)
		return schedule_by_scan(view->index);
	if (version->scheduler == SCHEDULER_LBLC || version->scheduler == SCHEDULER_LBLCR)
		return schedule_by_locality(service, view->index, now);
	return schedule_by_list(service, view->index, key);
}

#endif

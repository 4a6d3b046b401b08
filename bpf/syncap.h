// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * syncap.h - so many SYNs a second from one network of clients, and no more.
 *
 * The picture: an array of buckets of four counters; a client's network may count in any of the four of one bucket, chosen
 * by a keyed hash. A counter is one word:
 *
 *   tag (24) | second (16) | SYNs (24)
 *
 * The tag is the rest of the hash, so two networks share a counter once in millions of pairs, and nobody outside can bring that
 * about. A counter of an earlier second is free. Where all four are in use by others, nothing is counted and the SYN
 * passes: a flood from everywhere makes the cap weaker, and cuts nobody off.
 */
#ifndef CAROM_SYNCAP_H
#define CAROM_SYNCAP_H

#include "flow.h"
#include "lookup.h"
#include "maps.h"
#include "parse.h"

#define SYNCAP_COUNT(word) ((__u32)(word) & 0xffffff)
#define SYNCAP_OWNER(word) ((word) >> 24)
#define SYNCAP_SECOND(owner) ((__u16)(owner))

static __always_inline __u64 syncap_hash(const struct tuple *tuple, bool ip6)
{
	__u64 high, low;

	if (!ip6)
		return flow_mix((tuple->client[0] & settings.syn_mask4) ^ settings.seed);
	high = (tuple->client[0] & settings.syn_mask6[0]) | (__u64)(tuple->client[1] & settings.syn_mask6[1]) << 32;
	low = (tuple->client[2] & settings.syn_mask6[2]) | (__u64)(tuple->client[3] & settings.syn_mask6[3]) << 32;
	return flow_mix(flow_mix(high ^ settings.seed) ^ low);
}

/* A place of an earlier second becomes this network's, with its first SYN, if there is one. */
static __always_inline void syncap_take(struct syncap_bucket *bucket, __u64 owner)
{
	__u64 word;

	for (int i = 0; i < SYNCAP_PLACES; i++) {
		word = bucket->places[i];
		if ((!word || SYNCAP_SECOND(SYNCAP_OWNER(word)) != SYNCAP_SECOND(owner)) &&
		    __sync_val_compare_and_swap(&bucket->places[i], word, owner << 24 | 1) == word)
			return;
	}
}

/* Counts a SYN of the network with this hash, if it may pass. Of SYNs at the same instant a few more may. */
static __noinline bool syncap_count(__u64 hash, __u32 rate, __u32 now)
{
	__u64 owner = (hash >> 40) << 16 | (__u16)now;
	__u32 index = hash & (SYNCAP_BUCKETS - 1);
	struct syncap_bucket *bucket = bpf_map_lookup_elem(&syncap, &index);
	__u64 word;

	if (!bucket)
		return true;
	for (int i = 0; i < SYNCAP_PLACES; i++) {
		word = bucket->places[i];
		if (SYNCAP_OWNER(word) != owner)
			continue;
		if (SYNCAP_COUNT(word) >= rate)
			return false;
		__sync_fetch_and_add(&bucket->places[i], 1);
		return true;
	}
	syncap_take(bucket, owner);
	return true;
}

static __always_inline bool syncap_allows(const struct tuple *tuple, bool ip6, __u32 now)
{
	__u64 hash = syncap_hash(tuple, ip6);

	return !settings.syn_rate || syncap_count(hash, settings.syn_rate, now);
}

#endif

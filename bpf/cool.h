// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cool.h - which slots that changed are still needed as they were: asked by user space, some buckets at a time.
 *
 * A slot that changed is tracked: its flows have entries, and one that is elsewhere than new ones go finds its way by its
 * entry. When all flows without an entry have ended, user space lets nobody go to where the slot was before any more; from
 * then on no flow begins elsewhere. A slot in which this finds none of the others, in the whole of both tables, need not be
 * tracked: where its flows are is where it leads. The others are marked (SLOT_HELD). carom.dataplane.xdp.cooling has the rest.
 *
 * A flow that is moved to its other bucket meanwhile may be missed, so user space looks at `moves` before and after.
 */
#ifndef CAROM_COOL_H
#define CAROM_COOL_H

#include "flow.h"
#include "maps.h"
#include "schedule.h"

struct cooling {
	__u32 service;
	__u32 version;
	__u32 bucket; /* the first */
	__u32 buckets; /* how many */
	__u32 vip; /* as it is hashed: fold() */
};

struct look_for_held {
	const struct version *version;
	__u32 service, bucket, vip, now;
};

static __always_inline void cool_flow(const struct look_for_held *look, __u64 word, __u32 client, __be16 port)
{
	const struct version *version = look->version;
	__u32 index, key = client;
	__u64 *slot;

	if (!FLOW_VIP(word) || real_of(FLOW_REAL(word))->service != look->service || flow_has_ended(word, look->now))
		return;
	if (version->flags & VERSION_HASHES_PORT)
		key += bpf_ntohs(port);
	if (version->flags & VERSION_HASHES_VIP)
		key = look->vip;
	index = version->slot_offset + slot_number(version, key, 0);
	slot = bpf_map_lookup_elem(&slots, &index);
	if (slot && SLOT_NOW(*slot) != FLOW_REAL(word))
		__sync_fetch_and_or(slot, SLOT_HELD);
}

static long cool_step(__u32 step __attribute__((unused)), void *context)
{
	struct look_for_held *look = context;
	__u32 index = look->bucket++ & (constants.flow_buckets - 1);
	struct bucket4 *bucket4 = bpf_map_lookup_elem(&flows4, &index);
	struct bucket6 *bucket6 = bpf_map_lookup_elem(&flows6, &index);
	const struct flow4 *four;
	const struct flow6 *six;

	for (int i = 0; bucket4 && i < BUCKET_FLOWS; i++) {
		four = &bucket4->flows[i];
		cool_flow(look, four->word, bpf_ntohl((__u32)four->key), (__be16)(four->key >> 32));
	}
	for (int i = 0; constants.features & FEATURE_IP6 && bucket6 && i < BUCKET_FLOWS; i++) {
		six = &bucket6->flows[i];
		cool_flow(look, six->word, fold(six->key.client.words, true), six->key.client_port);
	}
	return 0;
}

/* Asked with a struct cooling as its context. */
SEC("syscall")
int cool(struct cooling *asked)
{
	struct look_for_held look = {
		.version = version_of(asked->version),
		.service = asked->service,
		.bucket = asked->bucket,
		.vip = asked->vip,
		.now = clock_now(),
	};

	bpf_loop(asked->buckets, cool_step, &look, 0);
	return 0;
}

#endif

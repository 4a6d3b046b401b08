// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * vlan.h - 802.1Q: the tag is taken off before the walk and put on after it, so that nothing between knows of it.
 *
 * What leaves has the tag with which it came, priority and all (so has what is only priority-tagged, VLAN 0), unless it
 * goes to a real server on a segment of its own: then it has that one's VLAN, or none. A frame with two tags, or with a
 * service tag (802.1ad), is left to the host as it is.
 */
#ifndef CAROM_VLAN_H
#define CAROM_VLAN_H

#include "maps.h"
#include "parse.h"
#include "reason.h"

#define VLAN_TAGGED 0x10000 /* above a tag's sixteen bits, so that no tag is 0 */
#define VLAN_ID 0x0fff

struct tagged {
	__u32 macs[3];
	__be16 type;
	__be16 tag;
	__be16 inner;
} __attribute__((packed));

#define VLAN_BYTES 4

static __always_inline bool vlan_is_type(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* Takes the tag off; 0: there is none that could be. */
static __noinline __u32 vlan_strip(struct xdp_md *frame)
{
	struct tagged *at = (void *)(long)frame->data, was;

	if ((void *)(at + 1) > (void *)(long)frame->data_end || vlan_is_type(at->inner))
		return 0;
	was = *at;
	if (bpf_xdp_adjust_head(frame, VLAN_BYTES))
		return 0;
	at = (void *)(long)frame->data;
	if ((void *)at + sizeof(was.macs) > (void *)(long)frame->data_end)
		return 0;
	__builtin_memcpy(at->macs, was.macs, sizeof(was.macs));
	return VLAN_TAGGED | bpf_ntohs(was.tag);
}

static __always_inline __u32 vlan_take_off(struct xdp_md *frame)
{
	struct ethhdr *eth = (void *)(long)frame->data;
	void *end = (void *)(long)frame->data_end;
	__u32 tag =
		(__u64)(end - (void *)eth) >> 32; /* 0, which the verifier cannot know: it walks one way for all tags */

	if ((void *)(eth + 1) <= end && eth_type(eth) == bpf_htons(ETH_P_8021Q))
		tag += vlan_strip(frame);
	return tag;
}

/* The tag with which a frame leaves for a real server; 0: without one. */
static __always_inline __u32 vlan_of_real(__u32 tag)
{
	__u32 zero = 0, *vlan = bpf_map_lookup_elem(&way_out, &zero);

	if (!vlan || *vlan == VLAN_AS_IT_CAME)
		return tag;
	return *vlan == VLAN_NONE ? 0 : VLAN_TAGGED | (tag & 0xf000) | *vlan;
}

static __noinline enum reason vlan_tag(struct xdp_md *frame, __u32 tag, enum reason reason)
{
	struct tagged *at = (void *)(long)frame->data;
	__u32 macs[3];

	if ((void *)at + sizeof(macs) > (void *)(long)frame->data_end)
		return REASON_INTERNAL;
	__builtin_memcpy(macs, at->macs, sizeof(macs));
	if (bpf_xdp_adjust_head(frame, -VLAN_BYTES))
		return REASON_INTERNAL;
	at = (void *)(long)frame->data;
	if ((void *)(at + 1) > (void *)(long)frame->data_end)
		return REASON_INTERNAL;
	__builtin_memcpy(at->macs, macs, sizeof(macs));
	at->type = bpf_htons(ETH_P_8021Q);
	at->tag = bpf_htons(tag);
	return reason;
}

/* After the walk. */
static __always_inline enum reason vlan_put_on(struct xdp_md *frame, __u32 tag, enum reason reason)
{
	if (constants.features & FEATURE_VLAN && reason_verdict(reason) == XDP_OUT)
		tag = vlan_of_real(tag);
	return tag ? vlan_tag(frame, tag, reason) : reason;
}

#endif

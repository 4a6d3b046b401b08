// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* lookup.h - is this a VIP, and which service, in which state, is behind this port of it? */
#ifndef CAROM_LOOKUP_H
#define CAROM_LOOKUP_H

#include "maps.h"
#include "parse.h"

#define FRONTEND_FACTOR 0x9e3779b97f4a7c15ULL /* 2^64 by the golden ratio */

/* The state of a service that this packet sees, whatever changes meanwhile. */
struct view {
	__u32 service;
	__u32 index; /* of the version */
	const struct version *version;
	__u16 vip; /* the flow table's name for VIP and protocol */
};

/* `address` is an IPv4 address, or the XOR of an IPv6 address's four words, in network order. */
static __always_inline bool vip_filter_has(__be32 address)
{
	return settings.vip_filter[address * 0x9e3779b1u >> (32 - VIP_FILTER_BITS)];
}

static __always_inline bool is_vip(const __be32 *address, bool ip6)
{
	struct vip *vip = ip6 ? bpf_map_lookup_elem(&vips6, address) : bpf_map_lookup_elem(&vips4, address);

	return vip && HALF_OF(vip->halves, settings.half);
}

/*
 * The filter may err on the side of VIPs; what is rare may ask again. By the frame alone: what is passed on by its address
 * cannot stay in registers.
 */
static __noinline enum reason if_vip(struct xdp_md *frame, enum reason reason)
{
	struct packet packet;

	if (!packet_of(frame, &packet))
		return REASON_INTERNAL;
	if (eth_type(packet.eth) == bpf_htons(ETH_P_IP)) {
		if (!parse_ip4(&packet, packet.eth + 1))
			return REASON_NOT_VIP;
		packet.tuple.vip[0] = packet.ip->daddr;
		return is_vip(packet.tuple.vip, false) ? reason : REASON_NOT_VIP;
	}
	if (!(constants.features & FEATURE_IP6) || !parse_ip6(&packet, packet.eth + 1))
		return REASON_NOT_VIP;
	__builtin_memcpy(packet.tuple.vip, &packet.ip6->daddr, sizeof(packet.tuple.vip));
	return is_vip(packet.tuple.vip, true) ? reason : REASON_NOT_VIP;
}

static __always_inline __u32 frontend_hash(__u64 key)
{
	return (key ^ key >> 32) * FRONTEND_FACTOR >> (64 - FRONTEND_BUCKET_BITS);
}

static __always_inline __u64 frontend6_fold(__u64 high, __u64 low, __u64 key)
{
	return high * FRONTEND_FACTOR + (low ^ key);
}

/* The compiler must not know that all looks end alike: it would compute a place's number, and from that where its word is. */
#define FRONTEND4_LOOK(place) \
	if (bucket->places[place].key == key) { \
		word = bucket->places[place].word; \
		asm volatile("" : "+r"(word) : "i"(place)); \
		return word; \
	}

/* The word behind a key in this bucket; 0: none. */
static __always_inline __u64 frontend4_in(const struct frontends4 *bucket, __u64 key)
{
	__u64 word;

	FRONTEND4_LOOK(0);
	FRONTEND4_LOOK(1);
	FRONTEND4_LOOK(2);
	FRONTEND4_LOOK(3);
	return 0;
}

static __always_inline __u64 frontend6_in(const struct frontends6 *bucket, __u64 high, __u64 low, __u64 key)
{
#pragma unroll
	for (int i = 0; i < FRONTENDS; i++)
		if (!((bucket->places[i].vip[1] ^ low) | (bucket->places[i].key ^ key) |
		      (bucket->places[i].vip[0] ^ high)))
			return bucket->places[i].word;
	return 0;
}

/* The rare rest of a lookup, in the buckets behind a full one. Functions of their own to the verifier, as schedule() is. */
__noinline __u64 frontend4_behind(__u64 key, __u32 index)
{
	struct frontends4 *bucket;
	__u64 word = 0;

	for (int i = 1; i < FRONTEND_REACH && !word; i++) {
		index = (index + 1) & (FRONTEND_BUCKETS - 1);
		bucket = &frontends4[index];
		word = frontend4_in(bucket, key);
		if (!bucket->places[FRONTENDS - 1].key)
			break;
	}
	return word;
}

__noinline __u64 frontend6_behind(__u64 high, __u64 low, __u64 key, __u32 index)
{
	struct frontends6 *bucket;
	__u64 word = 0;

	for (int i = 1; i < FRONTEND_REACH && !word; i++) {
		index = (index + 1) & (FRONTEND_BUCKETS - 1);
		bucket = &frontends6[index];
		word = frontend6_in(bucket, high, low, key);
		if (!bucket->places[FRONTENDS - 1].key)
			break;
	}
	return word;
}

static __always_inline __u64 frontend4_at(__be32 vip, __u64 port)
{
	__u64 key = vip | port << 32;
	__u32 index = frontend_hash(key);
	const struct frontends4 *bucket = &frontends4[index];
	__u64 word = frontend4_in(bucket, key);

	if (!word && bucket->places[FRONTENDS - 1].key)
		word = frontend4_behind(key, index);
	return word;
}

static __always_inline __u64 frontend6_at(const __be32 *vip, __u64 port)
{
	__u64 high = vip[0] | (__u64)vip[1] << 32, low = vip[2] | (__u64)vip[3] << 32, key = port << 32;
	__u32 index = frontend_hash(frontend6_fold(high, low, key));
	const struct frontends6 *bucket = &frontends6[index];
	__u64 word = frontend6_in(bucket, high, low, key);

	if (!word && bucket->places[FRONTENDS - 1].key)
		word = frontend6_behind(high, low, key, index);
	return word;
}

/* What is known of a VIP's port, FRONTEND_...; 0: nothing. */
static __always_inline __u64 frontend_at(const struct tuple *tuple, bool ip6, __be16 port)
{
	__u64 port_of = port | (__u64)tuple->protocol << 16;

	return ip6 ? frontend6_at(tuple->vip, port_of) : frontend4_at(tuple->vip[0], port_of);
}

/* The service of a port that has no frontend of its own: a range's, else that of all ports. */
static __always_inline __u32 service_of_range(__u32 all, __u16 port)
{
	__u32 index = FRONTEND_RANGES(all);
	struct range *range;

	for (__u32 i = 0; i < RANGES_MAX && index; i++) {
		range = bpf_map_lookup_elem(&ranges, &index);
		if (!range)
			break;
		if (range->first <= port && port <= range->last)
			return range->service & ~RANGE_LAST;
		index = range->service & RANGE_LAST ? 0 : index + 1;
	}
	return FRONTEND_SERVICE(all);
}

static __always_inline void find_frontend(const struct tuple *tuple, bool ip6, __u32 half, struct view *view)
{
	__u64 frontend = tuple->vip_port ? frontend_at(tuple, ip6, tuple->vip_port) : 0;

	view->service = FRONTEND_SERVICE(HALF_OF(frontend, half));
	if (!view->service && constants.features & FEATURE_RANGES) {
		frontend = frontend_at(tuple, ip6, 0);
		view->service = service_of_range(HALF_OF(frontend, half), bpf_ntohs(tuple->vip_port));
	}
	view->vip = FRONTEND_VIP(frontend);
}

static __always_inline bool view_service(const struct tuple *tuple, bool ip6, struct view *view)
{
	__u32 half = *(const volatile __u32 *)&settings.half; /* once: the other half is another plan */

	find_frontend(tuple, ip6, half, view);
	view->index = version_in(view->service, half);
	view->version = version_of(view->index);
	barrier_var(view->version); /* else it is computed again and again */
	return view->index;
}

#endif

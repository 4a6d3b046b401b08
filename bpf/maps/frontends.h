// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/frontends.h - from a VIP, protocol and port to a service. */
#ifndef CAROM_MAPS_FRONTENDS_H
#define CAROM_MAPS_FRONTENDS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "settings.h"

struct vip {
	__u32 halves; /* in each half 1: the VIP is one */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __be32);
	__type(value, struct vip);
} vips4 SEC(".maps");

struct ip6 {
	__be32 words[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct ip6);
	__type(value, struct vip);
} vips6 SEC(".maps");

/*
 * Where a packet finds its service: hash tables of our own, since a lookup in the kernel's costs more than all the rest of
 * a packet's walk. A bucket's places are filled from the front, and a key that finds its bucket full stands in one of the
 * next ones: so a lookup ends at the first bucket whose last place is free, which nearly always is the first one, and in
 * one cache line. lookup.h has the hash, carom.dataplane.xdp.directory the other side.
 *
 * Port 0 stands for all ports of a VIP and protocol that have no frontend of their own: first its ranges are asked.
 */
#define FRONTEND_SERVICE(half) ((half) & 0xfff) /* index into services; 0: none */
#define FRONTEND_RANGES(half) ((half) >> 12) /* where its ranges begin; 0: it has none */
#define FRONTEND_VIP(word) ((word) >> 2 * HALF_BITS) /* identifies (VIP, protocol) in a flow's word; counts from 1 */

struct frontend4 {
	__u64 key; /* VIP (32) | port (16) | protocol (16); 0: the place is free */
	__u64 word; /* FRONTEND_...: two halves, and the VIP's number above them */
};

struct frontend6 {
	__u64 vip[2];
	__u64 key; /* 0 (32) | port (16) | protocol (16); 0: the place is free */
	__u64 word;
};

#define FRONTENDS 4 /* in a bucket */
#define FRONTEND_BUCKET_BITS 13
#define FRONTEND_BUCKETS (1 << FRONTEND_BUCKET_BITS)
#define FRONTEND_REACH 16 /* buckets that a key may stand in */

struct frontends4 {
	struct frontend4 places[FRONTENDS];
};

struct frontends6 {
	struct frontend6 places[FRONTENDS];
};

struct frontends4 frontends4[FRONTEND_BUCKETS] SEC(".bss.frontends4");
struct frontends6 frontends6[FRONTEND_BUCKETS] SEC(".bss.frontends6");

#define RANGES_MAX 64 /* of one VIP and protocol */
#define RANGE_LAST (1u << 31) /* with the service of the last of them */

struct range {
	__u16 first, last; /* host order, both included */
	__u32 service; /* RANGE_... */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct range);
} ranges SEC(".maps");

#endif

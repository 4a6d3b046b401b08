// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/flows.h - the flow tables. */
#ifndef CAROM_MAPS_FLOWS_H
#define CAROM_MAPS_FLOWS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "frontends.h"

/* What a flow's entry looks like, and how it is found, is the matter of flow.h. */
struct flow4 {
	__u64 key;
	__u64 word;
};

#define BUCKET_FLOWS 4
#define LINE_FLOWS6 2 /* of IPv6 in a cache line */

struct bucket4 {
	struct flow4 flows[BUCKET_FLOWS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 18);
	__uint(map_flags, BPF_F_MMAPABLE); /* its values begin on a page, so a bucket is in one cache line */
	__type(key, __u32);
	__type(value, struct bucket4);
} flows4 SEC(".maps");

struct flow6_key {
	struct ip6 client;
	__be16 client_port;
	__be16 vip_port;
	__u32 zero;
};

struct flow6 {
	struct flow6_key key;
	__u64 word;
};

struct bucket6 {
	struct flow6 flows[BUCKET_FLOWS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 18);
	__uint(map_flags, BPF_F_MMAPABLE); /* its values begin on a page, so a bucket is in one cache line */
	__type(key, __u32);
	__type(value, struct bucket6);
} flows6 SEC(".maps");

/* Moves of flows to their other buckets: room.h. */
struct moves {
	__u32 begun;
	__u32 done;
	__u32 last; /* second in which the last one began */
};

struct moves moves SEC(".bss.moves");

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/fragments.h - where the first pieces of datagrams went. */
#ifndef CAROM_MAPS_FRAGMENTS_H
#define CAROM_MAPS_FRAGMENTS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "frontends.h"

struct fragment_key {
	struct ip6 client; /* IPv4 in the first word */
	struct ip6 vip;
	__u32 id; /* as it stands in the header */
	__u32 protocol; /* IPv6: 0 */
};

/* Where the first piece of a datagram went: fragment.h. */
struct fragment {
	__u32 real;
	__u32 seen; /* second in which it came */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
} fragments SEC(".maps");

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/defence.h - what is counted so that there is not more of it in a second. */
#ifndef CAROM_MAPS_DEFENCE_H
#define CAROM_MAPS_DEFENCE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SYNCAP_BUCKETS (1 << 14)
#define SYNCAP_PLACES 4

/* SYNs of networks in this second: syncap.h. */
struct syncap_bucket {
	__u64 places[SYNCAP_PLACES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SYNCAP_BUCKETS);
	__type(key, __u32);
	__type(value, struct syncap_bucket);
} syncap SEC(".maps");

/* Errors of our own: the second (32), and how many were wanted in it (32). */
__u64 icmp_sent SEC(".bss.icmp_sent");

#endif

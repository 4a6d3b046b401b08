// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/handover.h - what a program and the one before it have to say to each other. */
#ifndef CAROM_MAPS_HANDOVER_H
#define CAROM_MAPS_HANDOVER_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "frontends.h"

/* Which packets of flows that are not known here go to the program before: handover.h. */
#define HANDOVER_GOING_ON 1 /* those that begin nothing */
#define HANDOVER_BEGINNING 2 /* those that may begin a flow */

struct handover {
	__u32 asks; /* HANDOVER_... */
	__u32 since; /* flows that the program before has not seen since this second are all here */
};

struct handover handover SEC(".bss.handover");

/* The program before, at 0. Each loaded program has a map of its own; it is pinned while a handover lasts. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} before SEC(".maps");

/* A flow of another table, as it is to be in this one. */
struct adopted {
	struct ip6 client; /* IPv4 in the first word */
	__be16 client_port;
	__be16 vip_port;
	__u32 ip6;
	__u64 base; /* its word when it was adopted before; 0: it was not */
	__u64 word; /* as it is now; 0: it has gone */
};

/* As many as are adopted in one go; one where none are. Not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct adopted);
} adopted SEC(".maps");

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/reals.h - of each real server: where it is, what it has, what it was sent. */
#ifndef CAROM_MAPS_REALS_H
#define CAROM_MAPS_REALS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Real ids count from 1, over all services; one id is one (service, real server). 0 is "none". */
#define REAL_NONE 0
#define REAL_BITS 20

#define REAL_HAS_MAC 1
#define REAL_MOVES 2 /* it is down: its flows are scheduled anew at their next packet */
#define REAL_AVAILABLE 4 /* configured and up, though perhaps quiesced: persistent clients go on to it */
#define REAL_LOCAL 8 /* it is this host, which gets the frame as it came */

#define VLAN_AS_IT_CAME 0
#define VLAN_NONE 0xffff /* untagged */

struct real {
	__u8 mac[6];
	__u16 flags;
	__u32 service;
	__u16 mtu; /* the largest packet that can be sent to it; 0: of every size */
	__u16 vlan; /* VLAN_...; any other: of its segment */
};

#define REALS (1 << 17) /* of all services, at most */

struct real reals[REALS] SEC(".bss.reals");

static __always_inline struct real *real_of(__u32 id)
{
	struct real *real = &reals[id & (REALS - 1)];

	barrier_var(real); /* else it is computed again and again */
	return real;
}

/*
 * Flows of each real server in one word, so that one addition counts one: its active flows, and above them its overhead,
 * by which IPVS compares real servers: 256 for each active flow, 1 for each inactive one.
 */
#define LOAD_ACTIVE_BITS 28
#define LOAD_OF_ACTIVE ((256ULL << LOAD_ACTIVE_BITS) + 1)
#define LOAD_OF_INACTIVE (1ULL << LOAD_ACTIVE_BITS)
#define LOAD_OVERHEAD(load) ((load) >> LOAD_ACTIVE_BITS)
#define LOAD_ACTIVE(load) ((__u32)(load) & ((1u << LOAD_ACTIVE_BITS) - 1))
#define LOAD_INACTIVE(load) (LOAD_OVERHEAD(load) - 256ULL * LOAD_ACTIVE(load))
#define LOAD_FLOWS(load) (LOAD_OVERHEAD(load) - 255ULL * LOAD_ACTIVE(load))

__u64 loads[REALS] SEC(".bss.loads");

static __always_inline __u64 *load_of(__u32 real)
{
	return &loads[real & (REALS - 1)];
}

/* Thresholds of a real server, and whether it is over them. */
struct limit {
	__u32 upper; /* flows at which it is overloaded; 0: never */
	__u32 lower; /* flows below which it no longer is; 0: three quarters of `upper` */
	__u32 overloaded;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct limit);
} limits SEC(".maps");

/* lblcr: at which turn a real server became one of its VIP's homes; 0: it is none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u32);
} homes SEC(".maps");

/* The VLAN of the real server that the frame under way goes to. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} way_out SEC(".maps");

struct real_counter {
	__u64 packets;
	__u64 bytes;
	__u64 new_flows;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct real_counter);
} real_counters SEC(".maps");

/* What goes wrong on the way home shows in the half that is seen: handshakes that do not come about. */
struct handshakes {
	__u64 repeated; /* SYNs of flows that had begun with one before */
	__u64 lost; /* flows that ended, or had to make room, before their client's first ACK */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REALS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct handshakes);
} handshakes SEC(".maps");

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/settings.h - what holds for all services, the time, and the inside NIC. */
#ifndef CAROM_MAPS_SETTINGS_H
#define CAROM_MAPS_SETTINGS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define HALF_BITS 24 /* of the words below that have two halves */
#define HALF_OF(word, half) ((__u32)((word) >> (half)) & ((1u << HALF_BITS) - 1))

#define VIP_FILTER_BITS 12
#define PEERS_MAX 8

struct settings {
	__u32 layout; /* LAYOUT_VERSION of who wrote the maps */
	__u32 answering; /* 1: answer ARP, neighbour solicitation and echo for the VIPs */
	__u64 seed; /* secret of the flow table's hash, so that nobody outside can fill one bucket */
	__u32 half; /* 0 or HALF_BITS: where the half begins that packets read */
	__u32 icmp_rate; /* ICMP errors of our own, a second at most */
	__u32 syn_rate; /* SYNs of one network of clients, a second at most; 0: as many as they like */
	__be32 syn_mask4; /* what of a client's address is its network */
	__be32 syn_mask6[4];
	__u16 timeouts[32]; /* by enum flow_state, seconds without a packet until a flow has ended */
	__u8 vip_filter[1 << VIP_FILTER_BITS]; /* Bloom filter of the VIPs, a byte for each bit: vip_filter_has() */
	__u64 peers[PEERS_MAX]; /* MACs of peer directors, as a little-endian number each; 0: none */
};

struct settings settings SEC(".bss.settings");

/* Seconds, written by the clock's timer (clock.h); tests write it themselves, so time is an input. */
struct clock {
	__u32 seconds;
	__u32 swept; /* next bucket for the sweeper */
	__u64 ticks;
};

struct clock clock SEC(".bss.clock");

/* Seconds. Asked once for a packet, which has one time. */
static __always_inline __u32 clock_now(void)
{
	return *(volatile __u32 *)&clock.seconds;
}

/* The inside NIC, at 0. Each loaded program has a map of its own, which lives and ends with it: this one is not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32); /* interface index */
} inside SEC(".maps");

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/constants.h - what is set before the program is loaded, and known to the verifier. */
#ifndef CAROM_MAPS_CONSTANTS_H
#define CAROM_MAPS_CONSTANTS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Set before the program is loaded: the verifier knows them, so what they rule out costs nothing. */
struct constants {
	__u32 flow_buckets; /* a power of two: max_entries of flows4, and of flows6 */
	__u32 features; /* FEATURE_...: what the plan uses; all else is left out */
	__u8 own_mac[6]; /* of the NIC the program sits on */
	__u8 zero[2]; /* so that each MAC begins on a word */
	__u8 out_mac[6]; /* of the NIC by which real servers are reached: the same, or the inside one's */
	__u8 zero_too[2];
	__u32 out_mtu; /* of the inside NIC; 0: there is none, and what came in fits through the same NIC */
};

#define FEATURE_LIMITS 1 /* thresholds of real servers */
#define FEATURE_RANGES 2 /* port ranges, and services of all ports */
#define FEATURE_IP6 4 /* IPv6 VIPs */
#define FEATURE_PERSISTENCE 8 /* clients that stay with their real server */
#define FEATURE_INSIDE (1 << 8) /* a second NIC, by which real servers are reached */
#define FEATURE_PEERS (1 << 9) /* other directors, which may forward to this one */
#define FEATURE_VLAN (1 << 10) /* real servers on segments of their own */
#define FEATURE_UNREACHABLE (1 << 16) /* clients are told when no real server can take them */
#define FEATURE_MTU (1 << 17) /* real servers that cannot be sent packets of every size */
#define FEATURE_SYN_RATE (1 << 18) /* networks that may begin so many connections a second */
#define FEATURE_CHECKSUM (1 << 19) /* IPv4 headers are proven sound by their checksum */
#define FEATURE_HANDOVER (1 << 20) /* flows are being taken over from a program of another layout */
#define FEATURE_ANY_ORDER (1 << 21) /* the processor may load in another order than the program: all but x86 */

const volatile struct constants constants SEC(".rodata.constants") = { .flow_buckets = 1 << 18 };

/* The key of maps with one value; not on the stack, of which the whole walk has 512 bytes. */
static const __u32 only_key = 0;

#endif

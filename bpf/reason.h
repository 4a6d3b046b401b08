// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reason.h - every way a packet can end, with what becomes of it and one sentence for the operator.
 *
 * REASON(name, verdict, normal, sentence): `normal` is 1 where a healthy director in production sees it all the time.
 * The table travels in the object (section .rodata.reasons), so user space shows what the running program means.
 */
#ifndef CAROM_REASON_H
#define CAROM_REASON_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The verdict of what goes to a real server: out of the inside NIC, or, with one NIC only, out of that (forward_out()). */
#define XDP_OUT XDP_REDIRECT

/* clang-format off */
#define REASON_TABLE(REASON) \
	REASON(FORWARDED,      XDP_OUT,  1, "Sent on to a real server.") \
	REASON(ICMP_FORWARDED, XDP_OUT,  1, "An ICMP error about a flow, sent on to that flow's real server.") \
	REASON(FRAGMENT,       XDP_OUT,  1, "A later fragment, sent on to where the first of its datagram went.") \
	REASON(STRAY,          XDP_OUT,  1, "Of no known flow and beginning none: sent on by consistent hash, kept nowhere.") \
	REASON(TABLE_FULL,     XDP_OUT,  0, "A new flow without room in the flow table: sent on by consistent hash.") \
	REASON(LOCAL,          XDP_PASS, 1, "To a real server that is this host itself: left to it.") \
	REASON(ARP_ANSWERED,   XDP_TX,   1, "An ARP request for a VIP, answered.") \
	REASON(ND_ANSWERED,    XDP_TX,   1, "A neighbour solicitation for an IPv6 VIP, answered.") \
	REASON(ECHO_ANSWERED,  XDP_TX,   1, "An ICMP echo request to a VIP, answered.") \
	REASON(UNREACHABLE,    XDP_TX,   0, "No real server can take it, and its client is told so: ICMP port unreachable.") \
	REASON(TOO_BIG_TOLD,   XDP_TX,   1, "Larger than the way to its real server, and its client is told the MTU by ICMP.") \
	REASON(NOT_OURS,       XDP_PASS, 1, "The frame is for another station, or for all: left to the host.") \
	REASON(NOT_IP,         XDP_PASS, 1, "Neither IP nor an ARP request for a VIP: left to the host.") \
	REASON(TAGGED_TWICE,   XDP_PASS, 0, "With two VLAN tags, a service tag, or a piece of a tag: left to the host.") \
	REASON(NOT_VIP,        XDP_PASS, 1, "Not addressed to a VIP: left to the host.") \
	REASON(NOT_ANSWERING,  XDP_PASS, 1, "ARP, ND or echo for a VIP while this director is the backup: left to the active one.") \
	REASON(NO_SERVICE,     XDP_PASS, 1, "To a VIP, but to no port or protocol that is served: left to the host.") \
	REASON(FROM_PEER,      XDP_PASS, 1, "To a VIP from a peer director, which has balanced it already: left to the host.") \
	REASON(ARP_CONFLICT,   XDP_PASS, 0, "Another station claims a VIP by ARP: a real server leaks, or two directors are active.") \
	REASON(MALFORMED,      XDP_DROP, 0, "Headers to a VIP that contradict themselves or the frame: dropped.") \
	REASON(SYN_CAPPED,     XDP_DROP, 0, "A SYN beyond what its network may send in a second: dropped.") \
	REASON(FRAGMENT_LOST,  XDP_DROP, 0, "A later fragment whose first has not come, or came too long ago: dropped.") \
	REASON(NO_REAL,        XDP_DROP, 0, "No real server can take it: all are down, quiesced, full or without a MAC.") \
	REASON(TOO_BIG,        XDP_DROP, 0, "Larger than the way to its real server, and nobody can be told: dropped.") \
	REASON(NO_MAC,         XDP_DROP, 0, "Its flow's real server has no known MAC: dropped.") \
	REASON(NO_INSIDE,      XDP_DROP, 0, "To a real server, and the inside NIC is gone: dropped.") \
	REASON(ICMP_NO_FLOW,   XDP_DROP, 1, "An ICMP error to a VIP that quotes no service of it: dropped.") \
	REASON(INTERNAL,       XDP_PASS, 0, "The maps contradict each other: a defect in Carom, please report it.")
/* clang-format on */

#define REASON_ENUM(name, verdict, normal, sentence) REASON_##name,
enum reason {
	REASON_TABLE(REASON_ENUM) REASONS,
	/* What is rare and long leaves the walk with one of these; the program's end finishes it, under a name above. */
	UNFINISHED_FRAGMENT = REASONS,
	UNFINISHED_NEIGHBOUR,
	UNFINISHED_ICMP,
	UNFINISHED_NO_REAL,
	UNFINISHED_BEFORE, /* the program before knows better */
	UNFINISHED_TOO_BIG, /* with the MTU above it */
};

#define UNFINISHED_TOO_BIG_FOR(mtu) (UNFINISHED_TOO_BIG | (mtu) << 8)
#define UNFINISHED_KIND(reason) ((reason) & 0xff)
#define UNFINISHED_MTU(reason) ((reason) >> 8)
#undef REASON_ENUM

struct reason_text {
	char name[24];
	char sentence[104];
	__u32 verdict;
	__u32 normal;
};

#define REASON_TEXT(name, verdict, normal, sentence) { #name, sentence, verdict, normal },
const struct reason_text reason_texts[REASONS]
	__attribute__((section(".rodata.reasons"), used)) = { REASON_TABLE(REASON_TEXT) };
#undef REASON_TEXT

static __always_inline int reason_verdict(enum reason reason)
{
#define REASON_CASE(name, verdict, normal, sentence) \
	case REASON_##name: \
		return verdict;
	switch (reason) {
		REASON_TABLE(REASON_CASE)
	default:
		return XDP_PASS;
	}
#undef REASON_CASE
}

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * director.bpf.c - a packet's whole walk, top to bottom.
 *
 *   frame for us? ── VIP? ── headers sound? ── service? ── flow known? ── else schedule ── two MACs ── count, verdict
 *        │ no          │ no        │ no            │ no
 *       PASS          PASS        DROP            PASS
 *
 * When in doubt, PASS: what is not addressed to a VIP is none of our business. Every way out has a name in reason.h.
 */
#include "adopt.h"
#include "answer.h"
#include "balance.h"
#include "clock.h"
#include "explain.h"
#include "forward.h"
#include "fragment.h"
#include "handover.h"
#include "icmp.h"
#include "icmp_made.h"
#include "lookup.h"
#include "maps.h"
#include "parse.h"
#include "peer.h"
#include "reason.h"
#include "vlan.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/*
 * Each family walks in a function of its own, with a packet of its own that stays in registers; what is rare is finished
 * elsewhere (finish()), with a packet that may be on the stack.
 */
static __noinline enum reason walk_ip4(struct xdp_md *frame)
{
	struct packet packet;
	struct tuple *tuple = &packet.tuple;
	void *at;

	packet_begin(frame, &packet);
	if (!parse_ip4(&packet, packet.eth + 1) || !vip_filter_has(packet.ip->daddr))
		return REASON_NOT_VIP;
	tuple->client[0] = packet.ip->saddr;
	tuple->vip[0] = packet.ip->daddr;
	tuple->protocol = packet.ip->protocol;
	at = parse_ip4_lengths(&packet, frame);
	if (!at || (constants.features & FEATURE_CHECKSUM && !ip4_checksum_holds(frame)))
		return if_vip(frame, REASON_MALFORMED);
	if (packet.ip->frag_off & bpf_htons(IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET))
		return if_vip(frame, UNFINISHED_FRAGMENT);
	switch (__builtin_expect(tuple->protocol, IPPROTO_TCP)) {
	case IPPROTO_TCP:
		at = parse_tcp(&packet, at);
		break;
	case IPPROTO_UDP:
		at = parse_udp(&packet, at);
		break;
	case IPPROTO_SCTP:
		at = parse_sctp(&packet, at);
		break;
	case IPPROTO_ICMP:
		return if_vip(frame, UNFINISHED_ICMP);
	default:
		return if_vip(frame, REASON_NO_SERVICE);
	}
	return at ? balance(frame, &packet, false) : if_vip(frame, REASON_MALFORMED);
}

static __noinline enum reason walk_ip6(struct xdp_md *frame)
{
	struct packet packet;
	struct tuple *tuple = &packet.tuple;
	const __be32 *vip;
	void *at;

	packet_begin(frame, &packet);
	at = parse_ip6(&packet, packet.eth + 1);
	if (!at)
		return REASON_NOT_VIP;
	vip = packet.ip6->daddr.s6_addr32;
	if (!vip_filter_has(vip[0] ^ vip[1] ^ vip[2] ^ vip[3]))
		return REASON_NOT_VIP;
	__builtin_memcpy(tuple->vip, vip, sizeof(tuple->vip));
	__builtin_memcpy(tuple->client, &packet.ip6->saddr, sizeof(tuple->client));
	switch (parse_ip6_chain(&packet, frame, &at)) {
	case IP6_MALFORMED:
		return if_vip(frame, REASON_MALFORMED);
	case IP6_PIECE:
		return if_vip(frame, UNFINISHED_FRAGMENT);
	default:
		break;
	}
	switch (__builtin_expect(tuple->protocol, IPPROTO_TCP)) {
	case IPPROTO_TCP:
		at = parse_tcp(&packet, at);
		break;
	case IPPROTO_UDP:
		at = parse_udp(&packet, at);
		break;
	case IPPROTO_SCTP:
		at = parse_sctp(&packet, at);
		break;
	case IP6_ICMP:
		return if_vip(frame, UNFINISHED_ICMP);
	default:
		return if_vip(frame, REASON_NO_SERVICE);
	}
	return at ? balance(frame, &packet, true) : if_vip(frame, REASON_MALFORMED);
}

/* To all stations, or to a group of them, or ARP for us alone: only a question for a VIP concerns us. */
static __noinline enum reason walk_question(struct xdp_md *frame)
{
	struct packet packet;
	struct ethhdr *eth;
	enum reason reason;
	void *at;

	if (!packet_of(frame, &packet))
		return REASON_NOT_IP;
	eth = packet.eth;
	at = eth + 1;
	if (eth_type(eth) == bpf_htons(ETH_P_ARP) && (mac_is_broadcast(eth->h_dest) || mac_is_own(eth->h_dest)))
		return answer_arp(&packet, at);
	if (!(constants.features & FEATURE_IP6) || eth_type(eth) != bpf_htons(ETH_P_IPV6) || eth->h_dest[0] != 0x33 ||
	    eth->h_dest[1] != 0x33)
		return REASON_NOT_OURS;
	at = parse_ip6(&packet, at);
	if (!at || packet.ip6->nexthdr != IP6_ICMP)
		return REASON_NOT_OURS;
	reason = answer_neighbour(&packet, at);
	return reason == REASON_NOT_IP ? REASON_NOT_OURS : reason;
}

static __always_inline enum reason walk(struct xdp_md *frame)
{
	struct packet packet;

	if (!packet_of(frame, &packet))
		return REASON_NOT_IP;
	if (!mac_is_own(packet.eth->h_dest))
		return packet.eth->h_dest[0] & 1 ? walk_question(frame) : REASON_NOT_OURS;
	if (constants.features & FEATURE_PEERS && peer_sent(packet.eth))
		return walk_peer(frame);
	switch (__builtin_expect(eth_type(packet.eth), bpf_htons(ETH_P_IP))) {
	case bpf_htons(ETH_P_IP):
		return walk_ip4(frame);
	case bpf_htons(ETH_P_IPV6):
		return constants.features & FEATURE_IP6 ? walk_ip6(frame) : REASON_NOT_VIP;
	case bpf_htons(ETH_P_ARP):
		return walk_question(frame);
	default:
		return vlan_is_type(eth_type(packet.eth)) ? REASON_TAGGED_TWICE : REASON_NOT_IP;
	}
}

/* An ICMP message that the walk has found to be for a VIP, whole and with sound IP headers. */
static __noinline enum reason walk_icmp(struct xdp_md *frame)
{
	struct packet packet;
	void *at;

	if (!packet_of(frame, &packet))
		return REASON_INTERNAL;
	if (eth_type(packet.eth) == bpf_htons(ETH_P_IP)) {
		at = parse_ip4(&packet, packet.eth + 1) ? parse_ip4_lengths(&packet, frame) : NULL;
		if (!at)
			return REASON_INTERNAL;
		packet.tuple.vip[0] = packet.ip->daddr;
		return icmp4(&packet, at);
	}
	at = parse_ip6(&packet, packet.eth + 1);
	if (!(constants.features & FEATURE_IP6) || !at || parse_ip6_chain(&packet, frame, &at) != IP6_WHOLE)
		return REASON_INTERNAL;
	__builtin_memcpy(packet.tuple.vip, &packet.ip6->daddr, sizeof(packet.tuple.vip));
	return icmp6(&packet, at);
}

/* What left the walk unfinished. */
static __always_inline enum reason finish(struct xdp_md *frame, enum reason unfinished)
{
	if (unfinished == UNFINISHED_ICMP)
		unfinished = walk_icmp(frame);
	if (unfinished == UNFINISHED_NEIGHBOUR)
		return constants.features & FEATURE_IP6 ? answer_bare_neighbour(frame) : REASON_INTERNAL;
	if (unfinished == UNFINISHED_FRAGMENT)
		unfinished = fragment(frame);
	if (constants.features & FEATURE_HANDOVER && unfinished == UNFINISHED_BEFORE)
		return unfinished;
	if (unfinished < REASONS || !(constants.features & (FEATURE_UNREACHABLE | FEATURE_MTU)))
		return unfinished;
	return icmp_made(frame, unfinished);
}

/* What there is to do after the walk, but for a plain frame that leaves as it came; the verdict. */
static __always_inline int conclude(struct xdp_md *frame, __u32 tag, __u32 *reason, bool succeeds)
{
	if (*reason >= REASONS)
		*reason = finish(frame, *reason);
	*reason = vlan_put_on(frame, tag, *reason);
	if (succeeds && *reason == UNFINISHED_BEFORE)
		*reason = handover_ask(frame);
	return forward_out(reason);
}

static __always_inline int direct(struct xdp_md *frame, bool succeeds)
{
	__u32 tag = vlan_take_off(frame), reason = walk(frame);
	struct reason_counter *counter;
	int verdict = XDP_TX;

	if (reason != REASON_FORWARDED || tag || constants.features & (FEATURE_VLAN | FEATURE_INSIDE))
		verdict = conclude(frame, tag, &reason, succeeds);
	counter = bpf_map_lookup_elem(&reasons, &reason);
	if (counter) {
		counter->packets++;
		counter->bytes += frame_bytes(frame);
	}
	return verdict;
}

SEC("xdp")
int carom_director(struct xdp_md *frame)
{
	return direct(frame, false);
}

/*
 * The same with FEATURE_HANDOVER. A program by itself, since one from which there is a tail call pays for it at the beginning and
 * the end of each packet.
 */
SEC("xdp")
int carom_successor(struct xdp_md *frame)
{
	return direct(frame, true);
}

/* On the inside NIC, where nothing is balanced: many drivers send redirected frames only while a program is attached. */
SEC("xdp")
int carom_inside(struct xdp_md *frame)
{
	(void)frame;
	return XDP_PASS;
}

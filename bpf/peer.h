// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * peer.h - what a peer director sends to a VIP has been balanced already.
 *
 * A director may be a real server of its peer's. What the peer forwards to it then is for a VIP that this one balances
 * too: sent on again it would go round in circles, or to another real server than the peer remembers. It is the host's.
 */
#ifndef CAROM_PEER_H
#define CAROM_PEER_H

#include "answer.h"
#include "lookup.h"
#include "maps.h"
#include "parse.h"

static __always_inline bool peer_sent(const struct ethhdr *eth)
{
	const __u16 *mac = (const __u16 *)eth->h_source;
	__u64 sender = mac[0] | (__u64)mac[1] << 16 | (__u64)mac[2] << 32;

#pragma unroll
	for (int i = 0; i < PEERS_MAX; i++)
		if (settings.peers[i] == sender)
			return eth_type(eth) != bpf_htons(ETH_P_ARP);
	return false;
}

/* A frame of a peer's to our own MAC. */
static __noinline enum reason walk_peer(struct xdp_md *frame)
{
	struct packet packet;
	enum reason reason;
	__be32 vip[4] = {};
	void *at;

	if (!packet_of(frame, &packet))
		return REASON_NOT_IP;
	if (eth_type(packet.eth) == bpf_htons(ETH_P_IP)) {
		if (!parse_ip4(&packet, packet.eth + 1))
			return REASON_NOT_VIP;
		vip[0] = packet.ip->daddr;
		return is_vip(vip, false) ? REASON_FROM_PEER : REASON_NOT_VIP;
	}
	if (eth_type(packet.eth) != bpf_htons(ETH_P_IPV6))
		return REASON_NOT_IP;
	at = parse_ip6(&packet, packet.eth + 1);
	if (!(constants.features & FEATURE_IP6) || !at)
		return REASON_NOT_VIP;
	__builtin_memcpy(vip, &packet.ip6->daddr, sizeof(vip));
	if (!is_vip(vip, true))
		return REASON_NOT_VIP;
	reason = answer_neighbour(&packet, at); /* who has a VIP? is asked of us alone, too, as with ARP */
	return reason == REASON_NOT_IP ? REASON_FROM_PEER : reason;
}

#endif

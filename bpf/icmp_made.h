// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * icmp_made.h - ICMP errors of the director's own: what a client is told when its packet goes no further.
 *
 *   no real server can take it        port unreachable, for TCP too, as IPVS says it    RFC 792, RFC 4443 section 3.1
 *   larger than the way to its real   fragmentation needed, packet too big              RFC 1191, RFC 4443 section 3.2
 *
 * The error comes from the VIP and goes back to the station that brought the packet. It quotes the packet's beginning,
 * as much as fits the least that everybody can take (RFC 1812 section 4.3.2.3, RFC 4443 section 2.4). A packet that is too large and
 * may be fragmented (IPv4 without DF) is told about too: the program cannot fragment, and its sender can.
 *
 * Never about an ICMP error, a later fragment or a source that is no one host (RFC 1122 section 3.2.2); and only so
 * often a second, since whoever forges sources chooses who is told.
 */
#ifndef CAROM_ICMP_MADE_H
#define CAROM_ICMP_MADE_H

#include "answer.h"
#include "forward.h"
#include "maps.h"
#include "parse.h"

#define ICMP_PORT_UNREACHABLE 3 /* code */
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMP6_PORT_UNREACHABLE 4

#define MADE4 (sizeof(struct iphdr) + sizeof(struct icmp))
#define MADE6 (sizeof(struct ipv6hdr) + sizeof(struct icmp))
#define QUOTE4 (576 - MADE4)
#define QUOTE6 (1280 - MADE6)

/* What an error says, and what becomes of the packet if it cannot be said. */
struct made {
	enum reason told;
	enum reason silent;
	__u32 mtu; /* 0: port unreachable */
};

/* Whether one more may be sent in this second. Who loses the race for a new second counts in it. */
static __always_inline bool made_allowed(void)
{
	__u32 now = clock_now();
	__u64 old = *(volatile __u64 *)&icmp_sent;

	if (old >> 32 != now)
		__sync_val_compare_and_swap(&icmp_sent, old, (__u64)now << 32);
	return (__u32)__sync_fetch_and_add(&icmp_sent, 1) < settings.icmp_rate;
}

/* The sum of what is quoted, an even number of bytes. */
static __always_inline __u32 made_sum(__u32 sum, const void *at, const void *end, __u32 bytes, __u32 most)
{
	const __u16 *word;

	for (__u32 i = 0; i < most; i += 2) {
		word = at + i;
		if (i >= bytes || (void *)(word + 1) > end)
			break;
		sum += *word;
	}
	return sum;
}

/*
 * Cuts the frame to what is quoted and makes room for the error's own headers before it. The new Ethernet header goes back
 * to the sender. False: the frame could not be changed.
 */
static __always_inline bool made_room(struct xdp_md *frame, struct packet *packet, __u32 quoted, __u32 headers)
{
	__u32 size = bpf_xdp_get_buff_len(frame) - sizeof(*packet->eth);
	__be16 protocol = eth_type(packet->eth);
	__u16 sender[3];

	mac_copy(sender, packet->eth->h_source);
	if (size > quoted && bpf_xdp_adjust_tail(frame, (int)quoted - (int)size))
		return false;
	if (bpf_xdp_adjust_head(frame, -(int)headers) || !packet_of(frame, packet))
		return false;
	if (frame_beyond(frame))
		return false; /* what is quoted is not in one buffer, so it cannot be summed up */
	mac_copy(packet->eth->h_dest, sender);
	mac_write_own(packet->eth->h_source);
	packet->eth->h_proto = protocol;
	return true;
}

static __noinline enum reason icmp_made4(struct xdp_md *frame, const struct made *made)
{
	struct packet packet;
	__be32 client, vip;
	struct icmp *icmp;
	struct iphdr *ip;
	__u32 quoted;

	if (!packet_of(frame, &packet) || !parse_ip4(&packet, packet.eth + 1))
		return REASON_INTERNAL;
	client = packet.ip->saddr;
	vip = packet.ip->daddr;
	quoted = bpf_ntohs(packet.ip->tot_len) & ~1u;
	quoted = quoted > QUOTE4 ? QUOTE4 : quoted;
	if (packet.ip->protocol == IPPROTO_ICMP || !source4_is_host(client) ||
	    !made_room(frame, &packet, quoted, MADE4))
		return made->silent;
	ip = (void *)(packet.eth + 1);
	icmp = (void *)(ip + 1);
	if ((void *)(icmp + 1) > packet.end)
		return REASON_INTERNAL;
	*ip = (struct iphdr){
		.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_ICMP, .saddr = vip, .daddr = client
	};
	ip->tot_len = bpf_htons(MADE4 + quoted);
	ip->check = checksum_of(sum_words(0, ip, sizeof(*ip)));
	*icmp = (struct icmp){ ICMP_UNREACHABLE, made->mtu ? ICMP_FRAGMENTATION_NEEDED : ICMP_PORT_UNREACHABLE, 0,
			       bpf_htonl(made->mtu) };
	icmp->checksum = checksum_of(made_sum(0, icmp, packet.end, sizeof(*icmp) + quoted, sizeof(*icmp) + QUOTE4));
	return made->told;
}

/* ICMPv6's checksum covers both addresses, the length and the protocol as well (RFC 4443 section 2.3). */
static __noinline enum reason icmp_made6(struct xdp_md *frame, const struct made *made)
{
	struct packet packet;
	struct ipv6hdr *ip;
	struct icmp *icmp;
	enum ip6_kind kind;
	__u32 quoted, sum;
	void *at;

	if (!packet_of(frame, &packet))
		return REASON_INTERNAL;
	at = parse_ip6(&packet, packet.eth + 1);
	if (!at)
		return REASON_INTERNAL;
	quoted = (sizeof(*ip) + bpf_ntohs(packet.ip6->payload_len)) & ~1u;
	quoted = quoted > QUOTE6 ? QUOTE6 : quoted;
	kind = parse_ip6_chain(&packet, frame, &at); /* a piece is a first one, of TCP or UDP */
	if ((kind == IP6_WHOLE && packet.tuple.protocol == IP6_ICMP) || !source6_is_host(&packet.ip6->saddr))
		return made->silent;
	__builtin_memcpy(packet.tuple.client, &packet.ip6->saddr, sizeof(packet.tuple.client));
	__builtin_memcpy(packet.tuple.vip, &packet.ip6->daddr, sizeof(packet.tuple.vip));
	if (!made_room(frame, &packet, quoted, MADE6))
		return made->silent;
	ip = (void *)(packet.eth + 1);
	icmp = (void *)(ip + 1);
	if ((void *)(icmp + 1) > packet.end)
		return REASON_INTERNAL;
	*ip = (struct ipv6hdr){ .version = 6, .nexthdr = IP6_ICMP, .hop_limit = 64 };
	__builtin_memcpy(&ip->saddr, packet.tuple.vip, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, packet.tuple.client, sizeof(ip->daddr));
	ip->payload_len = bpf_htons(sizeof(*icmp) + quoted);
	*icmp = (struct icmp){ made->mtu ? ICMP6_TOO_BIG : ICMP6_UNREACHABLE, made->mtu ? 0 : ICMP6_PORT_UNREACHABLE, 0,
			       bpf_htonl(made->mtu) };
	sum = sum_words(ip->payload_len + bpf_htons(IP6_ICMP), &ip->saddr, 2 * sizeof(ip->saddr));
	icmp->checksum = checksum_of(made_sum(sum, icmp, packet.end, sizeof(*icmp) + quoted, sizeof(*icmp) + QUOTE6));
	return made->told;
}

static __always_inline enum reason icmp_made(struct xdp_md *frame, enum reason unfinished)
{
	struct made made = { REASON_UNREACHABLE, REASON_NO_REAL, 0 };
	struct packet packet;

	if (UNFINISHED_KIND(unfinished) == UNFINISHED_TOO_BIG)
		made = (struct made){ REASON_TOO_BIG_TOLD, REASON_TOO_BIG, UNFINISHED_MTU(unfinished) };
	if (!packet_of(frame, &packet))
		return REASON_INTERNAL;
	if (!made_allowed())
		return made.silent;
	if (constants.features & FEATURE_IP6 && eth_type(packet.eth) == bpf_htons(ETH_P_IPV6))
		return icmp_made6(frame, &made);
	return icmp_made4(frame, &made);
}

#endif

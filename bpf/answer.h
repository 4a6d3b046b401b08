// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * answer.h - the VIPs belong to the program, not to the host: it answers ARP (RFC 826), neighbour solicitation
 * (RFC 4861) and echo (RFC 792, RFC 4443) for them.
 *
 * Only while this director is the active one. A dead host stack cannot hold a VIP, and nothing the host runs is
 * reachable on one by accident.
 */
#ifndef CAROM_ANSWER_H
#define CAROM_ANSWER_H

#include "forward.h"
#include "lookup.h"
#include "maps.h"
#include "parse.h"

/* linux/if_arp.h and linux/icmp.h pull in the C library's headers, which have no place here. */
#define ARP_ETHERNET 1
#define ARP_REQUEST 1
#define ARP_REPLY 2

struct arp4 {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender_address[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target_address[4];
} __attribute__((packed));

#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12

#define ICMP6_UNREACHABLE 1
#define ICMP6_TOO_BIG 2
#define ICMP6_TIME_EXCEEDED 3
#define ICMP6_PARAMETER_PROBLEM 4
#define ICMP6_ECHO 128
#define ICMP6_ECHO_REPLY 129
#define ICMP6_SOLICITATION 135
#define ICMP6_ADVERTISEMENT 136

struct icmp {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u32 rest;
};

static __always_inline __be32 arp_address(const __u8 *at)
{
	__be32 address;

	__builtin_memcpy(&address, at, sizeof(address));
	return address;
}

static __always_inline enum reason answer_arp(struct packet *packet, void *at)
{
	struct arp4 *arp = at;
	__be32 sender, target;

	if ((void *)(arp + 1) > packet->end)
		return REASON_NOT_IP;
	if (arp->hardware != bpf_htons(ARP_ETHERNET) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_length != ETH_ALEN || arp->protocol_length != sizeof(sender))
		return REASON_NOT_IP;
	sender = arp_address(arp->sender_address);
	target = arp_address(arp->target_address);
	if (is_vip(&sender, false))
		return REASON_ARP_CONFLICT;
	if (arp->operation != bpf_htons(ARP_REQUEST) || !is_vip(&target, false))
		return REASON_NOT_IP;
	if (!settings.answering)
		return REASON_NOT_ANSWERING;
	arp->operation = bpf_htons(ARP_REPLY);
	mac_copy(arp->target_mac, arp->sender_mac);
	__builtin_memcpy(arp->target_address, &sender, sizeof(sender));
	mac_write_own(arp->sender_mac);
	__builtin_memcpy(arp->sender_address, &target, sizeof(target));
	forward_back(packet);
	return REASON_ARP_ANSWERED;
}

/* One 16-bit word of a header changed: RFC 1624, equation 3. */
static __always_inline __u16 checksum_after(__u16 checksum, __u16 old, __u16 new)
{
	__u32 sum = (__u16)~checksum + (__u16)~old + new;

	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/* Whether a source is one host's: no other is answered, nor told of an error (RFC 1122 sections 3.2.1.3 and 3.2.2). */
static __always_inline bool source4_is_host(__be32 address)
{
	__u32 first = bpf_ntohl(address) >> 24;

	return first && first != 127 && first < 224;
}

static __always_inline bool source6_is_host(const struct in6_addr *address)
{
	const __u32 *words = address->s6_addr32;

	return address->s6_addr[0] != 0xff && (words[0] || words[1] || words[2] || bpf_ntohl(words[3]) > 1);
}

/* The request turns into its reply in place: addresses change places, type 8 becomes 0, the TTL is ours. */
static __always_inline enum reason answer_echo4(struct packet *packet, struct icmp *icmp)
{
	struct iphdr *ip = packet->ip;
	__be32 client = ip->saddr;
	__u16 *ttl_word = (__u16 *)&ip->ttl, old = *ttl_word;

	if (!source4_is_host(client))
		return REASON_MALFORMED;
	if (!settings.answering)
		return REASON_NOT_ANSWERING;
	ip->saddr = ip->daddr;
	ip->daddr = client;
	ip->ttl = 64;
	ip->check = checksum_after(ip->check, old, *ttl_word);
	icmp->type = ICMP_ECHO_REPLY;
	icmp->checksum = checksum_after(icmp->checksum, bpf_htons(ICMP_ECHO << 8), 0);
	forward_back(packet);
	return REASON_ECHO_ANSWERED;
}

static __always_inline enum reason answer_echo6(struct packet *packet, struct icmp *icmp)
{
	struct in6_addr client = packet->ip6->saddr;

	if (!source6_is_host(&client))
		return REASON_MALFORMED;
	if (!settings.answering)
		return REASON_NOT_ANSWERING;
	packet->ip6->saddr = packet->ip6->daddr;
	packet->ip6->daddr = client;
	packet->ip6->hop_limit = 64;
	icmp->type = ICMP6_ECHO_REPLY;
	icmp->checksum = checksum_after(icmp->checksum, bpf_htons(ICMP6_ECHO << 8), bpf_htons(ICMP6_ECHO_REPLY << 8));
	forward_back(packet);
	return REASON_ECHO_ANSWERED;
}

/* A neighbour solicitation with the asker's link-layer address, and the advertisement of the same size. */
struct neighbour {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u32 flags;
	struct ip6 target;
	__u8 option; /* 1: the source's link-layer address, 2: the target's */
	__u8 option_length; /* in eight bytes */
	__u8 mac[ETH_ALEN];
};

#define NEIGHBOUR_SOLICITED 0x40000000
#define NEIGHBOUR_OVERRIDE 0x20000000
#define NEIGHBOUR_BARE 24 /* bytes, without an option */

static __always_inline __u32 sum_words(__u32 sum, const void *from, int bytes)
{
	const __u16 *words = from;

#pragma unroll
	for (int i = 0; i < bytes / 2; i++)
		sum += words[i];
	return sum;
}

static __always_inline __u16 checksum_of(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

static __always_inline bool ip6_is_nobody(const struct in6_addr *address)
{
	const __u32 *words = address->s6_addr32;

	return !(words[0] | words[1] | words[2] | words[3]);
}

/* To all nodes of the segment: RFC 4861 section 7.2.4, for those who have no address yet. */
static __always_inline void forward_to_all(struct packet *packet)
{
	__u16 *mac = (__u16 *)packet->eth->h_dest;
	__u32 *words = packet->ip6->daddr.s6_addr32;

	mac_write_own(packet->eth->h_source);
	mac[0] = bpf_htons(0x3333);
	mac[1] = 0;
	mac[2] = bpf_htons(1);
	words[0] = bpf_htonl(0xff020000);
	words[1] = words[2] = 0;
	words[3] = bpf_htonl(1);
}

/*
 * Answers who asks for a VIP, in a frame with room for the answer's option: what stands there, the asker's address or a
 * nonce (RFC 7527), is not needed. A question without a source is duplicate address detection (RFC 4862): another
 * station is about to take the VIP, and all are told whose it is.
 */
static __always_inline enum reason answer_neighbour(struct packet *packet, void *at)
{
	struct ipv6hdr *ip = packet->ip6;
	struct neighbour *nd = at;
	bool probe;
	__u32 sum;

	if (at + NEIGHBOUR_BARE > packet->end || ip->nexthdr != IP6_ICMP || ip->hop_limit != 255)
		return REASON_NOT_IP;
	if (nd->type != ICMP6_SOLICITATION || !is_vip(nd->target.words, true))
		return REASON_NOT_IP;
	if (bpf_ntohs(ip->payload_len) == NEIGHBOUR_BARE)
		return settings.answering ? UNFINISHED_NEIGHBOUR : REASON_NOT_ANSWERING;
	if ((void *)(nd + 1) > packet->end || bpf_ntohs(ip->payload_len) != sizeof(*nd))
		return REASON_NOT_IP;
	if (!settings.answering)
		return REASON_NOT_ANSWERING;
	probe = ip6_is_nobody(&ip->saddr);
	ip->daddr = ip->saddr;
	if (probe)
		forward_to_all(packet);
	else
		forward_back(packet);
	__builtin_memcpy(&ip->saddr, &nd->target, sizeof(ip->saddr));
	nd->type = ICMP6_ADVERTISEMENT;
	nd->code = 0;
	nd->flags = bpf_htonl(probe ? NEIGHBOUR_OVERRIDE : NEIGHBOUR_SOLICITED | NEIGHBOUR_OVERRIDE);
	nd->option = 2;
	nd->option_length = 1;
	mac_write_own(nd->mac);
	nd->checksum = 0;
	sum = sum_words(bpf_htons(sizeof(*nd)) + bpf_htons(IP6_ICMP), &ip->saddr, 2 * sizeof(ip->saddr));
	nd->checksum = checksum_of(sum_words(sum, nd, sizeof(*nd)));
	return REASON_ND_ANSWERED;
}

/* A question without an option, as duplicate address detection and those who know us ask it: makes room, and answers. */
static __noinline enum reason answer_bare_neighbour(struct xdp_md *frame)
{
	const int whole = sizeof(struct ipv6hdr) + sizeof(struct neighbour);
	struct packet packet;
	void *at;
	int size;

	if (!packet_of(frame, &packet) || !parse_ip6(&packet, packet.eth + 1))
		return REASON_INTERNAL;
	size = packet.end - (void *)packet.ip6;
	if (size < whole && bpf_xdp_adjust_tail(frame, whole - size))
		return REASON_NOT_IP;
	if (!packet_of(frame, &packet))
		return REASON_INTERNAL;
	at = parse_ip6(&packet, packet.eth + 1);
	if (!at)
		return REASON_INTERNAL;
	packet.ip6->payload_len = bpf_htons(sizeof(struct neighbour));
	return answer_neighbour(&packet, at);
}

#endif

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

static __always_inline enum reason answer_arp(struct packet *packet, void *at, const struct settings *settings)
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
	if (bpf_map_lookup_elem(&vips4, &sender))
		return REASON_ARP_CONFLICT;
	if (arp->operation != bpf_htons(ARP_REQUEST) || !bpf_map_lookup_elem(&vips4, &target))
		return REASON_NOT_IP;
	if (!settings->answering)
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

/* The request turns into its reply in place: addresses change places, type 8 becomes 0, the TTL is ours. */
static __always_inline enum reason answer_echo4(struct packet *packet, struct icmp *icmp,
						const struct settings *settings)
{
	struct iphdr *ip = packet->ip;
	__be32 client = ip->saddr;
	__u16 *ttl_word = (__u16 *)&ip->ttl, old = *ttl_word;

	if (!settings->answering)
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

static __always_inline enum reason answer_echo6(struct packet *packet, struct icmp *icmp,
						const struct settings *settings)
{
	struct in6_addr client = packet->ip6->saddr;

	if (!settings->answering)
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

#define NEIGHBOUR_SOLICITED_OVERRIDE 0x60000000

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

/*
 * Answers who asks for a VIP by name of its own. A probe without a source (RFC 4862, duplicate address detection)
 * means that another station is about to take the VIP.
 */
static __always_inline enum reason answer_neighbour(struct packet *packet, void *at, const struct settings *settings)
{
	struct ipv6hdr *ip = packet->ip6;
	struct neighbour *nd = at;
	__u32 sum;

	if ((void *)(nd + 1) > packet->end || bpf_ntohs(ip->payload_len) != sizeof(*nd) || ip->hop_limit != 255)
		return REASON_NOT_IP;
	if (nd->type != ICMP6_SOLICITATION || !is_vip(nd->target.words, true))
		return REASON_NOT_IP;
	if (!settings->answering)
		return REASON_NOT_ANSWERING;
	ip->daddr = ip->saddr;
	__builtin_memcpy(&ip->saddr, &nd->target, sizeof(ip->saddr));
	nd->type = ICMP6_ADVERTISEMENT;
	nd->code = 0;
	nd->flags = bpf_htonl(NEIGHBOUR_SOLICITED_OVERRIDE);
	nd->option = 2;
	nd->option_length = 1;
	mac_write_own(nd->mac);
	nd->checksum = 0;
	sum = sum_words(bpf_htons(sizeof(*nd)) + bpf_htons(IP6_ICMP), &ip->saddr, 2 * sizeof(ip->saddr));
	nd->checksum = checksum_of(sum_words(sum, nd, sizeof(*nd)));
	forward_back(packet);
	return REASON_ND_ANSWERED;
}

#endif

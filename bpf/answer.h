// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * answer.h - the VIPs belong to the program, not to the host: it answers ARP (RFC 826) and echo (RFC 792) for them.
 *
 * Only while this director is the active one. A dead host stack cannot hold a VIP, and nothing the host runs is
 * reachable on one by accident.
 */
#ifndef CAROM_ANSWER_H
#define CAROM_ANSWER_H

#include "forward.h"
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
static __always_inline enum reason answer_echo(struct packet *packet, struct icmp *icmp,
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

#endif

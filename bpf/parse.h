// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * parse.h - from a frame to the words the rest of the program speaks.
 *
 * Contract of every parse_*(): it looks at the headers from `at` on, never past `end`, fills in its part of the
 * packet, and returns where the next header begins; NULL means that the frame is too short for what it claims, or
 * contradicts itself. Nothing is written to the frame here.
 */
#ifndef CAROM_PARSE_H
#define CAROM_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#ifndef NULL
#define NULL ((void *)0)
#endif

typedef _Bool bool;
#define true 1
#define false 0

#define IP4_MORE_FRAGMENTS 0x2000
#define IP4_FRAGMENT_OFFSET 0x1fff

/* What a TCP segment does to its flow; RFC 9293 flags by the priority IPVS gives them. */
enum segment {
	SEGMENT_SYN,
	SEGMENT_FIN,
	SEGMENT_ACK,
	SEGMENT_RST,
	SEGMENT_NONE,
	SEGMENT_DATAGRAM, /* not TCP */
};

/* The ends of a conversation, seen from the client; ports and addresses in network order. */
struct tuple {
	__be32 client;
	__be32 vip;
	__be16 client_port;
	__be16 vip_port;
	__u8 protocol;
	__u8 segment; /* enum segment */
};

struct packet {
	void *end; /* of the frame */
	struct ethhdr *eth;
	struct iphdr *ip;
	__u32 payload; /* bytes after the IP header, by the IP header's own word */
	struct tuple tuple;
};

static __always_inline void *parse_ip4(struct packet *packet, void *at)
{
	struct iphdr *ip = at;

	if ((void *)(ip + 1) > packet->end)
		return NULL;
	packet->ip = ip;
	return ip + 1;
}

/* The IP header's claims about lengths, options included. Returns where its payload begins. */
static __always_inline void *parse_ip4_lengths(struct packet *packet)
{
	struct iphdr *ip = packet->ip;
	__u32 header = ip->ihl * 4, total = bpf_ntohs(ip->tot_len);

	if (ip->version != 4 || header < sizeof(*ip) || total < header)
		return NULL;
	if ((void *)ip + total > packet->end)
		return NULL;
	packet->payload = total - header;
	return (void *)ip + header;
}

static __always_inline __u8 segment_of(const struct tcphdr *tcp)
{
	if (tcp->rst)
		return SEGMENT_RST;
	if (tcp->syn)
		return SEGMENT_SYN;
	if (tcp->fin)
		return SEGMENT_FIN;
	return tcp->ack ? SEGMENT_ACK : SEGMENT_NONE;
}

static __always_inline void *parse_tcp(struct packet *packet, void *at)
{
	struct tcphdr *tcp = at;

	if ((void *)(tcp + 1) > packet->end || tcp->doff < 5 || tcp->doff * 4u > packet->payload)
		return NULL;
	packet->tuple.client_port = tcp->source;
	packet->tuple.vip_port = tcp->dest;
	packet->tuple.segment = segment_of(tcp);
	return tcp + 1;
}

static __always_inline void *parse_udp(struct packet *packet, void *at)
{
	struct udphdr *udp = at;

	if ((void *)(udp + 1) > packet->end)
		return NULL;
	if (bpf_ntohs(udp->len) < sizeof(*udp) || bpf_ntohs(udp->len) > packet->payload)
		return NULL;
	packet->tuple.client_port = udp->source;
	packet->tuple.vip_port = udp->dest;
	packet->tuple.segment = SEGMENT_DATAGRAM;
	return udp + 1;
}

#endif

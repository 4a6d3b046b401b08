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
#include <linux/ipv6.h>
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

#define IP4_PLAIN 0x45 /* the first byte of a header without options: version, and length in words of four bytes */
#define IP4_OPTIONS 10 /* such words, at most */
#define IP4_MORE_FRAGMENTS 0x2000
#define IP4_FRAGMENT_OFFSET 0x1fff

/* What a TCP segment does to its flow; RFC 9293 flags by the priority IPVS gives them. */
enum segment {
	SEGMENT_SYN,
	SEGMENT_FIN,
	SEGMENT_ACK,
	SEGMENT_RST,
	SEGMENT_NONE,
	SEGMENT_DATAGRAM, /* UDP */
	SEGMENT_NONSENSE, /* flags that no TCP sends */
	SEGMENT_SCTP_DATA,
	SEGMENT_SCTP_INIT,
	SEGMENT_SCTP_INIT_ACK,
	SEGMENT_SCTP_COOKIE_ECHO,
	SEGMENT_SCTP_COOKIE_ACK,
	SEGMENT_SCTP_SHUTDOWN,
	SEGMENT_SCTP_SHUTDOWN_ACK,
	SEGMENT_SCTP_SHUTDOWN_COMPLETE,
	SEGMENT_SCTP_ERROR,
	SEGMENT_SCTP_ABORT,
};

/* The ends of a conversation, seen from the client; ports and addresses in network order. IPv4 is in the first word. */
struct tuple {
	__be32 client[4];
	__be32 vip[4];
	__be16 client_port;
	__be16 vip_port;
	__u8 protocol;
	__u8 segment; /* enum segment */
};

struct packet {
	void *end; /* of the frame, or of its first buffer */
	struct ethhdr *eth;
	union {
		struct iphdr *ip;
		struct ipv6hdr *ip6;
	};
	__u32 payload; /* bytes from the transport header on, by the IP header's own word */
	__u32 beyond; /* bytes of the frame that lie in further buffers, once packet_has() has seen them */
	__u32 real; /* where forward_to() sent it */
	struct tuple tuple;
};

#define FRAME_UNDIVIDED 128 /* bytes; no driver puts less than this into the first of several buffers */

/* Between two places of the frame. The compiler would subtract them in 32 bits, which the verifier forbids. */
static __always_inline __u32 bytes_between(const void *from, const void *to)
{
	__u64 bytes = to - from;

	barrier_var(bytes);
	return bytes;
}

static __always_inline __u32 frame_first(struct xdp_md *frame)
{
	return bytes_between((void *)(long)frame->data, (void *)(long)frame->data_end);
}

/* Of the whole frame. */
static __always_inline __u32 frame_bytes(struct xdp_md *frame)
{
	__u32 first = frame_first(frame);

	return first <= FRAME_UNDIVIDED ? first : bpf_xdp_get_buff_len(frame);
}

/* Of its further buffers. */
static __noinline __u32 frame_beyond(struct xdp_md *frame)
{
	return bpf_xdp_get_buff_len(frame) - frame_first(frame);
}

/* One load, as struct ethhdr, being packed, would be read byte by byte. */
static __always_inline __be16 eth_type(const struct ethhdr *eth)
{
	return *(const __be16 *)((const void *)eth + __builtin_offsetof(struct ethhdr, h_proto));
}

/* Whoever parses on from its Ethernet header proves with the next one that this is there. */
static __always_inline void packet_begin(struct xdp_md *frame, struct packet *packet)
{
	packet->eth = (void *)(long)frame->data;
	packet->end = (void *)(long)frame->data_end;
	packet->beyond = 0;
}

static __always_inline bool packet_of(struct xdp_md *frame, struct packet *packet)
{
	packet_begin(frame, packet);
	return (void *)(packet->eth + 1) <= packet->end;
}

/* Bytes of the frame from `at` on. */
static __always_inline __u32 packet_left(const struct packet *packet, const void *at)
{
	return bytes_between(at, packet->end) + packet->beyond;
}

/*
 * Whether the frame has so many bytes from `at` on. Drivers put large frames into several buffers, of which a program sees
 * the first one: the headers are there, and the rest is asked for only where that one is too short.
 */
static __always_inline bool packet_has(struct packet *packet, struct xdp_md *frame, const void *at, __u32 bytes)
{
	if (bytes <= packet_left(packet, at))
		return true;
	packet->beyond = frame_beyond(frame);
	return bytes <= packet_left(packet, at);
}

/* An address as one 32-bit number in host order, as IPVS hashes it. */
static __always_inline __u32 fold(const __be32 *address, bool ip6)
{
	return ip6 ? bpf_ntohl(address[0] ^ address[1] ^ address[2] ^ address[3]) : bpf_ntohl(address[0]);
}

static __always_inline void *parse_ip4(struct packet *packet, void *at)
{
	struct iphdr *ip = at;

	if ((void *)(ip + 1) > packet->end)
		return NULL;
	packet->ip = ip;
	return ip + 1;
}

/* The IP header's claims about lengths, options included. Returns where its payload begins. */
static __always_inline void *parse_ip4_lengths(struct packet *packet, struct xdp_md *frame)
{
	struct iphdr *ip = packet->ip;
	__u32 options = *(const __u8 *)ip - IP4_PLAIN, header = sizeof(*ip) + options * 4;
	__u32 total = bpf_ntohs(ip->tot_len);

	if (options > IP4_OPTIONS || total < header || !packet_has(packet, frame, ip, total))
		return NULL;
	packet->payload = total - header;
	return (void *)ip + header;
}

/* RFC 1071: the sum of all words of a sound header, its checksum's included, is all ones. */
__noinline int ip4_checksum_holds(struct xdp_md *frame)
{
	struct packet packet;
	const __u32 *word;
	__u64 sum = 0;

	if (!packet_of(frame, &packet) || !parse_ip4(&packet, packet.eth + 1))
		return false;
	word = (const void *)packet.ip;
	for (__u32 i = 0; i < 15 && i < packet.ip->ihl; i++) {
		if ((void *)(word + i + 1) > packet.end)
			return false;
		sum += word[i];
	}
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

static __always_inline bool ip6_equal(const void *left, const void *right)
{
	const __u32 *l = left, *r = right;

	return l[0] == r[0] && l[1] == r[1] && l[2] == r[2] && l[3] == r[3];
}

#define IP6_HOP_OPTIONS 0
#define IP6_ROUTING 43
#define IP6_FRAGMENT 44
#define IP6_ICMP 58
#define IP6_DESTINATION_OPTIONS 60
#define IP6_HEADERS 6 /* extension headers that are looked through */

struct ip6_extension {
	__u8 next;
	__u8 length; /* of what follows the first eight bytes, in eight bytes */
	__be16 fragment; /* of a fragment header: offset (13 bits), two reserved, more fragments */
	__u32 rest;
};

static __always_inline void *parse_ip6(struct packet *packet, void *at)
{
	struct ipv6hdr *ip = at;

	if ((void *)(ip + 1) > packet->end)
		return NULL;
	packet->ip6 = ip;
	return ip + 1;
}

enum ip6_kind { IP6_WHOLE, IP6_PIECE, IP6_MALFORMED };

/*
 * Looks through the extension headers for the transport header: its protocol goes into the tuple, where it begins into
 * `at`. An atomic fragment (RFC 6946) is whole; of another one, `at` and the payload begin with its fragment header.
 */
static __always_inline enum ip6_kind parse_ip6_chain(struct packet *packet, struct xdp_md *frame, void **at)
{
	__u32 left = bpf_ntohs(packet->ip6->payload_len), skip = 0, length;
	__u8 next = packet->ip6->nexthdr;
	struct ip6_extension *extension;

	if (packet->ip6->version != 6 || !packet_has(packet, frame, *at, left))
		return IP6_MALFORMED;
	for (int i = 0; i < IP6_HEADERS; i++) {
		if (next != IP6_HOP_OPTIONS && next != IP6_ROUTING && next != IP6_DESTINATION_OPTIONS &&
		    next != IP6_FRAGMENT)
			break;
		extension = *at + skip;
		if ((void *)(extension + 1) > packet->end)
			return IP6_MALFORMED;
		length = next == IP6_FRAGMENT ? 8 : 8 + extension->length * 8u;
		if (length > left)
			return IP6_MALFORMED;
		if (next == IP6_FRAGMENT && extension->fragment & bpf_htons(0xfff9)) {
			*at += skip;
			packet->payload = left;
			return IP6_PIECE;
		}
		next = extension->next;
		left -= length;
		skip += length;
		if (skip > 1024)
			return IP6_MALFORMED;
	}
	*at += skip;
	packet->payload = left;
	packet->tuple.protocol = next;
	return IP6_WHOLE;
}

#define TCP_FLAGS_AT 13 /* byte of the header: RFC 9293 section 3.1 */
#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_ACK 16
#define TCP_FLAGS (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)

/* A SYN that ends or resets what it begins, and a segment that does nothing, are made to see what a host does with them. */
#define TCP_SEGMENT(flags) \
	((flags) & TCP_RST   ? ((flags) & TCP_SYN ? SEGMENT_NONSENSE : SEGMENT_RST) \
	 : (flags) & TCP_SYN ? ((flags) & TCP_FIN ? SEGMENT_NONSENSE : SEGMENT_SYN) \
	 : (flags) & TCP_FIN ? SEGMENT_FIN \
	 : (flags) & TCP_ACK ? SEGMENT_ACK \
			     : SEGMENT_NONSENSE)
#define TCP_SEGMENTS(flags) \
	TCP_SEGMENT(flags), TCP_SEGMENT((flags) + 1), TCP_SEGMENT((flags) + 2), TCP_SEGMENT((flags) + 3)

/* Volatile, as the compiler would add a test of its own for what is nonsense. */
static const volatile __u8 tcp_segments[TCP_FLAGS + 1] = {
	TCP_SEGMENTS(0), TCP_SEGMENTS(4), TCP_SEGMENTS(8), TCP_SEGMENTS(12), TCP_SEGMENTS(16), TCP_SEGMENTS(20),
};

static __always_inline void *parse_tcp(struct packet *packet, void *at)
{
	struct tcphdr *tcp = at;

	if ((void *)(tcp + 1) > packet->end || tcp->doff < 5 || tcp->doff * 4u > packet->payload)
		return NULL;
	packet->tuple.client_port = tcp->source;
	packet->tuple.vip_port = tcp->dest;
	packet->tuple.segment = tcp_segments[*((const __u8 *)tcp + TCP_FLAGS_AT) & TCP_FLAGS];
	return packet->tuple.segment == SEGMENT_NONSENSE ? NULL : tcp + 1;
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

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fragment.h - the pieces of a fragmented packet follow its first piece (RFC 791, RFC 8200 section 4.5).
 *
 * Only the first piece has ports. It is balanced as a whole packet is, and where it went is remembered for
 * FRAGMENT_SECONDS under the datagram's name: its two addresses, its identification and, for IPv4, its protocol.
 *
 * What is decided: a later piece whose first has not come (the network changed their order, or the table has lost it) is
 * dropped, for there is nowhere to hold it. A first piece must have the whole transport header (RFC 1858, RFC 7112). Pieces
 * that overlap all go to one real server, which rejects them by its own rules. A second first piece of the same name
 * is balanced by its own ports, and the pieces after it follow it. The table keeps the newest: a flood of first
 * pieces can cost other datagrams their later pieces, but no flow its real server.
 */
#ifndef CAROM_FRAGMENT_H
#define CAROM_FRAGMENT_H

#include "balance.h"
#include "forward.h"
#include "handover.h"
#include "maps.h"
#include "parse.h"

#define FRAGMENT_SECONDS 30 /* as long as Linux waits for the rest of an IPv4 datagram */
#define DATAGRAM_MAX 65535

struct piece {
	__u32 id;
	__u32 offset; /* bytes */
	bool more;
};

/* Nothing of the tuple's ports is known yet; in IPv6 only the first piece's next header counts, so it names nothing. */
static __always_inline struct fragment_key fragment_key(const struct tuple *tuple, bool ip6, __u32 id)
{
	struct fragment_key key = { .id = id, .protocol = ip6 ? 0 : tuple->protocol };

	key.client.words[0] = tuple->client[0];
	key.vip.words[0] = tuple->vip[0];
	if (!ip6)
		return key;
	__builtin_memcpy(&key.client, tuple->client, sizeof(key.client));
	__builtin_memcpy(&key.vip, tuple->vip, sizeof(key.vip));
	return key;
}

/* Functions of their own, so that the name is not on the stack while the first piece is balanced. */
static __noinline void fragment_remember(const struct tuple *tuple, bool ip6, __u32 id, __u32 real)
{
	struct fragment_key key = fragment_key(tuple, ip6, id);
	struct fragment fragment = { real, clock_now() };

	bpf_map_update_elem(&fragments, &key, &fragment, BPF_ANY);
}

/* The real server that the first piece went to; REAL_NONE: it has not come, or too long ago. */
static __noinline __u32 fragment_recall(const struct tuple *tuple, bool ip6, __u32 id)
{
	struct fragment_key key = fragment_key(tuple, ip6, id);
	struct fragment *fragment = bpf_map_lookup_elem(&fragments, &key);

	return fragment && !is_later(clock_now(), fragment->seen + FRAGMENT_SECONDS) ? fragment->real : REAL_NONE;
}

/* TCP's second eight bytes by themselves can only be meant to write over a header that was looked at (RFC 3128). */
static __always_inline bool piece_is_sound(const struct packet *packet, struct piece piece, __u32 header)
{
	if (!packet->payload || header + piece.offset + packet->payload > DATAGRAM_MAX)
		return false;
	if (piece.more && packet->payload % 8)
		return false;
	return !(packet->tuple.protocol == IPPROTO_TCP && piece.offset == 8);
}

/* A UDP header's own length is that of the whole datagram, of which this is a part. */
static __always_inline void *parse_udp_first(struct packet *packet, void *at)
{
	struct udphdr *udp = at;

	if ((void *)(udp + 1) > packet->end || packet->payload < sizeof(*udp) || bpf_ntohs(udp->len) < packet->payload)
		return NULL;
	packet->tuple.client_port = udp->source;
	packet->tuple.vip_port = udp->dest;
	packet->tuple.segment = SEGMENT_DATAGRAM;
	return udp + 1;
}

static __always_inline enum reason fragment_first(struct xdp_md *frame, struct packet *packet, void *at, bool ip6,
						  __u32 id)
{
	enum reason reason;

	if (packet->tuple.protocol == IPPROTO_TCP)
		at = parse_tcp(packet, at);
	else if (packet->tuple.protocol == IPPROTO_SCTP)
		at = parse_sctp(packet, at);
	else
		at = parse_udp_first(packet, at);
	if (!at)
		return REASON_MALFORMED;
	packet->real = REAL_NONE;
	reason = balance(frame, packet, ip6);
	if (packet->real != REAL_NONE)
		fragment_remember(&packet->tuple, ip6, id, packet->real);
	return reason;
}

static __always_inline enum reason fragment_later(struct packet *packet, bool ip6, __u32 id)
{
	__u32 real = fragment_recall(&packet->tuple, ip6, id);
	enum reason reason;

	if (real == REAL_NONE)
		return handover_asks(false) ? UNFINISHED_BEFORE : REASON_FRAGMENT_LOST;
	reason = forward_to(packet, real, false, REASON_FRAGMENT);
	return reason < REASONS ? reason : REASON_TOO_BIG; /* nobody is told about a later fragment */
}

static __always_inline enum reason fragment_of(struct xdp_md *frame, struct packet *packet, void *at, bool ip6,
					       struct piece piece)
{
	if (packet->tuple.protocol != IPPROTO_TCP && packet->tuple.protocol != IPPROTO_UDP &&
	    packet->tuple.protocol != IPPROTO_SCTP)
		return REASON_NO_SERVICE;
	return piece.offset ? fragment_later(packet, ip6, piece.id) : fragment_first(frame, packet, at, ip6, piece.id);
}

static __noinline enum reason fragment4(struct xdp_md *frame)
{
	struct packet packet;
	struct piece piece;
	__u32 word;
	void *at;

	if (!packet_of(frame, &packet) || !parse_ip4(&packet, packet.eth + 1))
		return REASON_INTERNAL;
	at = parse_ip4_lengths(&packet, frame);
	if (!at)
		return REASON_INTERNAL;
	packet.tuple.client[0] = packet.ip->saddr;
	packet.tuple.vip[0] = packet.ip->daddr;
	packet.tuple.protocol = packet.ip->protocol;
	word = bpf_ntohs(packet.ip->frag_off);
	piece = (struct piece){ packet.ip->id, (word & IP4_FRAGMENT_OFFSET) * 8, word & IP4_MORE_FRAGMENTS };
	if (!piece_is_sound(&packet, piece, packet.ip->ihl * 4u))
		return REASON_MALFORMED;
	return fragment_of(frame, &packet, at, false, piece);
}

static __noinline enum reason fragment6(struct xdp_md *frame)
{
	struct ip6_extension *header;
	struct packet packet;
	struct piece piece;
	void *at;

	if (!packet_of(frame, &packet))
		return REASON_INTERNAL;
	at = parse_ip6(&packet, packet.eth + 1);
	if (!at || parse_ip6_chain(&packet, frame, &at) != IP6_PIECE)
		return REASON_INTERNAL;
	header = at;
	if ((void *)(header + 1) > packet.end)
		return REASON_INTERNAL;
	__builtin_memcpy(packet.tuple.client, &packet.ip6->saddr, sizeof(packet.tuple.client));
	__builtin_memcpy(packet.tuple.vip, &packet.ip6->daddr, sizeof(packet.tuple.vip));
	packet.tuple.protocol = header->next;
	packet.payload -= sizeof(*header);
	piece = (struct piece){ header->rest, bpf_ntohs(header->fragment) & 0xfff8, bpf_ntohs(header->fragment) & 1 };
	if (!piece_is_sound(&packet, piece, 0))
		return REASON_MALFORMED;
	return fragment_of(frame, &packet, header + 1, true, piece);
}

/* A frame that the walk has found to be for a VIP, and a piece. */
static __always_inline enum reason fragment(struct xdp_md *frame)
{
	struct packet packet;

	if (!packet_of(frame, &packet))
		return REASON_INTERNAL;
	if (constants.features & FEATURE_IP6 && eth_type(packet.eth) == bpf_htons(ETH_P_IPV6))
		return fragment6(frame);
	return fragment4(frame);
}

#endif

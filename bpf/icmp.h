// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * icmp.h - ICMP errors about flows (RFC 792, RFC 4443).
 *
 * An error quotes the packet that a real server sent: from the VIP to the client. Turned round it names the flow, and
 * the error belongs to that flow's real server: without it path-MTU discovery fails and downloads hang.
 */
#ifndef CAROM_ICMP_H
#define CAROM_ICMP_H

#include "answer.h"
#include "balance.h"
#include "handover.h"
#include "lookup.h"
#include "parse.h"

/* The tuple is that of the flow. It changes nothing in the flow: an error is no packet of it. */
static __always_inline enum reason icmp_to_real(struct packet *packet, bool ip6)
{
	const struct tuple *tuple = &packet->tuple;
	struct flow_lookup found;
	__u32 real, now = clock_now();
	struct view view;
	__u64 slot;

	if (!view_service(tuple, ip6, &view))
		return REASON_ICMP_NO_FLOW;
	if (!flow_find(tuple, ip6, view.vip, now, &found))
		return REASON_INTERNAL;
	real = real_of_flow(&found, SEGMENT_NONE, now);
	if (!real && handover_asks(false))
		return UNFINISHED_BEFORE;
	if (!real)
		real = real_before(tuple, ip6, SEGMENT_NONE, &view, now);
	if (!real) {
		slot = slot_of(view.version, slot_key(view.version, tuple, ip6));
		real = slot & SLOT_TRACKED ? SLOT_BEFORE(slot) : SLOT_NOW(slot);
	}
	return real ? forward_to(packet, real, false, REASON_ICMP_FORWARDED) : REASON_ICMP_NO_FLOW;
}

static __always_inline enum reason icmp4_error(struct packet *packet, void *at)
{
	struct tuple *tuple = &packet->tuple;
	struct iphdr *inner = at;
	__be16 *ports;

	if ((void *)(inner + 1) > packet->end || inner->version != 4 || inner->ihl < 5)
		return REASON_MALFORMED;
	ports = at + inner->ihl * 4;
	if ((void *)(ports + 2) > packet->end || sizeof(struct icmp) + inner->ihl * 4u + 4 > packet->payload)
		return REASON_MALFORMED;
	if (inner->saddr != tuple->vip[0] || inner->frag_off & bpf_htons(IP4_FRAGMENT_OFFSET))
		return REASON_ICMP_NO_FLOW;
	tuple->client[0] = inner->daddr;
	tuple->protocol = inner->protocol;
	tuple->vip_port = ports[0];
	tuple->client_port = ports[1];
	return icmp_to_real(packet, false);
}

static __noinline enum reason icmp4(struct packet *packet, void *at)
{
	struct icmp *icmp = at;

	if ((void *)(icmp + 1) > packet->end || packet->payload < sizeof(*icmp))
		return REASON_MALFORMED;
	switch (icmp->type) {
	case ICMP_ECHO:
		return answer_echo4(packet, icmp);
	case ICMP_UNREACHABLE:
	case ICMP_SOURCE_QUENCH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER_PROBLEM:
		return icmp4_error(packet, icmp + 1);
	default:
		return REASON_NO_SERVICE;
	}
}

/*
 * Only errors that quote the transport header right behind IPv6's are understood, or behind the fragment header of a
 * first piece: real servers send no others.
 */
static __always_inline enum reason icmp6_error(struct packet *packet, void *at)
{
	__u32 payload = packet->payload - sizeof(struct icmp);
	struct tuple *tuple = &packet->tuple;
	struct ipv6hdr *inner = at;
	struct ip6_extension *piece = (void *)(inner + 1);
	__be16 *ports = (void *)piece;

	if ((void *)(ports + 2) > packet->end || sizeof(*inner) + 4 > payload || inner->version != 6)
		return REASON_MALFORMED;
	if (!ip6_equal(&inner->saddr, tuple->vip))
		return REASON_ICMP_NO_FLOW;
	__builtin_memcpy(tuple->client, &inner->daddr, sizeof(tuple->client));
	tuple->protocol = inner->nexthdr;
	if (tuple->protocol == IP6_FRAGMENT) {
		ports = (void *)(piece + 1);
		if ((void *)(ports + 2) > packet->end || sizeof(*inner) + sizeof(*piece) + 4 > payload)
			return REASON_MALFORMED;
		if (piece->fragment & bpf_htons(0xfff8))
			return REASON_ICMP_NO_FLOW;
		tuple->protocol = piece->next;
	}
	tuple->vip_port = ports[0];
	tuple->client_port = ports[1];
	return icmp_to_real(packet, true);
}

static __noinline enum reason icmp6(struct packet *packet, void *at)
{
	struct icmp *icmp = at;

	if ((void *)(icmp + 1) > packet->end || packet->payload < sizeof(*icmp))
		return REASON_MALFORMED;
	switch (icmp->type) {
	case ICMP6_ECHO:
		return answer_echo6(packet, icmp);
	case ICMP6_SOLICITATION:
		return answer_neighbour(packet, at);
	case ICMP6_UNREACHABLE:
	case ICMP6_TOO_BIG:
	case ICMP6_TIME_EXCEEDED:
	case ICMP6_PARAMETER_PROBLEM:
		return icmp6_error(packet, icmp + 1);
	default:
		return REASON_NO_SERVICE;
	}
}

#endif

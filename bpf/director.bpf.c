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
#include "answer.h"
#include "clock.h"
#include "flow.h"
#include "forward.h"
#include "maps.h"
#include "parse.h"
#include "reason.h"
#include "schedule.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* What every packet needs besides itself. */
struct context {
	const struct settings *settings;
	__u32 now; /* seconds */
};

/* The state of a service that this packet sees, whatever changes meanwhile. */
struct view {
	__u32 service;
	__u32 index; /* of the version */
	const struct version *version;
	__u16 vip; /* the flow table's name for VIP and protocol */
};

/* ------------------------------------------------------------------------------------------- lookup */

static __always_inline bool vip_filter_has(const struct settings *settings, __be32 address)
{
	__u32 bit = address * 0x9e3779b1u >> 20;

	return settings->vip_filter[bit >> 6] >> (bit & 63) & 1;
}

/* The filter may err on the side of VIPs; what is rare may ask again. */
static __always_inline enum reason if_vip(__be32 address, enum reason reason)
{
	return bpf_map_lookup_elem(&vips4, &address) ? reason : REASON_NOT_VIP;
}

/* The service of a port that has no frontend of its own: a range's, else that of all ports. */
static __always_inline __u32 service_of_range(const struct frontend *all, __u16 port)
{
	struct range *range;
	__u32 index;

	for (__u32 i = 0; i < RANGES_MAX && i < all->range_count; i++) {
		index = all->range_offset + i;
		range = bpf_map_lookup_elem(&ranges, &index);
		if (range && range->first <= port && port <= range->last)
			return range->service;
	}
	return all->service;
}

static __always_inline bool find_frontend(const struct tuple *tuple, struct view *view)
{
	struct frontend4_key key = { tuple->vip, tuple->vip_port, tuple->protocol, 0 };
	struct frontend *frontend = bpf_map_lookup_elem(&frontends4, &key);

	if (frontend && tuple->vip_port) {
		view->service = frontend->service;
		view->vip = frontend->vip;
		return true;
	}
	if (!(constants.features & FEATURE_RANGES))
		return false;
	key.port = 0;
	frontend = bpf_map_lookup_elem(&frontends4, &key);
	if (!frontend)
		return false;
	view->service = service_of_range(frontend, bpf_ntohs(tuple->vip_port));
	view->vip = frontend->vip;
	return true;
}

static __always_inline bool view_service(const struct tuple *tuple, struct view *view)
{
	__u64 *index;

	if (!find_frontend(tuple, view))
		return false;
	index = bpf_map_lookup_elem(&services, &view->service);
	if (!index || !*index)
		return false;
	view->index = *index;
	view->version = bpf_map_lookup_elem(&versions, &view->index);
	return view->version;
}

/* ------------------------------------------------------------------------------------------- flows */

static __always_inline bool begins_flow(const struct tuple *tuple)
{
	return tuple->segment == SEGMENT_SYN || tuple->segment == SEGMENT_DATAGRAM;
}

/* The real server of a flow that lives; REAL_NONE: it has ended, or may not stay where it was. */
static __always_inline __u32 real_of_flow(const struct flow_lookup *found, __u8 segment, const struct context *context)
{
	__u32 id = FLOW_REAL(found->word);
	struct real *real;

	if (!found->flow || flow_has_ended(found->word, context->settings, context->now))
		return REAL_NONE;
	if (FLOW_STATE(found->word) == FLOW_TIME_WAIT && segment == SEGMENT_SYN) /* the client uses its port again */
		return REAL_NONE;
	real = bpf_map_lookup_elem(&reals, &id);
	return real && !(real->flags & REAL_MOVES) ? id : REAL_NONE;
}

/* Writes what this packet changes of its flow; in a second's other packets that is nothing. */
static __always_inline void touch_flow(const struct flow_lookup *found, __u8 segment, __u32 now)
{
	__u64 word = found->word;
	__u64 after = FLOW_WORD(FLOW_VIP(word), FLOW_REAL(word), flow_state_after(FLOW_STATE(word), segment), now);

	if (after != word)
		flow_swap(&found->flow->word, word, after);
}

static __always_inline bool remember_flow(const struct flow_lookup *found, const struct tuple *tuple, __u16 vip,
					  __u32 real, const struct context *context)
{
	__u64 word = FLOW_WORD(vip, real, flow_state_after(FLOW_NONE, tuple->segment), context->now);

	if (found->flow)
		return flow_swap(&found->flow->word, found->word, word);
	return flow_insert(found->key, word, found->buckets[0], found->buckets[1], context->now);
}

/* ------------------------------------------------------------------------------------------- balance */

/* A flow without an entry where every flow has one. */
static __always_inline enum reason balance_new(struct packet *packet, const struct view *view,
					       const struct flow_lookup *found, const struct context *context)
{
	const struct tuple *tuple = &packet->tuple;
	__u32 real;

	if (!begins_flow(tuple)) {
		real = SLOT_NOW(slot_of(view->version, tuple));
		return real ? forward_to(packet, real, false, REASON_STRAY) : REASON_NO_REAL;
	}
	real = schedule(view->service, view->index, tuple, context->now);
	if (!real)
		return REASON_NO_REAL;
	if (remember_flow(found, tuple, view->vip, real, context))
		return forward_to(packet, real, true, REASON_FORWARDED);
	real = SLOT_NOW(slot_of(view->version, tuple));
	return real ? forward_to(packet, real, true, REASON_TABLE_FULL) : REASON_NO_REAL;
}

/* A flow without an entry in a slot that changed: if it did not begin just now, it is where the slot was before. */
static __always_inline enum reason balance_moved(struct packet *packet, const struct view *view, __u64 slot,
						 const struct flow_lookup *found, const struct context *context)
{
	const struct tuple *tuple = &packet->tuple;
	bool is_new = tuple->segment == SEGMENT_SYN;
	__u32 real = is_new ? REAL_NONE : SLOT_BEFORE(slot);
	struct real *before = bpf_map_lookup_elem(&reals, &real);

	if (!real || !before || before->flags & REAL_MOVES)
		real = SLOT_NOW(slot);
	if (!real)
		return REASON_NO_REAL;
	if (tuple->segment <= SEGMENT_ACK || tuple->segment == SEGMENT_DATAGRAM)
		remember_flow(found, tuple, view->vip, real, context);
	return forward_to(packet, real, is_new, REASON_FORWARDED);
}

static __always_inline enum reason balance(struct packet *packet, const struct context *context)
{
	const struct tuple *tuple = &packet->tuple;
	struct flow_lookup found;
	struct view view;
	__u64 slot = 0;
	__u32 real;

	if (!view_service(tuple, &view))
		return if_vip(tuple->vip, REASON_NO_SERVICE);
	if (!(view.version->flags & VERSION_TRACKS_ALL)) {
		slot = slot_of(view.version, tuple);
		if (!(slot & SLOT_TRACKED)) {
			real = SLOT_NOW(slot);
			return real ? forward_to(packet, real, tuple->segment == SEGMENT_SYN, REASON_FORWARDED) :
				      REASON_NO_REAL;
		}
	}
	if (view.version->flags & VERSION_ONE_PACKET && tuple->segment == SEGMENT_DATAGRAM) {
		real = schedule(view.service, view.index, tuple, context->now);
		return real ? forward_to(packet, real, true, REASON_FORWARDED) : REASON_NO_REAL;
	}
	if (!flow_find(tuple, view.vip, context->settings, &found))
		return REASON_INTERNAL;
	real = real_of_flow(&found, tuple->segment, context);
	if (real) {
		touch_flow(&found, tuple->segment, context->now);
		return forward_to(packet, real, false, REASON_FORWARDED);
	}
	return slot ? balance_moved(packet, &view, slot, &found, context) :
		      balance_new(packet, &view, &found, context);
}

/* ------------------------------------------------------------------------------------------- ICMP */

/*
 * An ICMP error quotes the packet that a real server sent: from the VIP to the client. Turned round it names the flow,
 * and the error belongs to that flow's real server: without it path-MTU discovery fails and downloads hang.
 */
static __always_inline enum reason icmp_error(struct packet *packet, void *at, const struct context *context)
{
	struct iphdr *inner = at;
	struct tuple *tuple = &packet->tuple;
	struct flow_lookup found;
	struct view view;
	__be16 *ports;
	__u64 slot;
	__u32 real;

	if ((void *)(inner + 1) > packet->end || inner->version != 4 || inner->ihl < 5)
		return REASON_MALFORMED;
	ports = at + inner->ihl * 4;
	if ((void *)(ports + 2) > packet->end || sizeof(struct icmp) + inner->ihl * 4u + 4 > packet->payload)
		return REASON_MALFORMED;
	if (inner->saddr != tuple->vip || inner->frag_off & bpf_htons(IP4_FRAGMENT_OFFSET))
		return REASON_ICMP_NO_FLOW;
	tuple->client = inner->daddr;
	tuple->protocol = inner->protocol;
	tuple->vip_port = ports[0];
	tuple->client_port = ports[1];
	if (!view_service(tuple, &view))
		return REASON_ICMP_NO_FLOW;
	if (!flow_find(tuple, view.vip, context->settings, &found))
		return REASON_INTERNAL;
	real = real_of_flow(&found, SEGMENT_NONE, context);
	if (!real) {
		slot = slot_of(view.version, tuple);
		real = slot & SLOT_TRACKED ? SLOT_BEFORE(slot) : SLOT_NOW(slot);
	}
	return real ? forward_to(packet, real, false, REASON_ICMP_FORWARDED) : REASON_ICMP_NO_FLOW;
}

static __noinline enum reason icmp(struct packet *packet, void *at, const struct context *context)
{
	struct icmp *icmp = at;

	if ((void *)(icmp + 1) > packet->end || packet->payload < sizeof(*icmp))
		return REASON_MALFORMED;
	switch (icmp->type) {
	case ICMP_ECHO:
		return answer_echo(packet, icmp, context->settings);
	case ICMP_UNREACHABLE:
	case ICMP_SOURCE_QUENCH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER_PROBLEM:
		return icmp_error(packet, icmp + 1, context);
	default:
		return REASON_NO_SERVICE;
	}
}

/* ------------------------------------------------------------------------------------------- the walk */

static __always_inline enum reason walk_ip4(struct packet *packet, void *at, const struct context *context)
{
	struct tuple *tuple = &packet->tuple;

	if (!parse_ip4(packet, at) || !vip_filter_has(context->settings, packet->ip->daddr))
		return REASON_NOT_VIP;
	tuple->client = packet->ip->saddr;
	tuple->vip = packet->ip->daddr;
	tuple->protocol = packet->ip->protocol;
	at = parse_ip4_lengths(packet);
	if (!at)
		return if_vip(tuple->vip, REASON_MALFORMED);
	if (packet->ip->frag_off & bpf_htons(IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET))
		return if_vip(tuple->vip, REASON_FRAGMENT);
	switch (tuple->protocol) {
	case IPPROTO_TCP:
		at = parse_tcp(packet, at);
		break;
	case IPPROTO_UDP:
		at = parse_udp(packet, at);
		break;
	case IPPROTO_ICMP:
		return bpf_map_lookup_elem(&vips4, &tuple->vip) ? icmp(packet, at, context) : REASON_NOT_VIP;
	default:
		return if_vip(tuple->vip, REASON_NO_SERVICE);
	}
	return at ? balance(packet, context) : if_vip(tuple->vip, REASON_MALFORMED);
}

static __always_inline enum reason walk(struct packet *packet, void *at)
{
	__u32 zero = 0;
	const struct clock *clock_ = bpf_map_lookup_elem(&clock, &zero);
	struct context context = { .settings = bpf_map_lookup_elem(&settings, &zero) };

	if (!clock_ || !context.settings)
		return REASON_INTERNAL;
	context.now = clock_->seconds;
	packet->eth = at;
	if ((void *)(packet->eth + 1) > packet->end)
		return REASON_NOT_IP;
	if (!mac_is_own(packet->eth->h_dest) && !mac_is_broadcast(packet->eth->h_dest))
		return REASON_NOT_OURS;
	if (packet->eth->h_proto == bpf_htons(ETH_P_ARP))
		return answer_arp(packet, packet->eth + 1, context.settings);
	if (mac_is_broadcast(packet->eth->h_dest))
		return REASON_NOT_OURS;
	if (packet->eth->h_proto == bpf_htons(ETH_P_IP))
		return walk_ip4(packet, packet->eth + 1, &context);
	return REASON_NOT_IP;
}

SEC("xdp")
int carom_director(struct xdp_md *frame)
{
	void *data = (void *)(long)frame->data;
	struct packet packet = { .end = (void *)(long)frame->data_end };
	__u32 reason = walk(&packet, data);
	struct reason_counter *counter = bpf_map_lookup_elem(&reasons, &reason);

	if (counter) {
		counter->packets++;
		counter->bytes += packet.end - data;
	}
	return reason_verdict(reason);
}

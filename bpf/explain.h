// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain.h - where would this client's first packet go now, and why? Asked by user space; no packet, and no trace of it.
 *
 * It walks as balance() does, through the same lookups, the same templates and the same schedulers, on the maps that
 * packets meet, and writes nothing that they could notice: a flow is looked at and not touched, a template not used.
 * A scheduler that remembers where it stands is run on a copy of that, under the number of no service (REHEARSAL).
 * tests/dataplane/test_explain.py explains and then sends, to hold the two together.
 */
#ifndef CAROM_EXPLAIN_H
#define CAROM_EXPLAIN_H

#include "balance.h"
#include "flow.h"
#include "lookup.h"
#include "maps.h"
#include "schedule.h"
#include "template.h"

/* How the real server was found, or why there is none. */
enum step {
	STEP_NO_VIP,
	STEP_NO_SERVICE,
	STEP_FLOW, /* the flow is known */
	STEP_SLOT, /* its slot of the consistent-hash table, in which nobody needs an entry */
	STEP_MOVED, /* a slot that changed: new flows go to one real server, old ones to another */
	STEP_TEMPLATE, /* its client is persistent */
	STEP_SCHEDULED, /* the scheduler's choice */
	STEP_FULL, /* the flow table has no room for it: by consistent hash */
};

struct question {
	/* asked */
	struct ip6 client, vip; /* IPv4 in the first word */
	__be16 client_port, vip_port;
	__u8 protocol;
	__u8 ip6;
	__u16 zero;
	/* answered; what is not found is 0 */
	__u32 step;
	__u32 service;
	__u32 real; /* where the packet goes */
	__u32 scheduled; /* whom the scheduler would give a new flow */
	__u32 slot_now, slot_before, slot_tracked;
	__u32 flow_real, flow_state, flow_idle, flow_persistent; /* an entry of a flow that lives; 0: there is none */
	__u32 template_real, template_idle, template_flows; /* of a template that lives */
};

static __always_inline void explain_flow(struct question *asked, const struct flow_lookup *found, __u32 now)
{
	if (!found->at || flow_has_ended(found->word, now))
		return;
	asked->flow_real = FLOW_REAL(found->word);
	asked->flow_state = FLOW_STATE(found->word);
	asked->flow_idle = flow_idle(found->word, now);
	asked->flow_persistent = FLOW_TEMPLATE(found->word);
}

/* The template that serves this client, as template_use() finds it; REAL_NONE: none. */
static __always_inline __u32 explain_template(struct question *asked, const struct tuple *tuple,
					      const struct view *view, __u32 now)
{
	struct template_key key = template_key(view->service, view->version, tuple->client, asked->ip6);
	struct template *template = bpf_map_lookup_elem(&templates, &key);
	__u32 id;

	if (!template || !template_lives(template, view->version->persistence, now))
		return REAL_NONE;
	id = template->real;
	asked->template_real = id;
	asked->template_idle = now - template->used;
	asked->template_flows = template->flows;
	return real_of(id)->flags & REAL_AVAILABLE ? id : REAL_NONE;
}

static __always_inline __u32 explain_schedule(const struct view *view, __u32 key, __u32 now)
{
	__u32 service = view->service, rehearsal = REHEARSAL;
	__u64 *cursor = bpf_map_lookup_elem(&cursors, &service);

	if (!cursor || bpf_map_update_elem(&cursors, &rehearsal, cursor, BPF_ANY))
		return REAL_NONE;
	return schedule(REHEARSAL, view, key, now);
}

static __always_inline void explain_slot(struct question *asked, const struct view *view, __u32 key)
{
	__u64 slot = slot_of(view->version, key);

	asked->slot_now = SLOT_NOW(slot);
	asked->slot_before = SLOT_BEFORE(slot);
	asked->slot_tracked = !!(slot & SLOT_TRACKED);
}

/* As balance_moved(), for the first packet that is seen of a flow. */
static __always_inline __u32 explain_moved(const struct question *asked, __u8 segment, __u32 moved, __u32 now)
{
	__u32 before = segment != SEGMENT_DATAGRAM ? REAL_NONE : asked->slot_before;

	return before && stays_before(real_of(before), segment, moved, now) ? before : asked->slot_now;
}

static __always_inline bool explain_has_room(const struct flow_lookup *found, bool ip6, __u32 now)
{
	return found->at || (ip6 ? room_in(true, found->buckets[0], found->buckets[1], now)
				 : room_in(false, found->buckets[0], found->buckets[1], now));
}

static __always_inline void explain_walk(struct question *asked, const struct tuple *tuple, struct view *view,
					 __u32 now)
{
	bool tracks_all = view->version->flags & VERSION_TRACKS_ALL;
	__u32 key = slot_key(view->version, tuple, asked->ip6), kept = REAL_NONE;
	struct flow_lookup found = {};
	__u32 real = REAL_NONE, before;

	explain_slot(asked, view, key);
	asked->scheduled = tracks_all ? explain_schedule(view, key, now) : asked->slot_now;
	asked->real = asked->scheduled;
	asked->step = STEP_SCHEDULED;
	if (!tracks_all && !asked->slot_tracked) {
		asked->step = STEP_SLOT;
		return;
	}
	if (view->version->flags & VERSION_ONE_PACKET && tuple->segment == SEGMENT_DATAGRAM)
		return;
	if (flow_find(tuple, asked->ip6, view->vip, now, &found)) {
		explain_flow(asked, &found, now);
		real = real_of_flow(&found, tuple->segment, now);
	}
	if (tracks_all && constants.features & FEATURE_PERSISTENCE && view->version->persistence)
		kept = explain_template(asked, tuple, view, now);
	before = tuple->segment == SEGMENT_DATAGRAM ? real_before(tuple, asked->ip6, tuple->segment, view, now)
						    : REAL_NONE;
	if (real) {
		asked->step = STEP_FLOW;
		asked->real = real;
	} else if (before) {
		asked->step = STEP_MOVED;
		asked->real = before;
	} else if (!tracks_all) {
		asked->step = STEP_MOVED;
		asked->real = explain_moved(asked, tuple->segment, view->version->moved, now);
	} else if (kept || asked->scheduled) {
		asked->step = kept ? STEP_TEMPLATE : STEP_SCHEDULED;
		asked->real = kept ? kept : asked->scheduled;
		if (!explain_has_room(&found, asked->ip6, now)) {
			asked->step = STEP_FULL;
			asked->real = asked->slot_now;
		}
	}
}

static __always_inline void explain_packet(struct question *asked, __u32 now)
{
	struct tuple tuple = {
		.client_port = asked->client_port,
		.vip_port = asked->vip_port,
		.protocol = asked->protocol,
		.segment = asked->protocol == IPPROTO_TCP    ? SEGMENT_SYN
			   : asked->protocol == IPPROTO_SCTP ? SEGMENT_SCTP_INIT
							     : SEGMENT_DATAGRAM,
	};
	struct view view;

	__builtin_memcpy(tuple.client, &asked->client, sizeof(tuple.client));
	__builtin_memcpy(tuple.vip, &asked->vip, sizeof(tuple.vip));
	if (!is_vip(tuple.vip, asked->ip6))
		return;
	asked->step = STEP_NO_SERVICE;
	if (!view_service(&tuple, asked->ip6, &view))
		return;
	asked->service = view.service;
	explain_walk(asked, &tuple, &view, now);
}

static struct question explained; /* on the stack there is no room for it; one asks at a time */

/* Asked with a struct question as its context, which it fills in. */
SEC("syscall")
int explain(struct question *asked)
{
	explained = *asked;
	explain_packet(&explained, clock.seconds);
	*asked = explained;
	return 0;
}

#endif

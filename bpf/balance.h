// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* balance.h - a packet for a service: to the real server of its flow, or of its slot, or to the one that is scheduled. */
#ifndef CAROM_BALANCE_H
#define CAROM_BALANCE_H

#include "flow.h"
#include "forward.h"
#include "handover.h"
#include "lookup.h"
#include "maps.h"
#include "parse.h"
#include "room.h"
#include "schedule.h"
#include "syncap.h"

static __always_inline bool begins_flow(const struct tuple *tuple)
{
	return tuple->segment == SEGMENT_SYN || tuple->segment == SEGMENT_SCTP_INIT ||
	       tuple->segment == SEGMENT_DATAGRAM;
}

/* Whether nothing but a new flow begins so. */
static __always_inline bool opens_flow(const struct tuple *tuple)
{
	return tuple->segment == SEGMENT_SYN || tuple->segment == SEGMENT_SCTP_INIT;
}

/* Whether a flow that is seen by this for the first time is worth an entry. */
static __always_inline bool shows_flow(const struct tuple *tuple)
{
	return tuple->segment <= SEGMENT_ACK || tuple->segment == SEGMENT_DATAGRAM ||
	       (tuple->segment >= SEGMENT_SCTP_DATA && tuple->segment <= SEGMENT_SCTP_SHUTDOWN);
}

/* Where a flow is that lives; NULL: it has ended, or may not stay there. */
static __always_inline struct real *home_of_flow(const struct flow_lookup *found, __u8 segment, __u32 now)
{
	__u32 id = FLOW_REAL(found->word);
	struct real *real;

	if (!found->at || flow_has_ended(found->word, now))
		return NULL;
	if ((segment == SEGMENT_SYN || segment == SEGMENT_SCTP_INIT) && flow_is_over(found->word))
		return NULL; /* the client uses its port again */
	real = real_of(id);
	return real->flags & REAL_MOVES ? NULL : real;
}

static __always_inline __u32 real_of_flow(const struct flow_lookup *found, __u8 segment, __u32 now)
{
	return home_of_flow(found, segment, now) ? FLOW_REAL(found->word) : REAL_NONE;
}

/* Writes what this packet changes of its flow; in a second's other packets that is nothing. */
static __always_inline void touch_flow(const struct flow_lookup *found, __u8 segment, __u32 now)
{
	__u64 word = found->word;
	__u64 after = FLOW_WORD_AFTER(word, flow_state_after(FLOW_STATE(word), segment), now);

	if (after == word)
		return;
	if (FLOW_SAME_BUT_SEEN(after, word))
		flow_stamp(found->at, now);
	else if (!flow_go_on(found->at, word, after))
		return;
	if ((segment == SEGMENT_SYN || segment == SEGMENT_SCTP_INIT) && flow_is_half_open(word) &&
	    FLOW_SEEN(word) != (__u16)now)
		flow_repeat_handshake(word);
}

/* The real server for a new flow, and the generation of the template that the flow holds; 0: none. */
struct pick {
	__u32 real;
	__u32 generation;
};

static __always_inline struct pick pick_real(const struct tuple *tuple, bool ip6, const struct view *view, __u32 key,
					     __u32 now)
{
	bool persistent = constants.features & FEATURE_PERSISTENCE && view->version->persistence;
	struct template_key client;
	struct pick pick = {};
	__u64 kept = 0;

	if (persistent) {
		client = template_key(view->service, view->version, tuple->client, ip6);
		kept = template_use(&client, view->version->persistence, now);
	}
	if (kept)
		return (struct pick){ kept, kept >> 32 };
	pick.real = schedule(view->service, view, key, now);
	if (persistent && pick.real)
		pick.generation = template_make(&client, pick.real, view->version->generation, now);
	return pick;
}

/* The flow got no entry, so nobody would say when it ends: it does not hold its client's template. */
static __always_inline void leave_template(const struct tuple *tuple, bool ip6, struct pick pick, __u32 now)
{
	struct ip6 client = { .words = { tuple->client[0] } };

	if (!(constants.features & FEATURE_PERSISTENCE) || !pick.generation)
		return;
	if (ip6)
		__builtin_memcpy(&client, tuple->client, sizeof(client));
	template_release(&client, pick.real, pick.generation, now);
}

static __always_inline bool remember_flow(const struct flow_lookup *found, const struct tuple *tuple, bool ip6,
					  __u16 vip, struct pick pick, __u32 now)
{
	__u64 word = FLOW_WORD(vip, pick.real, flow_state_after(FLOW_NONE, tuple->segment), now) |
		     FLOW_TEMPLATE_BITS(pick.generation);
	struct ip6 client = { .words = { tuple->client[0] } };

	if (found->at) {
		if (!flow_swap(found->at, found->word, word))
			return false;
		if (ip6)
			__builtin_memcpy(&client, tuple->client, sizeof(client));
		flow_leave(found->word, &client, now);
		return true;
	}
	return flow_insert(tuple, ip6, found, word, now);
}

/* Nobody can take it: its client is told so, or it is dropped in silence. */
static __always_inline enum reason no_real(const struct version *version)
{
	return constants.features & FEATURE_UNREACHABLE && version->flags & VERSION_UNREACHABLE ? UNFINISHED_NO_REAL
												: REASON_NO_REAL;
}

/* A flow without an entry where every flow has one. */
static __always_inline enum reason balance_new(struct packet *packet, bool ip6, const struct view *view,
					       const struct flow_lookup *found, __u32 now)
{
	const struct tuple *tuple = &packet->tuple;
	__u32 real, key = slot_key(view->version, tuple, ip6);
	struct pick pick;

	if (!begins_flow(tuple)) {
		real = SLOT_NOW(slot_of(view->version, key));
		return real ? forward_to(packet, real, false, REASON_STRAY) : no_real(view->version);
	}
	pick = pick_real(tuple, ip6, view, key, now);
	if (!pick.real)
		return no_real(view->version);
	if (remember_flow(found, tuple, ip6, view->vip, pick, now))
		return forward_to(packet, pick.real, true, REASON_FORWARDED);
	leave_template(tuple, ip6, pick, now);
	real = SLOT_NOW(slot_of(view->version, key));
	return real ? forward_to(packet, real, true, REASON_TABLE_FULL) : no_real(view->version);
}

/*
 * Whether a packet of a flow without an entry goes to where such flows were before `since`. Of a datagram nobody knows
 * whether it begins something: it does so for as long as a flow of datagrams may be silent, and while somebody is there.
 */
static __always_inline bool stays_before(const struct real *real, __u8 segment, __u32 since, __u32 now)
{
	if (real->flags & REAL_MOVES)
		return false;
	return segment != SEGMENT_DATAGRAM ||
	       (real->flags & REAL_AVAILABLE && !is_later(now, since + settings.timeouts[FLOW_UDP]));
}

/* A flow without an entry in a slot that changed: if it did not begin just now, it is where the slot was before. */
static __always_inline enum reason balance_moved(struct packet *packet, bool ip6, const struct view *view, __u64 slot,
						 const struct flow_lookup *found, __u32 now)
{
	const struct tuple *tuple = &packet->tuple;
	bool is_new = opens_flow(tuple);
	__u32 real = is_new ? REAL_NONE : SLOT_BEFORE(slot);

	if (!real || !stays_before(real_of(real), tuple->segment, view->version->moved, now))
		real = SLOT_NOW(slot);
	if (!real)
		return no_real(view->version);
	if (shows_flow(tuple))
		remember_flow(found, tuple, ip6, view->vip, (struct pick){ real, 0 }, now);
	return forward_to(packet, real, is_new, REASON_FORWARDED);
}

/*
 * Where a flow without an entry is that began when its service went by another hash, and kept no entries; REAL_NONE: by
 * now each such flow has been seen, and given an entry, or has been silent for so long that it has ended.
 */
static __always_inline __u32 real_before(const struct tuple *tuple, bool ip6, __u8 segment, const struct view *view,
					 __u32 now)
{
	__u32 index = view->version->before, since = view->version->since, id;
	struct version *before;
	__u64 slot;

	if (!index || is_later(now, since + settings.timeouts[FLOW_ESTABLISHED]))
		return REAL_NONE;
	before = version_of(index);
	slot = slot_of(before, slot_key(before, tuple, ip6));
	id = slot & SLOT_TRACKED ? SLOT_BEFORE(slot) : SLOT_NOW(slot);
	return id && stays_before(real_of(id), segment, since, now) ? id : REAL_NONE;
}

static __always_inline enum reason balance(struct xdp_md *frame, struct packet *packet, bool ip6)
{
	const struct tuple *tuple = &packet->tuple;
	struct flow_lookup found;
	struct real *home;
	struct view view;
	__u64 slot = 0;
	__u32 real, now;

	if (!view_service(tuple, ip6, &view))
		return if_vip(frame, REASON_NO_SERVICE);
	if (tuple->segment == SEGMENT_SYN && constants.features & FEATURE_SYN_RATE &&
	    !syncap_allows(tuple, ip6, clock_now()))
		return REASON_SYN_CAPPED;
	if (!(view.version->flags & VERSION_TRACKS_ALL)) {
		slot = slot_of(view.version, slot_key(view.version, tuple, ip6));
		if (!(slot & SLOT_TRACKED)) {
			real = SLOT_NOW(slot);
			return real ? forward_to(packet, real, opens_flow(tuple), REASON_FORWARDED)
				    : no_real(view.version);
		}
	}
	now = clock_now();
	if (view.version->flags & VERSION_ONE_PACKET && tuple->segment == SEGMENT_DATAGRAM) {
		real = schedule(view.service, &view, slot_key(view.version, tuple, ip6), now);
		return real ? forward_to(packet, real, true, REASON_FORWARDED) : no_real(view.version);
	}
	if (!flow_find(tuple, ip6, view.vip, now, &found))
		return REASON_INTERNAL;
	home = home_of_flow(&found, tuple->segment, now);
	if (home) {
		touch_flow(&found, tuple->segment, now);
		return forward_to_real(packet, home, FLOW_REAL(found.word), false, REASON_FORWARDED);
	}
	if (handover_asks(begins_flow(tuple)))
		return UNFINISHED_BEFORE;
	real = opens_flow(tuple) ? REAL_NONE : real_before(tuple, ip6, tuple->segment, &view, now);
	if (real) {
		if (shows_flow(tuple))
			remember_flow(&found, tuple, ip6, view.vip, (struct pick){ real, 0 }, now);
		return forward_to(packet, real, false, REASON_FORWARDED);
	}
	return slot ? balance_moved(packet, ip6, &view, slot, &found, now)
		    : balance_new(packet, ip6, &view, &found, now);
}

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* forward.h - the last step: a packet's two MACs are written, its real server's counters go up. */
#ifndef CAROM_FORWARD_H
#define CAROM_FORWARD_H

#include "maps.h"
#include "parse.h"

/* A MAC in the frame, or in a map, in two pieces. */
#define MAC_FIRST(mac) (*(volatile __u32 *)(mac))
#define MAC_LAST(mac) (*(volatile __u16 *)((volatile void *)(mac) + 4))

static __always_inline bool mac_is_own(const void *mac)
{
	return MAC_FIRST(mac) == MAC_FIRST(constants.own_mac) && MAC_LAST(mac) == MAC_LAST(constants.own_mac);
}

static __always_inline bool mac_is_broadcast(const void *mac)
{
	const __u16 *at = mac;

	return (at[0] & at[1] & at[2]) == 0xffff;
}

static __always_inline void mac_write(void *to, const volatile void *mac)
{
	MAC_FIRST(to) = MAC_FIRST(mac);
	MAC_LAST(to) = MAC_LAST(mac);
}

static __always_inline void mac_write_own(void *to)
{
	mac_write(to, constants.own_mac);
}

/* The sender of what goes to a real server. */
static __always_inline void mac_write_out(void *to)
{
	mac_write(to, constants.out_mac);
}

static __always_inline void mac_copy(void *to, const void *from)
{
	__u16 *t = to;
	const __u16 *f = from;

	t[0] = f[0];
	t[1] = f[1];
	t[2] = f[2];
}

/* Sends the frame back to the station it came from. */
static __always_inline void forward_back(struct packet *packet)
{
	__u16 sender[3];

	mac_copy(sender, packet->eth->h_source);
	mac_write_own(packet->eth->h_source);
	mac_copy(packet->eth->h_dest, sender);
}

static __always_inline void forward_count(const struct packet *packet, __u32 real, bool is_new)
{
	struct real_counter *counter = bpf_map_lookup_elem(&real_counters, &real);

	if (!counter)
		return;
	counter->packets++;
	counter->bytes += packet_left(packet, packet->eth);
	if (is_new)
		counter->new_flows++;
}

/* A flow that is remembered, though the packet with which it began goes no further. */
static __always_inline void forward_count_unsent(__u32 real)
{
	struct real_counter *counter = bpf_map_lookup_elem(&real_counters, &real);

	if (counter)
		counter->new_flows++;
}

/* The largest packet that can be sent to it; 0: of every size. */
static __always_inline __u32 forward_mtu(const struct real *real)
{
	if (constants.out_mtu && (!real->mtu || real->mtu > constants.out_mtu))
		return constants.out_mtu;
	return real->mtu;
}

static __always_inline void forward_note_vlan(const struct real *real)
{
	__u32 zero = 0, *vlan = bpf_map_lookup_elem(&way_out, &zero);

	if (vlan)
		*vlan = real->vlan;
}

/* Ends in `reason` if the frame can be sent at all. */
static __always_inline enum reason forward_to_real(struct packet *packet, const struct real *real, __u32 id,
						   bool is_new, enum reason reason)
{
	if (!(real->flags & REAL_HAS_MAC)) {
		if (!(real->flags & REAL_LOCAL))
			return REASON_NO_MAC;
		packet->real = id;
		forward_count(packet, id, is_new);
		return REASON_LOCAL;
	}
	if (constants.features & (FEATURE_MTU | FEATURE_VLAN)) {
		if (constants.features & FEATURE_MTU && forward_mtu(real) &&
		    packet_left(packet, packet->ip) > forward_mtu(real)) {
			if (is_new)
				forward_count_unsent(id);
			return UNFINISHED_TOO_BIG_FOR(forward_mtu(real));
		}
		if (constants.features & FEATURE_VLAN)
			forward_note_vlan(real);
	}
	mac_write_out(packet->eth->h_source);
	mac_write(packet->eth->h_dest, real->mac);
	packet->real = id;
	forward_count(packet, id, is_new);
	return reason;
}

static __always_inline enum reason forward_to(struct packet *packet, __u32 id, bool is_new, enum reason reason)
{
	return forward_to_real(packet, real_of(id), id, is_new, reason);
}

/* The verdict of a frame whose walk has ended; its reason becomes another where the way out is gone. */
static __always_inline int forward_out(__u32 *reason)
{
	int verdict = reason_verdict(*reason);

	if (verdict != XDP_REDIRECT)
		return verdict;
	if (!(constants.features & FEATURE_INSIDE))
		return XDP_TX;
	verdict = bpf_redirect_map(&inside, 0, XDP_DROP);
	if (verdict != XDP_REDIRECT)
		*reason = REASON_NO_INSIDE;
	return verdict;
}

#endif

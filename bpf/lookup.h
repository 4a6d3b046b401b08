// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* lookup.h - is this a VIP, and which service, in which state, is behind this port of it? */
#ifndef CAROM_LOOKUP_H
#define CAROM_LOOKUP_H

#include "maps.h"
#include "parse.h"

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

/* `address` is an IPv4 address, or the XOR of an IPv6 address's four words, in network order. */
static __always_inline bool vip_filter_has(const struct settings *settings, __be32 address)
{
	__u32 bit = address * 0x9e3779b1u >> 20;

	return settings->vip_filter[bit >> 6] >> (bit & 63) & 1;
}

static __always_inline bool is_vip(const __be32 *address, bool ip6)
{
	return ip6 ? !!bpf_map_lookup_elem(&vips6, address) : !!bpf_map_lookup_elem(&vips4, address);
}

/* The filter may err on the side of VIPs; what is rare may ask again. */
static __always_inline enum reason if_vip(const struct tuple *tuple, bool ip6, enum reason reason)
{
	return is_vip(tuple->vip, ip6) ? reason : REASON_NOT_VIP;
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

static __always_inline struct frontend *frontend_at(const struct tuple *tuple, bool ip6, __be16 port)
{
	struct frontend4_key key4 = { tuple->vip[0], port, tuple->protocol, 0 };
	struct frontend6_key key6 = { .port = port, .protocol = tuple->protocol };

	if (!ip6)
		return bpf_map_lookup_elem(&frontends4, &key4);
	__builtin_memcpy(&key6.address, tuple->vip, sizeof(key6.address));
	return bpf_map_lookup_elem(&frontends6, &key6);
}

static __always_inline bool find_frontend(const struct tuple *tuple, bool ip6, struct view *view)
{
	struct frontend *frontend = tuple->vip_port ? frontend_at(tuple, ip6, tuple->vip_port) : NULL;

	if (frontend) {
		view->service = frontend->service;
		view->vip = frontend->vip;
		return true;
	}
	if (!(constants.features & FEATURE_RANGES))
		return false;
	frontend = frontend_at(tuple, ip6, 0);
	if (!frontend)
		return false;
	view->service = service_of_range(frontend, bpf_ntohs(tuple->vip_port));
	view->vip = frontend->vip;
	return true;
}

static __always_inline bool view_service(const struct tuple *tuple, bool ip6, struct view *view)
{
	__u64 *index;

	if (!find_frontend(tuple, ip6, view))
		return false;
	index = bpf_map_lookup_elem(&services, &view->service);
	if (!index || !*index)
		return false;
	view->index = *index;
	view->version = bpf_map_lookup_elem(&versions, &view->index);
	return view->version;
}

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/templates.h - persistent clients and their real servers. */
#ifndef CAROM_MAPS_TEMPLATES_H
#define CAROM_MAPS_TEMPLATES_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "frontends.h"

struct template_key {
	__u32 service;
	struct ip6 client; /* masked; IPv4 in the first word */
};

/* Which real server a persistent client has: template.h. */
struct template {
	__u32 real;
	__u32 used; /* second of its last new flow */
	__u32 flows; /* flows that hold it */
	__u32 idle; /* second in which the last of them ended */
	__u32 generation; /* 1 to 127; flows of an earlier one do not hold it */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct template_key);
	__type(value, struct template);
} templates SEC(".maps");

#endif

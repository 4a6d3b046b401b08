// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/reasons.h - packets by the way they ended. */
#ifndef CAROM_MAPS_REASONS_H
#define CAROM_MAPS_REASONS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../reason.h"

struct reason_counter {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, struct reason_counter);
} reasons SEC(".maps");

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/labels.h - what the numbers stand for, for whoever takes the maps over. */
#ifndef CAROM_MAPS_LABELS_H
#define CAROM_MAPS_LABELS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/*
 * What the numbers above stand for. The program never reads these; whoever takes over the maps does, so that a service,
 * a real server and a VIP keep their numbers, and flows their meaning, across restarts.
 */
struct service_label {
	char name[64]; /* empty: the number is free */
};

struct vip_label {
	__u8 address[16]; /* IPv4 in the first four bytes */
	__u8 family; /* 4 or 6; 0: the number is free */
	__u8 protocol;
};

struct real_label {
	char service[64]; /* empty: the number is free */
	__u8 address[16];
	__u8 family;
	__u8 zero;
	__u16 last_weight; /* its last weight that was not 0: what mh's table is made of */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct service_label);
} service_labels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct vip_label);
} vip_labels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct real_label);
} real_labels SEC(".maps");

/*
 * How all these records are laid out, in words (JSON): for a program of another layout, which reads them by it and takes
 * the flows over. The program never reads it either.
 */
#define DESCRIPTION_BYTES (1 << 14)

struct description {
	char text[DESCRIPTION_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct description);
} description SEC(".maps");

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * walk.h - which flow's packet comes next, and who its client is.
 *
 * User space sets the walk before each run: one flow, all flows in turn, flows at random, or flows that never come
 * again are all one multiplication and one addition away.
 */
#ifndef CAROM_BENCH_WALK_H
#define CAROM_BENCH_WALK_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define CLIENT4 26 /* the source address's offset in an IPv4 frame */
#define PORT4 34
#define CLIENT6 34 /* of the source address's last word */
#define PORT6 54

/* bench.walk.Walk is Python's side of this struct. */
struct walk {
	__u64 state; /* state * multiplier + increment comes next */
	__u64 multiplier;
	__u64 increment;
	__u32 shift; /* the flow's number is first + (state >> shift & mask) */
	__u32 mask;
	__u32 first;
	__u32 network; /* of the clients: the last word of its address */
	__u64 head[6]; /* the frame's first bytes; no client yet */
};

struct walk walk; /* in .bss, which user space maps into its memory */

static __always_inline __u32 walk_next(void)
{
	__u64 state = walk.state * walk.multiplier + walk.increment;

	walk.state = state;
	return walk.first + (state >> walk.shift & walk.mask);
}

/* Sixteen flows a client; bench.cases.client() computes the same. Returns the last word of the client's address. */
static __always_inline __be32 write_client(void *address, void *port)
{
	__u32 flow = walk_next();
	__be32 client = bpf_htonl(walk.network | flow >> 4);

	*(__be32 *)address = client;
	*(__be16 *)port = bpf_htons(1024 + (flow & 15) * 3911);
	return client;
}

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * traffic.bpf.c - both ends of the traffic of `./dev bench --end-to-end`.
 *
 * The generator runs on live frames, whose pages come back with whatever their last receiver wrote into them: so it
 * writes every byte of the headers, for every packet.
 */
#include <linux/if_ether.h>
#include "walk.h"

#define CHECKSUM4 24 /* offset of the IP header's checksum */

__u64 counted SEC(".data.counted"); /* by whichever program packets end in */

static __always_inline __u16 checksum_of(__u64 head, __be32 client)
{
	__u64 sum = head + (client & 0xffff) + (client >> 16);

	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/* Sends one UDP datagram out of the device that the run names. `walk.head[5]` is the sum of the IP header so far. */
SEC("xdp")
int generate(struct xdp_md *frame)
{
	void *data = (void *)(long)frame->data;
	__u64 *words = data;
	__be32 client;

	if (data + 48 > (void *)(long)frame->data_end)
		return XDP_ABORTED;
	words[0] = walk.head[0];
	words[1] = walk.head[1];
	words[2] = walk.head[2];
	words[3] = walk.head[3];
	words[4] = walk.head[4];
	words[5] = 0; /* no UDP checksum */
	client = write_client(data + CLIENT4, data + PORT4);
	*(__u16 *)(data + CHECKSUM4) = checksum_of(walk.head[5], client);
	return XDP_TX;
}

SEC("xdp")
int sink(struct xdp_md *frame __attribute__((unused)))
{
	counted++;
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wrap.bpf.c - the entry of every measured packet.
 *
 * BPF_PROG_TEST_RUN runs a program again and again on one frame, and never restores it. A director by direct routing
 * changes two MACs and nothing else, so these are written back here; then the next flow's client takes its place in
 * the headers, and the frame goes on to the program under test.
 *
 * No field is written in two stores: a load that spans two that are still in flight costs a dozen cycles, which no
 * frame from a NIC would.
 */
#include "walk.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

static __always_inline void write_macs(void *at)
{
	*(__u64 *)at = walk.head[0];
	*(__u32 *)(at + 8) = walk.head[1];
}

SEC("xdp")
int wrap4(struct xdp_md *frame)
{
	void *data = (void *)(long)frame->data;

	if (data + PORT4 + 2 > (void *)(long)frame->data_end)
		return XDP_ABORTED;
	write_client(data + CLIENT4, data + PORT4);
	write_macs(data);
	bpf_tail_call_static(frame, &under_test, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int wrap6(struct xdp_md *frame)
{
	void *data = (void *)(long)frame->data;

	if (data + PORT6 + 2 > (void *)(long)frame->data_end)
		return XDP_ABORTED;
	write_client(data + CLIENT6, data + PORT6);
	write_macs(data);
	bpf_tail_call_static(frame, &under_test, 0);
	return XDP_ABORTED;
}

char _license[] SEC("license") = "Dual BSD/GPL";

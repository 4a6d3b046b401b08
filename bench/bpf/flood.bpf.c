// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * flood.bpf.c - a flood of SYNs from sources that are not there, and a port that spares what lies behind it.
 *
 * The generator runs on live frames (bench.live); it writes every byte of the headers, since a page comes back with
 * whatever its last receiver wrote into it. Checksums are right: a real server would have to look at each of them.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SOURCES 0x0a000000 /* 10.0.0.0/8 */
#define SOURCES_MASK 0xff000000

struct flood {
	struct {
		struct ethhdr eth;
		struct iphdr ip;
		struct tcphdr tcp;
	} __attribute__((packed)) head; /* of every frame, but for its client */
	__u16 ip_sum, tcp_sum; /* of its words, checksums left out, as they lie in memory */
	__u32 pad;
	__u64 sent;
	__u64 spared; /* frames of the flood that came back out of the director */
};

struct flood flood; /* in .bss, which user space maps into its memory */

static __always_inline __u16 checksum_with(__u64 sum, __be32 client, __be16 port)
{
	sum += (client & 0xffff) + (client >> 16) + port;
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

SEC("xdp")
int generate(struct xdp_md *frame)
{
	struct ethhdr *eth = (void *)(long)frame->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 chance = bpf_get_prandom_u32();
	__be32 client = bpf_htonl(SOURCES | (chance & ~SOURCES_MASK));
	__be16 port = bpf_htons(1024 + (chance >> 24) * 7);

	if ((void *)(tcp + 1) > (void *)(long)frame->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(eth, &flood.head, sizeof(flood.head));
	ip->saddr = client;
	ip->check = checksum_with(flood.ip_sum, client, 0);
	tcp->source = port;
	tcp->check = checksum_with(flood.tcp_sum, client, port);
	flood.sent++;
	return XDP_TX;
}

/* On the director's port of the segment: the flood has passed the director, and ends here. */
SEC("xdp")
int spare(struct xdp_md *frame)
{
	struct ethhdr *eth = (void *)(long)frame->data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > (void *)(long)frame->data_end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    (bpf_ntohl(ip->saddr) & SOURCES_MASK) != SOURCES)
		return XDP_PASS;
	flood.spared++;
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * floors.bpf.c - what Carom is measured against: the least a program can do, and what the obvious design must do.
 *
 *   drop        nothing
 *   swap        two MACs
 *   hash_lru    parse, a hash lookup for the VIP, an LRU lookup for the flow (inserted if it is new), two MACs
 *   lru_insert  the same with an insert for every packet
 *
 * The last two balance nothing and count nothing: a balancer with an LRU flow table cannot be faster.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FLOWS (1 << 20)

struct ports {
	__be16 source;
	__be16 target;
};

struct vip4 {
	__be32 address;
	__be16 port;
	__u8 protocol;
	__u8 zero;
};

struct vip6 {
	__be32 address[4];
	__be16 port;
	__u8 protocol;
	__u8 zero;
};

struct flow4 {
	__be32 client;
	__be32 vip;
	struct ports ports;
	__u32 protocol;
};

struct flow6 {
	__be32 client[4];
	__be32 vip[4];
	struct ports ports;
	__u32 protocol;
};

struct flow {
	__u64 real;
	__u64 seen;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, struct vip4);
	__type(value, __u64);
} vips4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, struct vip6);
	__type(value, __u64);
} vips6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FLOWS);
	__type(key, struct flow4);
	__type(value, struct flow);
} flows4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FLOWS);
	__type(key, struct flow6);
	__type(value, struct flow);
} flows6 SEC(".maps");

__u64 inserted; /* flows that hash_lru did not find: shows that a hit was a hit */

static __always_inline int swap(void *at)
{
	__u16 *mac = at, first = mac[0], second = mac[1], third = mac[2];

	mac[0] = mac[3];
	mac[1] = mac[4];
	mac[2] = mac[5];
	mac[3] = first;
	mac[4] = second;
	mac[5] = third;
	return XDP_TX;
}

static __always_inline void insert(void *flows, const void *key)
{
	struct flow new = { .real = 1 };

	bpf_map_update_elem(flows, key, &new, BPF_ANY);
	inserted++;
}

static __always_inline int balance4(struct xdp_md *frame, _Bool always_insert)
{
	void *data = (void *)(long)frame->data;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ports *ports = (void *)(ip + 1);

	if ((void *)(ports + 1) > (void *)(long)frame->data_end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5)
		return XDP_PASS;

	struct vip4 vip = { ip->daddr, ports->target, ip->protocol, 0 };
	struct flow4 key = { ip->saddr, ip->daddr, { ports->source, ports->target }, ip->protocol };

	if (!bpf_map_lookup_elem(&vips4, &vip))
		return XDP_PASS;
	if (always_insert || !bpf_map_lookup_elem(&flows4, &key))
		insert(&flows4, &key);
	return swap(data);
}

static __always_inline int balance6(struct xdp_md *frame, _Bool always_insert)
{
	void *data = (void *)(long)frame->data;
	struct ethhdr *eth = data;
	struct ipv6hdr *ip = (void *)(eth + 1);
	struct ports *ports = (void *)(ip + 1);

	if ((void *)(ports + 1) > (void *)(long)frame->data_end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IPV6))
		return XDP_PASS;

	struct vip6 vip = { .port = ports->target, .protocol = ip->nexthdr };
	struct flow6 key = { .ports = { ports->source, ports->target }, .protocol = ip->nexthdr };

	__builtin_memcpy(vip.address, &ip->daddr, sizeof(vip.address));
	__builtin_memcpy(key.client, &ip->saddr, sizeof(key.client));
	__builtin_memcpy(key.vip, &ip->daddr, sizeof(key.vip));
	if (!bpf_map_lookup_elem(&vips6, &vip))
		return XDP_PASS;
	if (always_insert || !bpf_map_lookup_elem(&flows6, &key))
		insert(&flows6, &key);
	return swap(data);
}

SEC("xdp")
int floor_drop(struct xdp_md *frame __attribute__((unused)))
{
	return XDP_DROP;
}

SEC("xdp")
int floor_swap(struct xdp_md *frame)
{
	void *data = (void *)(long)frame->data;

	if (data + sizeof(struct ethhdr) > (void *)(long)frame->data_end)
		return XDP_DROP;
	return swap(data);
}

SEC("xdp")
int floor_hash_lru4(struct xdp_md *frame)
{
	return balance4(frame, 0);
}

SEC("xdp")
int floor_lru_insert4(struct xdp_md *frame)
{
	return balance4(frame, 1);
}

SEC("xdp")
int floor_hash_lru6(struct xdp_md *frame)
{
	return balance6(frame, 0);
}

SEC("xdp")
int floor_lru_insert6(struct xdp_md *frame)
{
	return balance6(frame, 1);
}

char _license[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * clock.h - the program's own clock and broom: a timer in the kernel that needs no user space.
 *
 * Some times a second it writes the time that flows are stamped with, and sweeps one part of the flow table, so that
 * an ended flow leaves its real server's count within SWEEP_SECONDS. Lookups do not wait for that: they see by the
 * stamp that a flow has ended.
 */
#ifndef CAROM_CLOCK_H
#define CAROM_CLOCK_H

#include "flow.h"
#include "maps.h"

#define CLOCK_MONOTONIC 1
#define NANOSECONDS 1000000000ULL
#define CLOCK_TICKS 16 /* a second */
#define SWEEP_SECONDS 8

struct timer {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct timer);
} timers SEC(".maps");

struct sweep {
	__u32 bucket;
	__u32 now;
};

/* Its key goes too: a free place has none, so that who looks for one does not find it there. */
static __always_inline void sweep_flow(const struct sweep *sweep, __u64 *key, __u32 words, const struct ip6 *client)
{
	__u64 *at = key + words, word = *at;

	if (!word || word == FLOW_CLAIMED || !flow_has_ended(word, sweep->now) || !flow_swap(at, word, FLOW_CLAIMED))
		return;
#pragma unroll
	for (__u32 i = 0; i < words; i++)
		key[i] = 0;
	__sync_lock_test_and_set(at, 0);
	flow_leave(word, client, sweep->now);
}

static long sweep_step(__u32 step __attribute__((unused)), void *context)
{
	struct sweep *sweep = context;
	__u32 index = sweep->bucket++ & (constants.flow_buckets - 1);
	struct bucket4 *bucket4 = bpf_map_lookup_elem(&flows4, &index);
	struct bucket6 *bucket6 = bpf_map_lookup_elem(&flows6, &index);
	struct ip6 client;

	for (int i = 0; bucket4 && i < BUCKET_FLOWS; i++) {
		client = flow4_client(&bucket4->flows[i]);
		sweep_flow(sweep, (__u64 *)&bucket4->flows[i], FLOW_WORDS(false) - 1, &client);
	}
	for (int i = 0; constants.features & FEATURE_IP6 && bucket6 && i < BUCKET_FLOWS; i++) {
		client = bucket6->flows[i].key.client;
		sweep_flow(sweep, (__u64 *)&bucket6->flows[i], FLOW_WORDS(true) - 1, &client);
	}
	return 0;
}

static __always_inline void clock_sweep(__u32 buckets)
{
	struct sweep sweep = { clock.swept, clock.seconds };

	bpf_loop(buckets, sweep_step, &sweep, 0);
	clock.swept = sweep.bucket;
}

static int clock_tick(void *map __attribute__((unused)), __u32 *key __attribute__((unused)), struct timer *timer)
{
	clock.seconds = bpf_ktime_get_ns() / NANOSECONDS;
	clock_sweep(constants.flow_buckets / (SWEEP_SECONDS * CLOCK_TICKS) + 1);
	bpf_timer_start(&timer->timer, NANOSECONDS / CLOCK_TICKS, 0);
	return 0;
}

/* Sweeps the whole table at once, for user space that wants exact counts now. */
SEC("syscall")
int sweep(void *context __attribute__((unused)))
{
	clock_sweep(constants.flow_buckets);
	return 0;
}

/* Run once by user space when the program is attached, and again when it is replaced by a newer one. */
SEC("syscall")
int clock_start(void *context __attribute__((unused)))
{
	__u32 zero = 0;
	struct timer *timer = bpf_map_lookup_elem(&timers, &zero);

	if (!timer)
		return 1;
	bpf_timer_init(&timer->timer, &timers, CLOCK_MONOTONIC); /* fails harmlessly where it is already */
	if (bpf_timer_set_callback(&timer->timer, clock_tick))
		return 2;
	return bpf_timer_start(&timer->timer, 0, 0) ? 3 : 0;
}

#endif

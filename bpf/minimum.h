// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* minimum.h - which of two numbers is the lesser, without a branch: for what a flood makes it useless to guess. */
#ifndef CAROM_MINIMUM_H
#define CAROM_MINIMUM_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/* Of numbers that are less than 2^63 apart. */
static __always_inline __u64 least_of(__u64 one, __u64 other)
{
	__u64 difference = one - other, mask = (__s64)difference >> 63;

	barrier_var(mask); /* else the compiler makes a branch of it */
	other += difference & mask;
	barrier_var(other);
	return other;
}

/* 1 if it is the lesser of two such numbers, else 0. */
static __always_inline __u64 is_less(__u64 one, __u64 other)
{
	__u64 less = one - other;

	barrier_var(less); /* else the compiler makes a mask of it, of which the verifier tries both values each time */
	less >>= 63;
	barrier_var(less);
	return less;
}

#endif

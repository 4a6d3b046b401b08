// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hash.h - the keyed hashes that IPVS schedules by, so that both directors of a mixed pair pick the same real server.
 *
 * SipHash-1-3 of one 32-bit word (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), cut to 32 bits:
 * what Linux calls hsiphash on 64-bit machines.
 */
#ifndef CAROM_HASH_H
#define CAROM_HASH_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#define MH_KEY 2654435761ULL /* both halves of the key by which IPVS's mh looks a packet up */

static __always_inline __u64 rotate_left(__u64 word, int bits)
{
	return word << bits | word >> (64 - bits);
}

struct sip {
	__u64 a, b, c, d;
};

static __always_inline void sip_round(struct sip *v)
{
	v->a += v->b;
	v->b = rotate_left(v->b, 13) ^ v->a;
	v->a = rotate_left(v->a, 32);
	v->c += v->d;
	v->d = rotate_left(v->d, 16) ^ v->c;
	v->a += v->d;
	v->d = rotate_left(v->d, 21) ^ v->a;
	v->c += v->b;
	v->b = rotate_left(v->b, 17) ^ v->c;
	v->c = rotate_left(v->c, 32);
}

static __always_inline __u32 sip_word(__u32 word, __u64 key)
{
	__u64 last = 4ULL << 56 | word;
	struct sip v = {
		.a = key ^ 0x736f6d6570736575ULL,
		.b = key ^ 0x646f72616e646f6dULL,
		.c = key ^ 0x6c7967656e657261ULL,
		.d = key ^ 0x7465646279746573ULL,
	};

	v.d ^= last;
	sip_round(&v);
	v.a ^= last;
	v.c ^= 0xff;
	sip_round(&v);
	sip_round(&v);
	sip_round(&v);
	return v.a ^ v.b ^ v.c ^ v.d;
}

/* A client's address, its port added to it or not, in host order. */
static __always_inline __u32 mh_hash(__u32 client)
{
	return sip_word(client, MH_KEY);
}

#define BUCKETS 256 /* of sh and dh */

/* A bucket of sh or dh: multiplication by the golden ratio. */
static __always_inline __u32 bucket_hash(__u32 word)
{
	return word * 0x61c88647u >> 24;
}

#endif

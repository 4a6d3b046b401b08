// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * flow.h - the flow table: which real server each connection has, and in what state it is.
 *
 * The picture: an array of buckets, one cache line each, four flows to a bucket. A flow may stand in either of two
 * buckets near each other, chosen by a keyed hash, and stands in the first while that has room: so a lookup costs one
 * cache miss, and two for a flow that is new or had to go into its second. A flow is two words:
 *
 *   key   client address (32) | client port (16) | VIP port (16)
 *   word  vip (16) | real (20) | state (5) | template (7) | seen (16)       0: the place is free
 *
 * `template` is the generation of its client's template, if it holds one; else 0. `vip` stands for the VIP and the protocol,
 * so key and word name the connection exactly: no signature can clash. A free place has no key either.
 * `seen` is the clock's second of the last packet, modulo 65536; timeouts are shorter than that. It may be ahead of the second
 * that another packet goes by: that one read the clock at its beginning, and an interrupt or a hypervisor stopped it since.
 *
 * Who may write: every change of a word is one compare-and-swap, and whoever wins it, and nobody else, does the
 * counting that belongs to it. So the counts of active and inactive flows are exact by construction: each entry has
 * been counted once, on the side its state stands on. No lock is held anywhere. `seen` alone is stored as it is, where nothing
 * else changes: that is no matter of counting (flow_stamp()).
 *
 * Who makes room for a new flow is the matter of room.h.
 */
#ifndef CAROM_FLOW_H
#define CAROM_FLOW_H

#include "candidate.h"
#include "lookup.h"
#include "maps.h"
#include "parse.h"
#include "template.h"

/* TCP's states as IPVS names them, then the other protocols'. Order is part of the layout. */
enum flow_state {
	FLOW_NONE,
	FLOW_ESTABLISHED,
	FLOW_SYN_SENT,
	FLOW_SYN_RECV,
	FLOW_FIN_WAIT,
	FLOW_TIME_WAIT,
	FLOW_CLOSE,
	FLOW_CLOSE_WAIT,
	FLOW_LAST_ACK,
	FLOW_LISTEN,
	FLOW_SYNACK,
	FLOW_UDP,
	FLOW_SCTP_INIT1,
	FLOW_SCTP_INIT,
	FLOW_SCTP_ECHOED,
	FLOW_SCTP_ESTABLISHED,
	FLOW_SCTP_SHUTDOWN,
	FLOW_SCTP_CLOSED,
	FLOW_STATES,
};

#define FLOW_SCTP_STATES (FLOW_SCTP_CLOSED - FLOW_UDP)

#include "sctp.h" /* which speaks of these states */

/*
 * A director by direct routing sees only what the client sends. These are the transitions IPVS makes then (its
 * INPUT-ONLY table), by segment and state.
 */
static const __u8 flow_next[4][FLOW_UDP + 1] = {
#define NO FLOW_NONE
#define ES FLOW_ESTABLISHED
#define SS FLOW_SYN_SENT
#define SR FLOW_SYN_RECV
#define FW FLOW_FIN_WAIT
#define TW FLOW_TIME_WAIT
#define CL FLOW_CLOSE
#define CW FLOW_CLOSE_WAIT
#define LA FLOW_LAST_ACK
#define LI FLOW_LISTEN
#define UD FLOW_UDP
	/*               NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA  UD */
	[SEGMENT_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR, UD },
	[SEGMENT_FIN] = { CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW, UD },
	[SEGMENT_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES, UD },
	[SEGMENT_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL, UD },
#undef NO
#undef ES
#undef SS
#undef SR
#undef FW
#undef TW
#undef CL
#undef CW
#undef LA
#undef LI
#undef UD
};

/*
 * A flow's two buckets are in one region: eight pages, whose entries in the kernel's page tables are in one cache line.
 * Regions are large enough to fill up evenly.
 */
#define REGION_BUCKETS(ip6) ((ip6) ? 256 : 512)

#define FLOW_BEING_WRITTEN 31 /* a state that is none, and never ends */
#define FLOW_CLAIMED ((__u64)FLOW_BEING_WRITTEN << 36) /* vip 0: matches no packet while its key is being written */

#define FLOW_WORD(vip, real, state, seen) \
	((__u64)(vip) | (__u64)(real) << 16 | (__u64)(state) << 36 | (__u64)((seen) & 0xffff) << 48)
/* The word of the same flow after a packet. */
#define FLOW_WORD_AFTER(word, state, seen) (((word) & ~FLOW_WORD(0, 0, 0x1f, 0xffff)) | FLOW_WORD(0, 0, state, seen))
#define FLOW_VIP(word) ((__u16)(word))
#define FLOW_REAL(word) ((__u32)((word) >> 16) & ((1u << REAL_BITS) - 1))
#define FLOW_STATE(word) ((__u32)((word) >> 36) & 0x1f)
#define FLOW_TEMPLATE(word) ((__u32)((word) >> 41) & 0x7f)
#define FLOW_TEMPLATE_BITS(generation) ((__u64)(generation) << 41)
#define FLOW_SEEN(word) ((__u16)((word) >> 48))

#define FLOW_SAME_BUT_SEEN(one, other) (!(((one) ^ (other)) << 16))

/* Of two seconds: one may be ahead of what a packet has for now, which is no reason to take it for ages ago. */
static __always_inline bool is_later(__u32 second, __u32 than)
{
	return (__s32)(second - than) > 0;
}

struct flow_lookup {
	__u64 *at; /* where the flow's word stands; NULL: there is none */
	__u64 word;
	__u32 buckets[2]; /* where it may stand */
};

static __always_inline bool flow_is_active(__u64 word)
{
	__u32 state = FLOW_STATE(word);

	return state == FLOW_ESTABLISHED || state == FLOW_SYN_SENT || state == FLOW_SYN_RECV || state == FLOW_SYNACK ||
	       state == FLOW_SCTP_ESTABLISHED;
}

static __always_inline bool flow_is_half_open(__u64 word)
{
	__u32 state = FLOW_STATE(word);

	return state == FLOW_SYN_RECV || state == FLOW_SYNACK || state == FLOW_SCTP_INIT1 || state == FLOW_SCTP_INIT;
}

/* Its connection has ended, by all that is seen of it: what opens one begins another, as with IPVS's conn_reuse_mode 1. */
static __always_inline bool flow_is_over(__u64 word)
{
	__u32 state = FLOW_STATE(word);

	return state == FLOW_TIME_WAIT || state == FLOW_CLOSE || state == FLOW_SCTP_CLOSED;
}

#define FLOW_AHEAD 64 /* seconds; no timeout is longer than 65535 without these */

static __always_inline bool flow_is_ahead(__u16 age)
{
	return age >= (__u16)-FLOW_AHEAD;
}

/* Seconds since its last packet. */
static __always_inline __u16 flow_idle(__u64 word, __u32 now)
{
	__u16 age = now - FLOW_SEEN(word);

	return flow_is_ahead(age) ? 0 : age;
}

/* The question whether it is ahead costs those nothing that have not ended. */
static __always_inline bool flow_has_ended(__u64 word, __u32 now)
{
	__u16 age = now - FLOW_SEEN(word);

	return age > settings.timeouts[FLOW_STATE(word)] && !flow_is_ahead(age);
}

/* IPVS's rule: overloaded from `upper` flows on, until there are fewer than `lower`. */
static __always_inline void flow_mind_limit(__u32 real, __u64 load, int sign)
{
	struct limit *limit = bpf_map_lookup_elem(&limits, &real);
	__u64 flows = LOAD_FLOWS(load);

	if (!limit || !limit->upper)
		return;
	if (sign > 0 && flows >= limit->upper)
		limit->overloaded = 1;
	if (sign < 0 && (limit->lower ? flows < limit->lower : flows * 4 < limit->upper * 3ULL))
		limit->overloaded = 0;
}

/* Adds `sign` (1 or -1) of this flow to the load of its real server. */
static __always_inline void flow_count(__u64 word, int sign)
{
	__u32 real = FLOW_REAL(word);
	__u64 *load = load_of(real), change = (flow_is_active(word) ? LOAD_OF_ACTIVE : LOAD_OF_INACTIVE) * sign;

	change += __sync_fetch_and_add(load, change);
	if (constants.features & FEATURE_LIMITS)
		flow_mind_limit(real, change, sign);
}

/* Replaces a flow, or nothing, by another, or nothing, if nobody else has; the winner counts. */
static __always_inline bool flow_swap(__u64 *at, __u64 old, __u64 new)
{
	if (__sync_val_compare_and_swap(at, old, new) != old)
		return false;
	if (FLOW_VIP(old))
		flow_count(old, -1);
	if (FLOW_VIP(new))
		flow_count(new, 1);
	return true;
}

/*
 * The same flow goes on, if nobody else has made it. Its real server has as many as before, so no threshold is crossed,
 * not even for a moment.
 */
static __always_inline bool flow_go_on(__u64 *at, __u64 old, __u64 new)
{
	__u64 step = LOAD_OF_ACTIVE - LOAD_OF_INACTIVE;

	if (__sync_val_compare_and_swap(at, old, new) != old)
		return false;
	if (flow_is_active(old) == flow_is_active(new))
		return true;
	__sync_fetch_and_add(load_of(FLOW_REAL(new)), flow_is_active(new) ? step : -step);
	return true;
}

/*
 * Nothing but the time has changed: that is two bytes of their own, and one store. An exchange would keep the processor from
 * looking at the next packet meanwhile. Where the flow has moved or ended just now, its place may be left with a time and no
 * flow until it is swept, and who has come there since may have the time of this packet.
 */
static __always_inline void flow_stamp(__u64 *at, __u32 now)
{
	((volatile __u16 *)at)[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 3 : 0] = now;
}

static __always_inline __u64 flow_mix(__u64 hash)
{
	hash ^= hash >> 32;
	hash *= 0xd6e8feb86659fd93ULL;
	hash ^= hash >> 32;
	hash *= 0xd6e8feb86659fd93ULL;
	return hash ^ hash >> 32;
}

/* A bucket of either family as words: of each flow those of its key, then its word. */
#define FLOW_WORDS(ip6) ((ip6) ? 4 : 2)
#define FLOW_WORD_AT(ip6, place) (((place) + 1) * FLOW_WORDS(ip6) - 1)

static __always_inline __u64 *flow_bucket(__u32 index, bool ip6)
{
	return ip6 ? bpf_map_lookup_elem(&flows6, &index) : bpf_map_lookup_elem(&flows4, &index);
}

/* The other one of the two buckets for a hash. */
static __always_inline __u32 flow_other_bucket(__u32 bucket, __u64 hash, bool ip6)
{
	return bucket ^ ((hash >> 32 & (REGION_BUCKETS(ip6) - 1) & (constants.flow_buckets - 1)) | 1);
}

static __always_inline void flow_buckets_of(__u64 hash, bool ip6, __u32 *buckets)
{
	buckets[0] = hash & (constants.flow_buckets - 1);
	buckets[1] = flow_other_bucket(buckets[0], hash, ip6);
}

static __always_inline __u64 flow4_hash(__u64 key, __u16 vip, __u64 seed)
{
	return flow_mix((key ^ seed) + vip);
}

static __always_inline __u64 flow6_hash(const __u64 *key, __u16 vip, __u64 seed)
{
	return flow_mix(flow_mix(key[0] ^ seed) ^ flow_mix(key[1]) ^ (key[2] + vip));
}

/* ------------------------------------------------------------------------------------------- finding */

/*
 * What is loaded before this is loaded before what comes after it. BPF has one barrier: an atomic operation that returns a
 * value. A processor that keeps to the order by itself does without.
 */
static __always_inline void in_order(void)
{
	__u64 any = 0, before;

	if (!(constants.features & FEATURE_ANY_ORDER))
		return;
	before = __sync_fetch_and_add(&any, 1);
	barrier_var(before);
}

static __always_inline __u64 flow4_key(const struct tuple *tuple)
{
	return tuple->client[0] | (__u64)tuple->client_port << 32 | (__u64)tuple->vip_port << 48;
}

/*
 * A flow is looked for by its key alone and without a branch: at which place it stands is a matter of luck, and a wrong
 * guess of it would hold up all that comes behind until the bucket is here from memory. Who is there is proven afterwards.
 * So a key may stand in one place only, and in no free one; where it does stand twice, as the same client may come by the
 * same ports to another VIP or by another protocol, the flow is looked for once more, the plain way.
 */

/* All ones if it is not 0. The compiler must not see through it: BPF can choose between two values only by a branch. */
static __always_inline __u64 flow_differs(__u64 difference)
{
	__u64 negative = -difference;

	barrier_var(negative);
	return (__s64)(difference | negative) >> 63;
}

/* Of so many places, of which each that differs adds how many come from it on: that which does not; `places`: all do. */
static __always_inline __u32 flow_only_place(__u64 sum, __u32 places)
{
	__u32 place = sum - (places - 1) * places / 2;

	barrier_var(place); /* one path for the verifier, whichever the place */
	return place;
}

static __always_inline __u32 flow4_guess(const struct bucket4 *bucket, __u64 key)
{
	__u64 sum = 0;

#pragma unroll
	for (__u32 i = 0; i < BUCKET_FLOWS; i++)
		sum += flow_differs(bucket->flows[i].key ^ key) & (BUCKET_FLOWS - i);
	return flow_only_place(sum, BUCKET_FLOWS);
}

/* The place of this flow in the bucket, BUCKET_FLOWS if it is not there. */
static __always_inline __u32 flow4_place(const struct bucket4 *bucket, __u64 key, __u16 vip)
{
	__u32 place = BUCKET_FLOWS;

#pragma unroll
	for (__u32 i = 0; i < BUCKET_FLOWS; i++)
		if (bucket->flows[i].key == key && FLOW_VIP(bucket->flows[i].word) == vip)
			place = i;
	barrier_var(place);
	return place;
}

/* What a look came to. Torn: another flow is there, or has just come there, or this one was taken away while we looked. */
enum look { LOOK_FOUND, LOOK_MISSED, LOOK_TORN, LOOK_FAILED };

static __always_inline enum look flow4_find(const struct tuple *tuple, __u16 vip, __u64 seed, bool again,
					    struct flow_lookup *found)
{
	__u64 key = flow4_key(tuple);
	struct bucket4 *bucket;
	__u32 place;

	flow_buckets_of(flow4_hash(key, vip, seed), false, found->buckets);
#pragma unroll
	for (int i = 0; i < 2; i++) {
		bucket = bpf_map_lookup_elem(&flows4, &found->buckets[i]);
		if (!bucket)
			return LOOK_FAILED;
		place = again ? flow4_place(bucket, key, vip) : flow4_guess(bucket, key);
		if (place > BUCKET_FLOWS)
			return LOOK_TORN;
		if (place < BUCKET_FLOWS) {
			found->at = &bucket->flows[place].word;
			found->word = *(volatile __u64 *)found->at;
			in_order();
			return FLOW_VIP(found->word) == vip && *(volatile __u64 *)&bucket->flows[place].key == key
				       ? LOOK_FOUND
				       : LOOK_TORN;
		}
	}
	return LOOK_MISSED;
}

static __always_inline struct flow6_key flow6_key(const struct tuple *tuple)
{
	struct flow6_key key = { .client_port = tuple->client_port, .vip_port = tuple->vip_port };

	__builtin_memcpy(&key.client, tuple->client, sizeof(key.client));
	return key;
}

static __always_inline bool flow6_is(const volatile struct flow6 *flow, const struct flow6_key *key, __u16 vip)
{
	const volatile __u64 *left = (const volatile __u64 *)&flow->key;
	const __u64 *right = (const __u64 *)key;

	return left[0] == right[0] && left[1] == right[1] && left[2] == right[2] && FLOW_VIP(flow->word) == vip;
}

/* One number that nearly only this key has: the client's interface identifier and the ports. Who is there is proven anyhow. */
static __always_inline __u64 flow6_tell(const struct flow6_key *key)
{
	const __u64 *words = (const __u64 *)key;

	return words[1] + words[2];
}

/* In the bucket's first cache line, where most are, or in its second. */
static __always_inline __u32 flow6_guess(const struct bucket6 *bucket, const struct flow6_key *key)
{
	__u64 sum, tell = flow6_tell(key);
	__u32 place = 0, in_line;

#pragma unroll
	for (__u32 line = 0; line < BUCKET_FLOWS; line += LINE_FLOWS6) {
		sum = 0;
#pragma unroll
		for (__u32 i = 0; i < LINE_FLOWS6; i++)
			sum += flow_differs(flow6_tell(&bucket->flows[line + i].key) - tell) & (LINE_FLOWS6 - i);
		in_line = flow_only_place(sum, LINE_FLOWS6);
		place = line + in_line;
		if (in_line != LINE_FLOWS6)
			break;
	}
	barrier_var(place);
	return place;
}

static __always_inline __u32 flow6_place(const struct bucket6 *bucket, const struct flow6_key *key, __u16 vip)
{
	__u32 place = BUCKET_FLOWS;

#pragma unroll
	for (__u32 i = 0; i < BUCKET_FLOWS; i++) {
		if (flow6_is(&bucket->flows[i], key, vip))
			place = i;
		if (i != BUCKET_FLOWS / 2 - 1)
			continue;
		barrier_var(place);
		if (place < BUCKET_FLOWS)
			return place;
	}
	barrier_var(place);
	return place;
}

static __always_inline enum look flow6_find(const struct tuple *tuple, __u16 vip, __u64 seed, bool again,
					    struct flow_lookup *found)
{
	struct flow6_key key = flow6_key(tuple);
	struct bucket6 *bucket;
	__u32 place;

	flow_buckets_of(flow6_hash((const __u64 *)&key, vip, seed), true, found->buckets);
#pragma unroll
	for (int i = 0; i < 2; i++) {
		bucket = bpf_map_lookup_elem(&flows6, &found->buckets[i]);
		if (!bucket)
			return LOOK_FAILED;
		place = again ? flow6_place(bucket, &key, vip) : flow6_guess(bucket, &key);
		if (place > BUCKET_FLOWS)
			return LOOK_TORN;
		if (place < BUCKET_FLOWS) {
			found->at = &bucket->flows[place].word;
			found->word = *(volatile __u64 *)found->at;
			in_order();
			return FLOW_VIP(found->word) == vip && flow6_is(&bucket->flows[place], &key, vip) ? LOOK_FOUND
													  : LOOK_TORN;
		}
	}
	return LOOK_MISSED;
}

#define FLOW_LOOKS 4

/*
 * Whether a flow that was not found may have been moved to its other bucket while we looked (room.h): it is nowhere for
 * some nanoseconds, and a look at one bucket, then at the other, may miss it in both. `done` is how many moves had ended
 * before the look; each begins and ends once, so where as many have begun by now, none was under way.
 */
static __always_inline bool flow_look_again(__u32 now, bool first, __u32 *done)
{
	const volatile struct moves *moves_ = &moves;
	__u32 before = *done;
	bool again;

	in_order();
	if (is_later(now, moves_->last + 1))
		return false;
	again = first || moves_->begun != before;
	*done = moves_->done;
	in_order();
	return again;
}

/* False: the table itself cannot be reached. A flow that has ended is found too; its place serves again. */
static __always_inline bool flow_find(const struct tuple *tuple, bool ip6, __u16 vip, __u32 now,
				      struct flow_lookup *found)
{
	__u64 seed = settings.seed;
	__u32 done = 0;
	enum look result;

	for (int look = 0; look < FLOW_LOOKS; look++) {
		result = ip6 ? flow6_find(tuple, vip, seed, look, found) : flow4_find(tuple, vip, seed, look, found);
		if (result == LOOK_FOUND)
			return true;
		if (result == LOOK_FAILED || (result == LOOK_MISSED && !flow_look_again(now, !look, &done)))
			break;
	}
	found->at = NULL;
	found->word = 0;
	return result != LOOK_FAILED;
}

/* A SYN or an INIT again, of a flow that has begun by one. Its sender waits a second or longer, so this is no matter of speed. */
static __always_inline void flow_repeat_handshake(__u64 word)
{
	__u32 real = FLOW_REAL(word);
	struct handshakes *counter = bpf_map_lookup_elem(&handshakes, &real);

	if (counter)
		__sync_fetch_and_add(&counter->repeated, 1);
}

static __always_inline void flow_lose_handshake(__u64 word)
{
	__u32 real = FLOW_REAL(word);
	struct handshakes *counter = bpf_map_lookup_elem(&handshakes, &real);

	if (counter)
		__sync_fetch_and_add(&counter->lost, 1);
}

static __always_inline void flow_leave_template(__u64 word, const struct ip6 *client, __u32 now)
{
	if (constants.features & FEATURE_PERSISTENCE && FLOW_VIP(word) && FLOW_TEMPLATE(word))
		template_release(client, FLOW_REAL(word), FLOW_TEMPLATE(word), now);
}

/* What there is to do for a flow that is gone, besides counting. */
static __always_inline void flow_leave(__u64 word, const struct ip6 *client, __u32 now)
{
	if (FLOW_VIP(word) && flow_is_half_open(word))
		flow_lose_handshake(word);
	flow_leave_template(word, client, now);
}

static __always_inline struct ip6 flow4_client(const struct flow4 *flow)
{
	return (struct ip6){ .words = { (__be32)flow->key } };
}

/* ------------------------------------------------------------------------------------------- states */

/* The state after this segment. A segment without any flag changes nothing. */
static __always_inline __u32 flow_state_after(__u32 state, __u8 segment)
{
	__u32 row = segment;

	if (segment == SEGMENT_DATAGRAM)
		return FLOW_UDP;
	if (segment >= SEGMENT_SCTP_DATA)
		return sctp_state_after(state, segment);
	barrier_var(row); /* the same register is compared and used, as the verifier wants it */
	barrier_var(state);
	if (row > SEGMENT_RST || state > FLOW_UDP)
		return state;
	return flow_next[row][state];
}

#endif

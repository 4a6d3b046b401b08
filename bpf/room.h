// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * room.h - how a new flow gets a place in the table.
 *
 * First those that are free or whose flow has ended, in its first bucket and then in its second. If both are full, one of
 * the eight flows goes to its own other bucket, if that has room, or if one of the flows there can go on in the same way: so
 * the table takes new flows until nine tenths of it are full. Only then the oldest half-open flow is evicted; at once,
 * where half-open flows are many, since that is a flood, which gets no more of our time. A flow beyond its handshake is never
 * evicted, so a flood of SYNs fills the table with its own and hurts no one who is connected.
 *
 * A move claims both places, so nobody changes the flow meanwhile and its counts stay as they are. Between two stores the
 * flow is in neither; moves are counted at their beginning and at their end, so that who has not found a flow knows whether
 * to look again (flow_look_again()).
 */
#ifndef CAROM_ROOM_H
#define CAROM_ROOM_H

#include "flow.h"
#include "maps.h"
#include "minimum.h"
#include "parse.h"

/*
 * What a place costs: the seconds until its flow has ended, by what these are worth. So it is nothing, or less, where a
 * flow has ended or there is none, and the less the older a half-open flow is.
 */
#define WORTH_HALF_OPEN 1
#define WORTH_KEPT 0xffff /* more than any half-open flow's seconds: the place is not to be had */
#define COST_PLACE_BITS 3 /* below the cost: the place, in the second bucket behind those of the first */
#define COST_NONE ((__s64)WORTH_KEPT << COST_PLACE_BITS)

#define FLOOD 3 /* half-open flows of eight; then they are evicted at once */

static const volatile __u16 worth[FLOW_BEING_WRITTEN + 1] = {
	[FLOW_ESTABLISHED... FLOW_SYN_SENT] = WORTH_KEPT,
	[FLOW_SYN_RECV] = WORTH_HALF_OPEN,
	[FLOW_FIN_WAIT... FLOW_LISTEN] = WORTH_KEPT,
	[FLOW_SYNACK] = WORTH_HALF_OPEN,
	[FLOW_UDP] = WORTH_KEPT,
	[FLOW_SCTP_INIT1... FLOW_SCTP_INIT] = WORTH_HALF_OPEN,
	[FLOW_SCTP_ECHOED... FLOW_BEING_WRITTEN] = WORTH_KEPT,
};

/* Crowded: both buckets are full. Overtaken: somebody else was quicker, and there may be another place. */
enum inserted { INSERTED_NOT, INSERTED, INSERTED_CROWDED, INSERTED_OVERTAKEN };

#define INSERT_TRIES 4

struct room {
	__s64 best; /* cost and place */
	__u64 worth; /* of all flows */
};

/*
 * Without a branch, as in a flood each would be guessed wrong half of the time; the barriers keep the compiler from making
 * them again, and from working on more places at once than there are registers for. `latest` is the last second that a word
 * may have, FLOW_AHEAD from now, where a word has that, and ones below it.
 */
static __always_inline __s64 room_cost(struct room *room, __u32 place, __u64 word, __u64 latest)
{
	__u64 state = FLOW_STATE(word), age = FLOW_SEEN(latest - word), each = worth[state];
	__s64 cost = (settings.timeouts[state] + 1 + FLOW_AHEAD - age) * each << COST_PLACE_BITS | place;

	room->worth += each;
	barrier_var(room->worth);
	barrier_var(cost);
	return cost;
}

static __always_inline __u64 room_latest(__u32 now)
{
	return (__u64)(now + FLOW_AHEAD) << 48 | ((1ULL << 48) - 1);
}

/* The least of a bucket's four, whose places have numbers from `place` on. In pairs, so that none waits for all others. */
static __always_inline __s64 room_least(struct room *room, const __u64 *bucket, bool ip6, __u32 place, __u32 now)
{
	__u64 latest = room_latest(now);
	__s64 least = 0, one, other;

#pragma unroll
	for (__u32 i = 0; i < BUCKET_FLOWS; i += 2) {
		one = room_cost(room, place + i, ((volatile __u64 *)bucket)[FLOW_WORD_AT(ip6, i)], latest);
		other = room_cost(room, place + i + 1, ((volatile __u64 *)bucket)[FLOW_WORD_AT(ip6, i + 1)], latest);
		one = least_of(other, one);
		least = i ? least_of(one, least) : one;
	}
	return least;
}

static __always_inline bool room_is_free(const struct room *room)
{
	return room->best < 1 << COST_PLACE_BITS;
}

/* Whether all eight flows are looked at, and so many of them are half-open that it is a flood. */
static __always_inline bool room_is_flooded(const struct room *room)
{
	return room->worth < (2 * BUCKET_FLOWS - FLOOD + 1) * WORTH_KEPT;
}

/* The place that was found best, by its bucket's number: a branch between two pointers would be a guess too. */
static __always_inline __u64 *room_place(const struct room *room, bool ip6, __u32 first, __u32 second)
{
	__u64 is_second = (__u64)room->best / BUCKET_FLOWS & 1;
	__u64 *bucket = flow_bucket(first ^ ((first ^ second) & -is_second), ip6);

	return bucket ? bucket + (room->best & (BUCKET_FLOWS - 1)) * FLOW_WORDS(ip6) : NULL;
}

/* Whether what stands there now costs what the place was found best for: it may have become somebody's connection since. */
static __always_inline bool room_is_same(const struct room *room, __u64 word, __u32 now)
{
	struct room again = {};

	return room_cost(&again, 0, word, room_latest(now)) >> COST_PLACE_BITS == room->best >> COST_PLACE_BITS;
}

/* Gives a new flow a place in one of its two buckets. INSERTED_CROWDED: not before moving others, unless it must. */
static __always_inline int room_insert(bool ip6, const __u64 *key, __u64 word, __u32 first, __u32 second, __u32 now,
				       bool must)
{
	__u64 *buckets[2] = { flow_bucket(first, ip6), flow_bucket(second, ip6) }, *at, old;
	struct room room = {};
	struct ip6 client = {};

	if (!buckets[0] || !buckets[1])
		return INSERTED_NOT;
	room.best = room_least(&room, buckets[0], ip6, 0, now);
	if (!room_is_free(&room))
		room.best = least_of(room_least(&room, buckets[1], ip6, BUCKET_FLOWS, now), room.best);
	if (!room_is_free(&room) && !must && !room_is_flooded(&room))
		return INSERTED_CROWDED;
	if (room.best >= COST_NONE)
		return INSERTED_NOT;
	at = room_place(&room, ip6, first, second);
	if (!at)
		return INSERTED_NOT;
	old = *(volatile __u64 *)(at + FLOW_WORDS(ip6) - 1);
	if (!room_is_same(&room, old, now) || !flow_swap(at + FLOW_WORDS(ip6) - 1, old, FLOW_CLAIMED))
		return INSERTED_OVERTAKEN;
	if (FLOW_VIP(old) && flow_is_half_open(old) && room_is_free(&room))
		flow_lose_handshake(old); /* it has ended; of one that is evicted nobody knows how it would have */
	if (constants.features & FEATURE_PERSISTENCE) {
		__builtin_memcpy(&client, at, ip6 ? sizeof(client) : sizeof(client.words[0]));
		flow_leave_template(old, &client, now);
	}
#pragma unroll
	for (__u32 i = 0; i < FLOW_WORDS(ip6) - 1; i++)
		at[i] = key[i];
	__sync_lock_test_and_set(at + FLOW_WORDS(ip6) - 1, word); /* it is ours: nobody else writes a claimed place */
	flow_count(word, 1);
	return INSERTED;
}

/* These are functions of their own to the verifier, as schedule() is. */
__noinline int flow4_insert(__u64 key, __u64 word, __u32 first, __u32 second, __u32 now_must)
{
	return room_insert(false, &key, word, first, second, now_must >> 1, now_must & 1);
}

__noinline int flow6_insert(const struct flow6_key *key, __u64 word, __u32 first, __u32 second, __u32 now_must)
{
	return key ? room_insert(true, (const __u64 *)key, word, first, second, now_must >> 1, now_must & 1)
		   : INSERTED_NOT;
}

/* ------------------------------------------------------------------------------------------- moving */

static __always_inline __u64 *room_free_place(__u64 *bucket, bool ip6)
{
	__u32 place = BUCKET_FLOWS;

#pragma unroll
	for (__u32 i = 0; i < BUCKET_FLOWS; i++)
		if (!bucket[FLOW_WORD_AT(ip6, i)])
			place = i;
	barrier_var(place);
	return place < BUCKET_FLOWS ? bucket + place * FLOW_WORDS(ip6) : NULL;
}

/* A flow as it stood at one moment: its key and word. Whoever acts on it must find it unchanged. */
struct sighting {
	__u64 words[FLOW_WORDS(true)];
};

static __always_inline struct sighting place_sighting(const __u64 *place, bool ip6)
{
	struct sighting seen = {};

#pragma unroll
	for (__u32 i = 0; i < FLOW_WORDS(ip6); i++)
		seen.words[i] = ((const volatile __u64 *)place)[i];
	return seen;
}

static __always_inline __u64 sighting_word(const struct sighting *seen, bool ip6)
{
	return seen->words[FLOW_WORDS(ip6) - 1];
}

/* The other bucket of a flow that is in this one. */
static __always_inline __u32 sighting_other(const struct sighting *seen, __u32 bucket, bool ip6, __u64 seed)
{
	__u16 vip = FLOW_VIP(sighting_word(seen, ip6));
	__u64 hash = ip6 ? flow6_hash(seen->words, vip, seed) : flow4_hash(seen->words[0], vip, seed);

	return flow_other_bucket(bucket, hash, ip6);
}

/*
 * The flow that was seen at `from` goes to `to`, which is free; false: somebody else was at one of them. That its word is
 * the same does not make it the same flow: only when its place is claimed can its key be compared.
 */
static __always_inline bool place_move(__u64 *from, const struct sighting *seen, __u64 *to, bool ip6)
{
	__u64 *old = from + FLOW_WORDS(ip6) - 1, *new = to + FLOW_WORDS(ip6) - 1, word = sighting_word(seen, ip6);
	__u64 different = 0;

	if (!FLOW_VIP(word) || __sync_val_compare_and_swap(new, 0, FLOW_CLAIMED))
		return false;
#pragma unroll
	for (__u32 i = 0; i < FLOW_WORDS(ip6) - 1; i++)
		to[i] = seen->words[i];
	if (__sync_val_compare_and_swap(old, word, FLOW_CLAIMED) != word) {
		__sync_lock_test_and_set(new, 0);
		return false;
	}
#pragma unroll
	for (__u32 i = 0; i < FLOW_WORDS(ip6) - 1; i++)
		different |= seen->words[i] ^ ((volatile __u64 *)from)[i];
	__sync_lock_test_and_set(new, different ? 0 : word);
	if (!different)
#pragma unroll
		for (__u32 i = 0; i < FLOW_WORDS(ip6) - 1; i++)
			from[i] = 0; /* a free place has no key: flow4_guess() */
	__sync_lock_test_and_set(old, different ? word : 0);
	return !different;
}

static __always_inline bool room_move(__u64 *from, const struct sighting *seen, __u64 *to, bool ip6, __u32 now)
{
	bool moved;

	if (is_later(now, moves.last))
		((volatile struct moves *)&moves)->last = now;
	__sync_fetch_and_add(&moves.begun, 1);
	moved = place_move(from, seen, to, ip6);
	__sync_fetch_and_add(&moves.done, 1);
	return moved;
}

/* One flow of this bucket goes to its other bucket, if that has a free place. In a rehearsal it only could. */
static __always_inline int room_make(bool ip6, __u32 index, __u32 now, bool rehearsal)
{
	__u64 *bucket = flow_bucket(index, ip6), *from, *other, *to;
	struct sighting seen;

	if (!bucket)
		return 0;
	for (__u32 i = 0; i < BUCKET_FLOWS; i++) {
		from = bucket + i * FLOW_WORDS(ip6);
		seen = place_sighting(from, ip6);
		other = flow_bucket(sighting_other(&seen, index, ip6, settings.seed), ip6);
		to = other ? room_free_place(other, ip6) : NULL;
		if (to && (rehearsal || room_move(from, &seen, to, ip6, now)))
			return 1;
	}
	return 0;
}

__noinline int room4_make(__u32 index, __u32 now, __u32 rehearsal)
{
	return room_make(false, index, now, rehearsal);
}

__noinline int room6_make(__u32 index, __u32 now, __u32 rehearsal)
{
	return room_make(true, index, now, rehearsal);
}

/* The same, after one flow of that other bucket has gone to its own. */
static __always_inline int room_make_behind(bool ip6, __u32 index, __u32 now, bool rehearsal)
{
	__u64 *bucket = flow_bucket(index, ip6);
	struct sighting seen;
	__u32 other;

	if (!bucket)
		return 0;
	for (__u32 i = 0; i < BUCKET_FLOWS; i++) {
		seen = place_sighting(bucket + i * FLOW_WORDS(ip6), ip6);
		other = sighting_other(&seen, index, ip6, settings.seed);
		if ((ip6 ? room6_make(other, now, rehearsal) : room4_make(other, now, rehearsal)) &&
		    (rehearsal || (ip6 ? room6_make(index, now, false) : room4_make(index, now, false))))
			return 1;
	}
	return 0;
}

__noinline int room4_make_in(__u32 first, __u32 second, __u32 now, __u32 rehearsal)
{
	return room4_make(first, now, rehearsal) || room4_make(second, now, rehearsal) ||
	       room_make_behind(false, first, now, rehearsal) || room_make_behind(false, second, now, rehearsal);
}

__noinline int room6_make_in(__u32 first, __u32 second, __u32 now, __u32 rehearsal)
{
	return room6_make(first, now, rehearsal) || room6_make(second, now, rehearsal) ||
	       room_make_behind(true, first, now, rehearsal) || room_make_behind(true, second, now, rehearsal);
}

/* Whether a new flow would find a place, without giving it one. */
static __always_inline bool room_in(bool ip6, __u32 first, __u32 second, __u32 now)
{
	__u64 *buckets[2] = { flow_bucket(first, ip6), flow_bucket(second, ip6) };
	struct room room = {};

	if (!buckets[0] || !buckets[1])
		return false;
	if (room_least(&room, buckets[0], ip6, 0, now) < COST_NONE ||
	    room_least(&room, buckets[1], ip6, 0, now) < COST_NONE)
		return true;
	return ip6 ? room6_make_in(first, second, now, true) : room4_make_in(first, second, now, true);
}

/* ------------------------------------------------------------------------------------------- inserting */

static __always_inline bool flow_insert(const struct tuple *tuple, bool ip6, const struct flow_lookup *found,
					__u64 word, __u32 now)
{
	__u32 first = found->buckets[0], second = found->buckets[1], now_must = now << 1;
	__u64 key4 = ip6 ? 0 : flow4_key(tuple);
	struct flow6_key key6;
	int inserted;

	if (ip6)
		key6 = flow6_key(tuple);
	for (int i = 0; i < INSERT_TRIES; i++) {
		inserted = ip6 ? flow6_insert(&key6, word, first, second, now_must)
			       : flow4_insert(key4, word, first, second, now_must);
		if (inserted == INSERTED || inserted == INSERTED_NOT)
			return inserted;
		if (inserted == INSERTED_OVERTAKEN)
			continue;
		if (ip6)
			room6_make_in(first, second, now, false);
		else
			room4_make_in(first, second, now, false);
		now_must |= 1;
	}
	return false;
}

#endif

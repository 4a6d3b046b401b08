// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* maps/services.h - what a service is to its packets: versions, members, contenders, slots, cursors. */
#ifndef CAROM_MAPS_SERVICES_H
#define CAROM_MAPS_SERVICES_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "frontends.h"
#include "reals.h"

/* IPVS's schedulers; carom.dataplane.xdp.layout numbers them the same way. */
enum scheduler {
	SCHEDULER_RR = 0,
	SCHEDULER_WRR = 1,
	SCHEDULER_LC = 2,
	SCHEDULER_WLC = 3,
	SCHEDULER_LBLC = 4,
	SCHEDULER_LBLCR = 5,
	SCHEDULER_DH = 6,
	SCHEDULER_SH = 7,
	SCHEDULER_MH = 8,
	SCHEDULER_SED = 9,
	SCHEDULER_NQ = 10,
	SCHEDULER_FO = 11,
	SCHEDULER_OVF = 12,
	SCHEDULER_TWOS = 13,
};

#define VERSION_TRACKS_ALL 1 /* every flow has an entry; else only those of tracked slots */
#define VERSION_HASHES_PORT 2 /* the client's port takes part in the hash (sh-port, mh-port) */
#define VERSION_FALLS_BACK 4 /* who finds nobody in its slot tries others (sh-fallback, mh-fallback) */
#define VERSION_CONTENDERS 16 /* it has contenders, from whom its scheduler chooses without looking at its members */
#define VERSION_ONE_PACKET 8 /* each datagram is scheduled by itself, and no flow kept */
#define VERSION_UNREACHABLE 32 /* who finds no real server is told so */
#define VERSION_HASHES_VIP 128 /* the VIP is hashed, not the client (dh) */
#define VERSION_BUCKETS 256 /* by a multiplication, into 256 slots (sh, dh); else by SipHash */
#define VERSION_EQUAL 64 /* its contenders weigh the same: of the least loads the first in the list wins */

#define VERSIONS 16384

/* A service's state: frozen once published. */
struct version {
	__u32 scheduler;
	__u32 flags;
	__u32 slot_offset;
	__u32 slot_count;
	__u64 slot_factor; /* by which a hash is divided by slot_count: slot_of_hash() */
	__u64 slot_addend;
	__u32 slot_shift;
	__u32 contender_offset;
	__u32 contender_count; /* without those that fill the last block */
	__u32 member_offset;
	__u32 member_count;
	__u32 weight_max; /* wrr: the largest weight minus (weight_gcd - 1) */
	__u32 weight_gcd; /* wrr: the greatest common divisor of all weights */
	__u32 weight_sum; /* twos: of all weights */
	__u32 serial; /* differs from every other version's, so that a cursor knows whether it is still the same */
	__u32 persistence; /* seconds; 0: none */
	__u32 generation; /* of templates under this mask, the first: what held earlier ones does not hold these */
	struct ip6 mask; /* what of a client's address makes it one client */
	__u32 before; /* the version by whose slots flows are found that began under another hash; 0: there are none */
	__u32 since; /* second in which that ended */
	__u32 moved; /* second in which slots changed last */
	__u32 unused[6]; /* to a power of two, so that it is found without multiplying */
};

struct member {
	__u32 real;
	__u32 weight;
};

#define MEMBERS (1 << 19)

/*
 * A member that may get new flows, ready to be compared with others (schedulers/scan.h). A version's stand as in IPVS's
 * list, head first, but ovf's in the order of their weights, and for fo there is one. They begin and end with a cache
 * line: the last one is repeated until it is full.
 */
struct contender {
	__u32 load; /* where its load stands in `loads`, bytes */
	__u32 measure;
	/*
	 * lc, wlc, sed, nq: by which its load is multiplied to be compared with others', shifted by CONTENDER_PLACE_BITS;
	 * ovf: its weight; twos: the sum of the weights from the head of the list to its own
	 */
};

#define CONTENDERS (1 << 19)
#define CONTENDER_BLOCK 8
#define CONTENDER_PLACE_BITS 10 /* below a load that is multiplied there is room for its place in the list */

/*
 * A slot of the consistent-hash table. While `tracked`, flows that began before the slot changed belong to `before`
 * and every flow seen is given an entry; else nobody needs one, since `now` is where all of the slot's flows are.
 */
#define SLOT_NOW(slot) ((__u32)((slot) & ((1u << REAL_BITS) - 1)))
#define SLOT_BEFORE(slot) ((__u32)((slot) >> REAL_BITS & ((1u << REAL_BITS) - 1)))
#define SLOT_TRACKED (1ULL << 63)

/*
* What a scheduler keeps between picks, in one word, so that two processors that pick at once need no lock. rr and
 * wrr: the version's serial (32) | position of the last pick (16) | wrr's current weight (16). lblc: its home. lblcr: the last
 * turn at which a home was taken in (32) | the second in which its homes changed last (32).
 */
#define REHEARSAL 0 /* the number of no service: the cursor with which explain() asks a scheduler */
#define CURSOR(serial, position, weight) ((__u64)(serial) << 32 | (__u64)(position) << 16 | (weight))
#define CURSOR_SERIAL(cursor) ((__u32)((cursor) >> 32))
#define CURSOR_POSITION(cursor) ((__u16)((cursor) >> 16))
#define CURSOR_WEIGHT(cursor) ((__u16)(cursor))

#define SERVICES 4096

__u64 services[SERVICES] SEC(".bss.services"); /* in each half an index into versions; 0: none */

/* The version of a service that this half has; 0: none. */
static __always_inline __u32 version_in(__u32 service, __u32 half)
{
	return HALF_OF(services[service & (SERVICES - 1)], half);
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} cursors SEC(".maps");

struct version versions[VERSIONS] SEC(".bss.versions");

static __always_inline struct version *version_of(__u32 index)
{
	return &versions[index & (VERSIONS - 1)];
}

struct member members[MEMBERS] SEC(".bss.members");

struct contender contenders[CONTENDERS] SEC(".bss.contenders");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 20);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} slots SEC(".maps");

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * maps.h - every map and struct that the program shares with Python: the contract.
 *
 * How a packet finds its real server:
 *
 *   frontends4 ──service──> services ──version──> versions ──┬─ members  (the schedulers' list, head first)
 *   (VIP, port, protocol)   (a version for       (frozen)    ├─ contenders  (its part that is compared by load)
 *                            each half)                      └─ slots    (the consistent-hash table)
 *                                                                 flows4 ──real──> reals (MAC)
 *
 * A change is never made in place. User space writes a service's new version, with its members and so on, into free
 * places of these arrays. Every word that leads to a version, to a service or to a VIP has two halves, and all packets
 * read the half that `settings` names: the new plan is written into the other half, and that one word then makes all of
 * it true. So a packet, and whoever looks after a daemon was killed, sees the whole old plan or the whole new one.
 * A place is used again only when no packet and no cursor can refer to it any more.
 *
 * carom.dataplane.xdp.layout is Python's side of this file; a test compares both through the object's BTF. Any
 * change of a struct or of what a field means raises LAYOUT_VERSION. Who comes with another layout finds the parts of a record
 * by their names, as carom.dataplane.xdp.description has them: a name keeps its meaning.
 */
#ifndef CAROM_MAPS_H
#define CAROM_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "reason.h"

#define LAYOUT_VERSION 6

/* Real ids count from 1, over all services; one id is one (service, real server). 0 is "none". */
#define REAL_NONE 0
#define REAL_BITS 20

/* ------------------------------------------------------------------------------------------- constants */

/* Set before the program is loaded: the verifier knows them, so what they rule out costs nothing. */
struct constants {
	__u32 flow_buckets; /* a power of two: max_entries of flows4, and of flows6 */
	__u32 features; /* FEATURE_...: what the plan uses; all else is left out */
	__u8 own_mac[6]; /* of the NIC the program sits on */
	__u8 out_mac[6]; /* of the NIC by which real servers are reached: the same, or the inside one's */
	__u32 out_mtu; /* of the inside NIC; 0: there is none, and what came in fits through the same NIC */
};

#define FEATURE_LIMITS 1 /* thresholds of real servers */
#define FEATURE_RANGES 2 /* port ranges, and services of all ports */
#define FEATURE_IP6 4 /* IPv6 VIPs */
#define FEATURE_PERSISTENCE 8 /* clients that stay with their real server */
#define FEATURE_INSIDE (1 << 8) /* a second NIC, by which real servers are reached */
#define FEATURE_PEERS (1 << 9) /* other directors, which may forward to this one */
#define FEATURE_VLAN (1 << 10) /* real servers on segments of their own */
#define FEATURE_UNREACHABLE (1 << 16) /* clients are told when no real server can take them */
#define FEATURE_MTU (1 << 17) /* real servers that cannot be sent packets of every size */
#define FEATURE_SYN_RATE (1 << 18) /* networks that may begin so many connections a second */
#define FEATURE_CHECKSUM (1 << 19) /* IPv4 headers are proven sound by their checksum */
#define FEATURE_HANDOVER (1 << 20) /* flows are being taken over from a program of another layout */

const volatile struct constants constants SEC(".rodata.constants") = { .flow_buckets = 1 << 18 };

/* The key of maps with one value; not on the stack, of which the whole walk has 512 bytes. */
static const __u32 only_key = 0;

/* ------------------------------------------------------------------------------------------- settings */

#define HALF_BITS 24 /* of the words below that have two halves */
#define HALF_OF(word, half) ((__u32)((word) >> (half)) & ((1u << HALF_BITS) - 1))

#define VIP_FILTER_WORDS 64
#define PEERS_MAX 8

struct settings {
	__u32 layout; /* LAYOUT_VERSION of who wrote the maps */
	__u32 answering; /* 1: answer ARP, neighbour solicitation and echo for the VIPs */
	__u64 seed; /* secret of the flow table's hash, so that nobody outside can fill one bucket */
	__u32 half; /* 0 or HALF_BITS: where the half begins that packets read */
	__u32 icmp_rate; /* ICMP errors of our own, a second at most */
	__u32 syn_rate; /* SYNs of one network of clients, a second at most; 0: as many as they like */
	__be32 syn_mask4; /* what of a client's address is its network */
	__be32 syn_mask6[4];
	__u16 timeouts[32]; /* by enum flow_state, seconds without a packet until a flow has ended */
	__u64 vip_filter[VIP_FILTER_WORDS]; /* Bloom filter, one bit a VIP: see vip_filter_bit() */
	__u64 peers[PEERS_MAX]; /* MACs of peer directors, as a little-endian number each; 0: none */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps");

/* Seconds, written by the clock's timer (clock.h); tests write it themselves, so time is an input. */
struct clock {
	__u32 seconds;
	__u32 swept; /* next bucket for the sweeper */
	__u64 ticks;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct clock);
} clock SEC(".maps");

/* The inside NIC, at 0. Each loaded program has a map of its own, which lives and ends with it: this one is not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32); /* interface index */
} inside SEC(".maps");

/* ------------------------------------------------------------------------------------------- lookup */

struct vip {
	__u32 halves; /* in each half 1: the VIP is one */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __be32);
	__type(value, struct vip);
} vips4 SEC(".maps");

struct ip6 {
	__be32 words[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct ip6);
	__type(value, struct vip);
} vips6 SEC(".maps");

/*
 * Where a packet finds its service: hash tables of our own, since a lookup in the kernel's costs more than all the rest of
 * a packet's walk. A bucket's places are filled from the front, and a key that finds its bucket full stands in one of the
 * next ones: so a lookup ends at the first bucket whose last place is free, which nearly always is the first one, and in
 * one cache line. lookup.h has the hash, carom.dataplane.xdp.directory the other side.
 *
 * Port 0 stands for all ports of a VIP and protocol that have no frontend of their own: first its ranges are asked.
 */
#define FRONTEND_SERVICE(half) ((half) & 0xfff) /* index into services; 0: none */
#define FRONTEND_RANGES(half) ((half) >> 12) /* where its ranges begin; 0: it has none */
#define FRONTEND_VIP(word) ((word) >> 2 * HALF_BITS) /* identifies (VIP, protocol) in a flow's word; counts from 1 */

struct frontend4 {
	__u64 key; /* VIP (32) | port (16) | protocol (16); 0: the place is free */
	__u64 word; /* FRONTEND_...: two halves, and the VIP's number above them */
};

struct frontend6 {
	__u64 vip[2];
	__u64 key; /* 0 (32) | port (16) | protocol (16); 0: the place is free */
	__u64 word;
};

#define FRONTENDS 4 /* in a bucket */
#define FRONTEND_BUCKET_BITS 13
#define FRONTEND_BUCKETS (1 << FRONTEND_BUCKET_BITS)
#define FRONTEND_REACH 16 /* buckets that a key may stand in */

struct frontends4 {
	struct frontend4 places[FRONTENDS];
};

struct frontends6 {
	struct frontend6 places[FRONTENDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FRONTEND_BUCKETS);
	__uint(map_flags, BPF_F_MMAPABLE); /* its values begin on a page, so a bucket is in one cache line */
	__type(key, __u32);
	__type(value, struct frontends4);
} frontends4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FRONTEND_BUCKETS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct frontends6);
} frontends6 SEC(".maps");

#define RANGES_MAX 64 /* of one VIP and protocol */
#define RANGE_LAST (1u << 31) /* with the service of the last of them */

struct range {
	__u16 first, last; /* host order, both included */
	__u32 service; /* RANGE_... */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct range);
} ranges SEC(".maps");

/* ------------------------------------------------------------------------------------------- services */

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
#define VERSION_EQUAL 64 /* its contenders weigh the same: of the least loads the first in the list wins */

/* A service's state: frozen once published. */
struct version {
	__u32 scheduler;
	__u32 flags;
	__u32 member_offset;
	__u32 member_count;
	__u32 contender_offset;
	__u32 contender_count; /* without those that fill the last block */
	__u32 slot_offset;
	__u32 slot_count;
	__u32 weight_max; /* wrr: the largest weight minus (weight_gcd - 1) */
	__u32 weight_gcd; /* wrr: the greatest common divisor of all weights */
	__u32 weight_sum; /* twos: of all weights */
	__u32 serial; /* differs from every other version's, so that a cursor knows whether it is still the same */
	__u32 persistence; /* seconds; 0: none */
	__u32 generation; /* of templates under this mask, the first: what held earlier ones does not hold these */
	struct ip6 mask; /* what of a client's address makes it one client */
	__u32 before; /* the version by whose slots flows are found that began under another hash; 0: there are none */
	__u32 since; /* second in which that ended */
};

struct member {
	__u32 real;
	__u32 weight;
};

#define MEMBERS (1 << 19)

/* One value, so that a scheduler looks it up once and then goes along it. */
struct members {
	struct member at[MEMBERS];
};

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

struct contenders {
	struct contender at[CONTENDERS];
};

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

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64); /* in each half an index into versions; 0: none */
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} cursors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct version);
} versions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct members);
} members SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct contenders);
} contenders SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 20);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} slots SEC(".maps");

/* ------------------------------------------------------------------------------------------- real servers */

#define REAL_HAS_MAC 1
#define REAL_MOVES 2 /* it is down: its flows are scheduled anew at their next packet */
#define REAL_AVAILABLE 4 /* configured and up, though perhaps quiesced: persistent clients go on to it */
#define REAL_LOCAL 8 /* it is this host, which gets the frame as it came */

#define VLAN_AS_IT_CAME 0
#define VLAN_NONE 0xffff /* untagged */

struct real {
	__u8 mac[6];
	__u16 flags;
	__u32 service;
	__u16 mtu; /* the largest packet that can be sent to it; 0: of every size */
	__u16 vlan; /* VLAN_...; any other: of its segment */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct real);
} reals SEC(".maps");

/*
 * Flows of each real server in one word, so that one addition counts one: its active flows, and above them its overhead,
 * by which IPVS compares real servers: 256 for each active flow, 1 for each inactive one. As large as there may ever be
 * real servers: all other maps of theirs are replaced by larger ones where that is needed, but the program would go on
 * counting in the old one meanwhile.
 */
#define REALS (1 << 17)
#define LOAD_ACTIVE_BITS 28
#define LOAD_OF_ACTIVE ((256ULL << LOAD_ACTIVE_BITS) + 1)
#define LOAD_OF_INACTIVE (1ULL << LOAD_ACTIVE_BITS)
#define LOAD_OVERHEAD(load) ((load) >> LOAD_ACTIVE_BITS)
#define LOAD_ACTIVE(load) ((__u32)(load) & ((1u << LOAD_ACTIVE_BITS) - 1))
#define LOAD_INACTIVE(load) (LOAD_OVERHEAD(load) - 256ULL * LOAD_ACTIVE(load))
#define LOAD_FLOWS(load) (LOAD_OVERHEAD(load) - 255ULL * LOAD_ACTIVE(load))

struct loads {
	__u64 of[REALS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* one value, as members is */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct loads);
} loads SEC(".maps");

/* Thresholds of a real server, and whether it is over them. */
struct limit {
	__u32 upper; /* flows at which it is overloaded; 0: never */
	__u32 lower; /* flows below which it no longer is; 0: three quarters of `upper` */
	__u32 overloaded;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct limit);
} limits SEC(".maps");

/* lblcr: at which turn a real server became one of its VIP's homes; 0: it is none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u32);
} homes SEC(".maps");

/* The VLAN of the real server that the frame under way goes to. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} way_out SEC(".maps");

struct real_counter {
	__u64 packets;
	__u64 bytes;
	__u64 new_flows;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct real_counter);
} real_counters SEC(".maps");

/* What goes wrong on the way home shows in the half that is seen: handshakes that do not come about. */
struct handshakes {
	__u64 repeated; /* SYNs of flows that had begun with one before */
	__u64 lost; /* flows that ended, or had to make room, before their client's first ACK */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REALS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct handshakes);
} handshakes SEC(".maps");

/* ------------------------------------------------------------------------------------------- flows */

/* What a flow's entry looks like, and how it is found, is the matter of flow.h. */
struct flow4 {
	__u64 key;
	__u64 word;
};

#define BUCKET_FLOWS 4

struct bucket4 {
	struct flow4 flows[BUCKET_FLOWS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 18);
	__uint(map_flags, BPF_F_MMAPABLE); /* its values begin on a page, so a bucket is in one cache line */
	__type(key, __u32);
	__type(value, struct bucket4);
} flows4 SEC(".maps");

struct flow6_key {
	struct ip6 client;
	__be16 client_port;
	__be16 vip_port;
	__u32 zero;
};

struct flow6 {
	struct flow6_key key;
	__u64 word;
};

struct bucket6 {
	struct flow6 flows[BUCKET_FLOWS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 18);
	__uint(map_flags, BPF_F_MMAPABLE); /* its values begin on a page, so a bucket is in one cache line */
	__type(key, __u32);
	__type(value, struct bucket6);
} flows6 SEC(".maps");

/* Moves of flows to their other buckets: room.h. */
struct moves {
	__u32 begun;
	__u32 done;
	__u32 last; /* second in which the last one began */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct moves);
} moves SEC(".maps");

/* ------------------------------------------------------------------------------------------- labels */

/*
 * What the numbers above stand for. The program never reads these; whoever takes over the maps does, so that a service,
 * a real server and a VIP keep their numbers, and flows their meaning, across restarts.
 */
struct service_label {
	char name[64]; /* empty: the number is free */
};

struct vip_label {
	__u8 address[16]; /* IPv4 in the first four bytes */
	__u8 family; /* 4 or 6; 0: the number is free */
	__u8 protocol;
};

struct real_label {
	char service[64]; /* empty: the number is free */
	__u8 address[16];
	__u8 family;
	__u8 zero;
	__u16 last_weight; /* its last weight that was not 0: what mh's table is made of */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct service_label);
} service_labels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct vip_label);
} vip_labels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct real_label);
} real_labels SEC(".maps");

/*
 * How all these records are laid out, in words (JSON): for a program of another layout, which reads them by it and takes
 * the flows over. The program never reads it either.
 */
#define DESCRIPTION_BYTES (1 << 14)

struct description {
	char text[DESCRIPTION_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct description);
} description SEC(".maps");

/* ------------------------------------------------------------------------------------------- handover */

/* Which packets of flows that are not known here go to the program before: handover.h. */
#define HANDOVER_GOING_ON 1 /* those that begin nothing */
#define HANDOVER_BEGINNING 2 /* those that may begin a flow */

struct handover {
	__u32 asks; /* HANDOVER_... */
	__u32 since; /* flows that the program before has not seen since this second are all here */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct handover);
} handover SEC(".maps");

/* The program before, at 0. Each loaded program has a map of its own; it is pinned while a handover lasts. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} before SEC(".maps");

/* A flow of another table, as it is to be in this one. */
struct adopted {
	struct ip6 client; /* IPv4 in the first word */
	__be16 client_port;
	__be16 vip_port;
	__u32 ip6;
	__u64 base; /* its word when it was adopted before; 0: it was not */
	__u64 word; /* as it is now; 0: it has gone */
};

/* As many as are adopted in one go; one where none are. Not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct adopted);
} adopted SEC(".maps");

/* ------------------------------------------------------------------------------------------- templates */

struct template_key {
	__u32 service;
	struct ip6 client; /* masked; IPv4 in the first word */
};

/* Which real server a persistent client has: template.h. */
struct template {
	__u32 real;
	__u32 used; /* second of its last new flow */
	__u32 flows; /* flows that hold it */
	__u32 idle; /* second in which the last of them ended */
	__u32 generation; /* 1 to 127; flows of an earlier one do not hold it */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct template_key);
	__type(value, struct template);
} templates SEC(".maps");

/* ------------------------------------------------------------------------------------------- fragments */

struct fragment_key {
	struct ip6 client; /* IPv4 in the first word */
	struct ip6 vip;
	__u32 id; /* as it stands in the header */
	__u32 protocol; /* IPv6: 0 */
};

/* Where the first piece of a datagram went: fragment.h. */
struct fragment {
	__u32 real;
	__u32 seen; /* second in which it came */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
} fragments SEC(".maps");

/* ------------------------------------------------------------------------------------------- defence */

#define SYNCAP_BUCKETS (1 << 14)
#define SYNCAP_PLACES 4

/* SYNs of networks in this second: syncap.h. */
struct syncap_bucket {
	__u64 places[SYNCAP_PLACES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SYNCAP_BUCKETS);
	__type(key, __u32);
	__type(value, struct syncap_bucket);
} syncap SEC(".maps");

/* ------------------------------------------------------------------------------------------- ICMP errors */

/* Errors of our own: the second (32), and how many were wanted in it (32). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} icmp_sent SEC(".maps");

/* ------------------------------------------------------------------------------------------- reasons */

struct reason_counter {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, struct reason_counter);
} reasons SEC(".maps");

#endif

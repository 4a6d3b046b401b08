// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sctp.h - SCTP (RFC 9260): a packet's first chunk says what it does to its flow.
 *
 * An association begins with an INIT, and nothing else begins one. Its states are IPVS's for a director that sees the
 * client's half only; those that a client's packets alone can lead to. IPVS also looks for an ABORT behind a cookie.
 */
#ifndef CAROM_SCTP_H
#define CAROM_SCTP_H

#include "parse.h"

struct sctp {
	__be16 source;
	__be16 dest;
	__be32 tag;
	__be32 checksum;
	__u8 chunk;
	__u8 flags;
	__be16 length; /* of the chunk, these four bytes included */
};

#define SCTP_CHUNK_HEAD 4
#define SCTP_CHUNKS 15 /* types; of sixteen bytes, the linker would make a section that libbpf does not know */

/* enum segment by the type of chunk; 0: it is as good as data (RFC 9260 section 3.2). */
static const __u8 sctp_segments[SCTP_CHUNKS] = {
	[1] = SEGMENT_SCTP_INIT,         [2] = SEGMENT_SCTP_INIT_ACK,     [6] = SEGMENT_SCTP_ABORT,
	[7] = SEGMENT_SCTP_SHUTDOWN,     [8] = SEGMENT_SCTP_SHUTDOWN_ACK, [9] = SEGMENT_SCTP_ERROR,
	[10] = SEGMENT_SCTP_COOKIE_ECHO, [11] = SEGMENT_SCTP_COOKIE_ACK,  [14] = SEGMENT_SCTP_SHUTDOWN_COMPLETE,
};

#define SCTP_ROWS (SEGMENT_SCTP_ABORT - SEGMENT_SCTP_DATA + 1)

/* The state after each segment, from SEGMENT_SCTP_DATA on, by the state before. */
static const __u8 sctp_next[SCTP_ROWS][FLOW_SCTP_STATES + 1] = {
#define NO FLOW_NONE
#define I1 FLOW_SCTP_INIT1
#define IN FLOW_SCTP_INIT
#define CE FLOW_SCTP_ECHOED
#define ES FLOW_SCTP_ESTABLISHED
#define SR FLOW_SCTP_SHUTDOWN
#define CL FLOW_SCTP_CLOSED
	/*                                      NO  I1  IN  CE  ES  SR  CL */
	[SEGMENT_SCTP_DATA - SEGMENT_SCTP_DATA] = { ES, I1, IN, CE, ES, SR, CL },
	[SEGMENT_SCTP_INIT - SEGMENT_SCTP_DATA] = { I1, IN, IN, CE, ES, SR, IN },
	[SEGMENT_SCTP_INIT_ACK - SEGMENT_SCTP_DATA] = { CE, CE, CE, CE, ES, SR, CL },
	[SEGMENT_SCTP_COOKIE_ECHO - SEGMENT_SCTP_DATA] = { ES, ES, ES, CE, ES, SR, CL },
	[SEGMENT_SCTP_COOKIE_ACK - SEGMENT_SCTP_DATA] = { ES, I1, IN, ES, ES, SR, CL },
	[SEGMENT_SCTP_SHUTDOWN - SEGMENT_SCTP_DATA] = { SR, I1, IN, CE, SR, SR, CL },
	[SEGMENT_SCTP_SHUTDOWN_ACK - SEGMENT_SCTP_DATA] = { CL, IN, IN, CE, CL, SR, CL },
	[SEGMENT_SCTP_SHUTDOWN_COMPLETE - SEGMENT_SCTP_DATA] = { CL, CL, CL, CE, ES, CL, CL },
	[SEGMENT_SCTP_ERROR - SEGMENT_SCTP_DATA] = { CL, I1, IN, CE, ES, SR, CL },
	[SEGMENT_SCTP_ABORT - SEGMENT_SCTP_DATA] = { CL, CL, CL, CL, CL, CL, CL },
#undef NO
#undef I1
#undef IN
#undef CE
#undef ES
#undef SR
#undef CL
};

static __always_inline __u32 sctp_state_after(__u32 state, __u8 segment)
{
	__u32 row = segment - SEGMENT_SCTP_DATA, column = state == FLOW_NONE ? 0 : state - FLOW_UDP;

	barrier_var(row);
	barrier_var(column);
	if (row >= SCTP_ROWS || column > FLOW_SCTP_STATES)
		return state;
	return sctp_next[row][column];
}

static __always_inline void *parse_sctp(struct packet *packet, void *at)
{
	struct sctp *sctp = at;
	__u32 chunk;

	if ((void *)(sctp + 1) > packet->end || packet->payload < sizeof(*sctp) ||
	    bpf_ntohs(sctp->length) < SCTP_CHUNK_HEAD)
		return NULL;
	chunk = sctp->chunk;
	packet->tuple.client_port = sctp->source;
	packet->tuple.vip_port = sctp->dest;
	packet->tuple.segment = SEGMENT_SCTP_DATA;
	barrier_var(chunk);
	if (chunk < SCTP_CHUNKS && sctp_segments[chunk])
		packet->tuple.segment = sctp_segments[chunk];
	return sctp + 1;
}

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * handover.h - while flows are taken over from a program of another layout: what is not known here may be known there.
 *
 * User space copies the flows, and meanwhile new ones begin and old ones change. So for as long as that takes, a packet whose
 * flow is not known here goes on to the program before, by a tail call, as if it had come there in the first place:
 * no flow is ever in neither table. At first those that may begin a flow go there too, so that a flow has one owner. When
 * nearly all is copied, flows begin here (HANDOVER_BEGINNING is taken back), and when the rest is, nobody asks any more.
 *
 * A program that takes nothing over is loaded without any of this. carom.dataplane.xdp.migrate is the other side.
 */
#ifndef CAROM_HANDOVER_H
#define CAROM_HANDOVER_H

#include "maps.h"
#include "parse.h"
#include "reason.h"

/* Whether a packet whose flow is not known here goes to the program before. */
static __always_inline bool handover_asks(bool begins)
{
	return constants.features & FEATURE_HANDOVER &&
	       *(volatile __u32 *)&handover.asks & (begins ? HANDOVER_BEGINNING : HANDOVER_GOING_ON);
}

/* Does not return: a tail call. */
static __always_inline enum reason handover_ask(struct xdp_md *frame)
{
	bpf_tail_call(frame, &before, 0);
	return REASON_INTERNAL; /* there is none, and nobody should have asked */
}

#endif

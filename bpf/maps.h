// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * maps.h - every map and struct that the program shares with Python: the contract. Each subject has a file in maps/.
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
 * What every packet looks up, and has a fixed size, is a variable in a section of its own, `.bss.NAME`: an array map with
 * one value, which user space knows by that name. What grows with the plan is a map, and so is what each processor counts for
 * itself.
 *
 * carom.dataplane.xdp.layout is Python's side of these files; a test compares both through the object's BTF. Any
 * change of a struct or of what a field means raises LAYOUT_VERSION. Who comes with another layout finds the parts of a record
 * by their names, as carom.dataplane.xdp.description has them: a name keeps its meaning.
 */
#ifndef CAROM_MAPS_H
#define CAROM_MAPS_H

#include "maps/constants.h"
#include "maps/settings.h"
#include "maps/frontends.h"
#include "maps/services.h"
#include "maps/reals.h"
#include "maps/flows.h"
#include "maps/labels.h"
#include "maps/handover.h"
#include "maps/templates.h"
#include "maps/fragments.h"
#include "maps/defence.h"
#include "maps/reasons.h"

#define LAYOUT_VERSION 8

#endif

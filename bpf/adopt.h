// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * adopt.h - flows of another table, with which user space asks for a place in this one: when a program of another layout
 * is replaced by this.
 *
 * Packets walk meanwhile, so it is done as they do it: a place by the same rules (room.h), each word by one
 * compare-and-swap, whoever wins it counts. So the counts are exact by construction here too.
 *
 * A flow may be adopted more than once, as it changes in the other table while that is still used, and it may have changed
 * here since: then the two are merged, from what it was when it was adopted last (`base`).
 */
#ifndef CAROM_ADOPT_H
#define CAROM_ADOPT_H

#include "flow.h"
#include "maps.h"
#include "room.h"
#include "template.h"

#define ADOPT_TRIES 8 /* for a word that packets change meanwhile */

struct adoption {
	/* asked */
	__u32 count; /* of `adopted` */
	/* answered */
	__u32 homeless; /* flows that found no room */
};

/* The same flow in both tables, and both have changed it: what it is now. */
static __always_inline __u64 adopt_merge(__u64 base, __u64 theirs, __u64 ours, __u32 now)
{
	__u64 seen = flow_idle(theirs, now) < flow_idle(ours, now) ? FLOW_SEEN(theirs) : FLOW_SEEN(ours), word = ours;
	__u32 state = FLOW_STATE(ours);

	if (FLOW_REAL(ours) != FLOW_REAL(theirs)) { /* it began here, as it was not known yet that it had there */
		if (!flow_is_active(theirs) && FLOW_STATE(theirs) != FLOW_UDP)
			return ours; /* no: that one had ended, and its client used the port again */
		word = theirs;
		state = FLOW_STATE(theirs);
	} else if (base ? state == FLOW_STATE(base) : flow_idle(theirs, now) <= flow_idle(ours, now)) {
		state = FLOW_STATE(theirs);
	}
	return FLOW_WORD_AFTER(word, state, seen);
}

/* Puts `word` in the place of `old`, and has the template of each told; false: somebody else has changed it. */
static __always_inline bool adopt_swap(__u64 *at, __u64 old, __u64 word, const struct ip6 *client, __u32 now)
{
	if (word && FLOW_REAL(old) == FLOW_REAL(word) && FLOW_TEMPLATE(old) == FLOW_TEMPLATE(word))
		return flow_go_on(at, old, word);
	if (!flow_swap(at, old, word))
		return false;
	flow_leave_template(old, client, now);
	if (FLOW_TEMPLATE(word))
		template_hold(client, FLOW_REAL(word), FLOW_TEMPLATE(word));
	return true;
}

static __always_inline bool adopt_new(const struct tuple *tuple, const struct adopted *flow,
				      const struct flow_lookup *found, __u32 now)
{
	if (flow_has_ended(flow->word, now))
		return true;
	if (!flow_insert(tuple, flow->ip6, found, flow->word, now))
		return false;
	if (FLOW_TEMPLATE(flow->word))
		template_hold(&flow->client, FLOW_REAL(flow->word), FLOW_TEMPLATE(flow->word));
	return true;
}

/* One flow, until it is here as it is there. */
struct attempt {
	const struct adopted *flow;
	__u32 now;
	__u32 homeless; /* it found no room */
};

static long adopt_try(__u32 try __attribute__((unused)), void *context)
{
	struct attempt *attempt = context;
	const struct adopted *flow = attempt->flow;
	struct tuple tuple = { .client_port = flow->client_port, .vip_port = flow->vip_port };
	__u64 word = flow->word, ours;
	struct flow_lookup found;
	__u32 now = attempt->now;

	__builtin_memcpy(tuple.client, &flow->client, sizeof(tuple.client));
	if (!flow_find(&tuple, flow->ip6, FLOW_VIP(word ? word : flow->base), now, &found)) {
		attempt->homeless = 1;
		return 1;
	}
	if (!found.at) {
		attempt->homeless = word && !adopt_new(&tuple, flow, &found, now);
		return 1;
	}
	ours = found.word;
	if (ours == word || (!word && ours != flow->base))
		return 1;
	if (word && ours != flow->base && !flow_has_ended(ours, now))
		word = adopt_merge(flow->base, word, ours, now);
	return ours == word || adopt_swap(found.at, ours, word, &flow->client, now);
}

static long adopt_step(__u32 index, void *answer)
{
	struct attempt attempt = { .flow = bpf_map_lookup_elem(&adopted, &index), .now = clock_now() };
	struct adoption *adoption = answer;

	if (!attempt.flow)
		return 1;
	bpf_loop(ADOPT_TRIES, adopt_try, &attempt, 0);
	adoption->homeless += attempt.homeless;
	return 0;
}

/* Adopts the first `count` of `adopted`. */
SEC("syscall")
int adopt(struct adoption *asked)
{
	struct adoption adoption = { .count = asked->count };

	bpf_loop(adoption.count, adopt_step, &adoption, 0);
	asked->homeless = adoption.homeless;
	return 0;
}

#endif

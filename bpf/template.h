// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * template.h - persistence: a client's flows all go to the real server that its first one got.
 *
 * A template lives for the service's `persistence` after the last flow that began by it. If flows hold it then, it is
 * asked again every minute, as in IPVS, and ends at the first minute at which none does. A quiesced real server keeps
 * its persistent clients; one that is down or gone does not.
 */
#ifndef CAROM_TEMPLATE_H
#define CAROM_TEMPLATE_H

#include "maps.h"
#include "parse.h"

#define TEMPLATE_AGAIN 60 /* seconds */
#define TEMPLATE_GENERATIONS 127

static __always_inline struct template_key template_key(__u32 service, const struct version *version,
							const __be32 *client, bool ip6)
{
	struct template_key key = { .service = service };

	key.client.words[0] = client[0] & version->mask.words[0];
	if (!ip6)
		return key;
	key.client.words[1] = client[1] & version->mask.words[1];
	key.client.words[2] = client[2] & version->mask.words[2];
	key.client.words[3] = client[3] & version->mask.words[3];
	return key;
}

static __always_inline bool template_lives(const struct template *template, __u32 persistence, __u32 now)
{
	__u32 end = template->used + persistence;

	if (template->flows || now <= end)
		return true;
	if (template->idle <= end)
		return false;
	return now <= end + (template->idle - end + TEMPLATE_AGAIN - 1) / TEMPLATE_AGAIN * TEMPLATE_AGAIN;
}

/*
 * The real server of a client's template and, above it, the template's generation; 0: there is none that serves. The flow
 * that asks counts as holding it. These are functions of their own to the verifier, as schedule() is.
 */
__noinline __u64 template_use(const struct template_key *key, __u32 persistence, __u32 now)
{
	struct template *template;

	if (!key)
		return 0;
	template = bpf_map_lookup_elem(&templates, key);
	if (!template || !template_lives(template, persistence, now))
		return 0;
	if (!(real_of(template->real)->flags & REAL_AVAILABLE))
		return 0;
	template->used = now;
	__sync_fetch_and_add(&template->flows, 1);
	return (__u64)template->generation << 32 | template->real;
}

/*
 * Keeps a client with this real server from now on; the generation, which the flow that asks holds: `first`, or the one
 * after that of the template before.
 */
__noinline __u32 template_make(const struct template_key *key, __u32 real, __u32 first, __u32 now)
{
	struct template fresh = { .real = real, .used = now, .flows = 1, .generation = first };
	struct template *old;

	if (!key)
		return 0;
	old = bpf_map_lookup_elem(&templates, key);
	if (old)
		fresh.generation = old->generation % TEMPLATE_GENERATIONS + 1;
	return bpf_map_update_elem(&templates, key, &fresh, BPF_ANY) ? 0 : fresh.generation;
}

/* The template that a flow of this client and real server holds, by its generation; NULL: it is gone. */
static __always_inline struct template *template_held(const struct ip6 *client, __u32 real_id, __u32 generation)
{
	__u32 service = real_of(real_id)->service;
	struct template_key key;
	struct template *template;

	if (!client)
		return NULL;
	key = template_key(service, version_of(version_in(service, settings.half)), client->words, true);
	template = bpf_map_lookup_elem(&templates, &key);
	return template && template->generation == generation ? template : NULL;
}

/* A flow that held its client's template has ended. */
__noinline int template_release(const struct ip6 *client, __u32 real_id, __u32 generation, __u32 now)
{
	struct template *template = template_held(client, real_id, generation);

	if (!template || !template->flows)
		return 0;
	template->idle = now;
	return __sync_fetch_and_add(&template->flows, -1);
}

/* A flow that holds its client's template has come from another table. */
__noinline int template_hold(const struct ip6 *client, __u32 real_id, __u32 generation)
{
	struct template *template = template_held(client, real_id, generation);

	return template ? __sync_fetch_and_add(&template->flows, 1) : 0;
}

#endif

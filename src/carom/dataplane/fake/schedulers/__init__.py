"""The schedulers in pure Python: the oracle of the packet tests, verified pick for pick against the kernel's IPVS.

    scheduler = make(Scheduler.WRR)
    scheduler.changed(candidates)            # after every change of the list: who is in it, in what order, how heavy
    scheduler.pick(request, candidates)      # the id of the server for a new flow, None when there is none

One scheduler is one file, named as the scheduler is, whose `RULE` is its class; adding one is adding a file.
`docs/schedulers.md` says each rule in words, precisely enough to write it again in another language.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from carom.dataplane.fake.schedulers.base import Candidate, Options, Overhead, Request, Rule
from carom.model import Scheduler, SchedulerFlag

__all__ = ["Candidate", "Options", "Overhead", "Request", "Rule", "make"]


def make(scheduler: Scheduler, flags: Iterable[SchedulerFlag] = (), options: Options | None = None) -> Rule:
    """A scheduler as it is when a service is created: no server yet. `options` is for those that judge it."""
    given = options or Options()
    module = import_module(f"{__name__}.{scheduler.value}")
    rule: Rule = module.RULE(given.with_flags(frozenset(flags)))
    return rule

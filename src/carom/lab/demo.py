"""The demo: the chapter's network, real requests through it, and what was counted meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException

from carom.lab import arp, counters, director, replies, standing, traffic
from carom.lab.counters import Legs
from carom.lab.director import Status
from carom.lab.network import GATEWAYS, NODES, REALS, VIP, VIP6, Wire, node_with_mac
from carom.lab.replies import Replies
from carom.lab.setup import OWN_ENDPOINTS, set_to_work
from carom.lab.standing import Lab
from carom.lab.traffic import Answer, Tally

PORT = 80
WEIGHTS = {node.name: weight for node, weight in zip(REALS, (3, 2, 1), strict=True)}
REQUESTS = 300
DOWNLOAD = 64 << 20
"""Bytes."""
TOLERANCE = 0.02
"""How far a real server's requests may be from its share, as a part of all requests."""
_ASKED_FOR = 0.3
"""Seconds in which whoever has the VIP must say so."""

Say = Callable[[str], None]
"""Told each step, as it begins."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo saw."""

    tally: Tally
    """The requests."""
    download: Answer | None
    """The download; None: it failed."""
    answers: tuple[str, ...]
    """The MACs that answered ARP for the VIP."""
    legs: Legs
    """What crossed each leg while the requests and the download ran."""
    replies: dict[str, Replies]
    """Replies on the segment, by port."""
    status: Status
    """What the director said of itself when it was ready."""
    seconds: float
    """From nothing to the last byte."""

    @property
    def by_real(self) -> dict[str, int]:
        """Requests by the real server that answered them, every real server named."""
        return {name: self.tally.by_real[name] for name in WEIGHTS}

    @property
    def arp_owner(self) -> str | None:
        """The node that answered ARP for the VIP; None: nobody did, or more than one."""
        return node_with_mac(self.answers[0]) if len(self.answers) == 1 else None

    @property
    def xdp_mode(self) -> str:
        return str(self.status["director"]["mode"])

    @property
    def home_bytes(self) -> dict[str, int]:
        """Bytes of replies that went home through each gateway."""
        return {node.name: self.replies.get(node.name, Replies()).left for node in GATEWAYS}

    @property
    def leaked_bytes(self) -> int:
        """Bytes of replies that passed the director."""
        return replies.through(self.replies, "director")

    @property
    def problems(self) -> list[str]:
        """What is not as it must be, one sentence each; empty: direct routing works."""
        return [*_failures(self), *_unfairness(self), *_false_answers(self), *_wrong_ways(self)]


def expected() -> dict[str, float]:
    """Each real server's share of the requests, by its weight."""
    return {name: REQUESTS * weight / sum(WEIGHTS.values()) for name, weight in WEIGHTS.items()}


def run(say: Say) -> Outcome:
    """Build a private lab, send the requests, count, and remove the lab again. Raises LabError."""
    began = time.monotonic()
    say(f"{len(NODES)} nodes on {len(Wire)} wires, each a network namespace")
    configuration = director.configuration(list(WEIGHTS.values()))
    with standing.temporary(standing.fresh_name("demo"), (VIP, VIP6), configuration) as lab:
        say("caromd on the director, a web server on each real server")
        status = set_to_work(lab, OWN_ENDPOINTS)
        say(f"the router asks the segment who has {VIP}")
        answers = arp.who_has(lab.namespace("router"), NODES["router"].nic(Wire.SEGMENT), VIP, _ASKED_FOR)
        before = counters.read(lab.wires)
        say(f"{REQUESTS} requests, each on a fresh connection")
        tally = traffic.send(lab.namespace("client"), VIP, PORT, REQUESTS)
        say(f"one download of {DOWNLOAD >> 20} MiB")
        download = _download(lab)
        legs = director.whole_frames(counters.between(before, counters.read(lab.wires)), status)
        counted = replies.read(lab.namespace(Wire.SEGMENT))
        return Outcome(tally, download, answers, legs, counted, status, time.monotonic() - began)


def document(outcome: Outcome) -> dict[str, object]:
    """The outcome as one JSON document."""
    director_leg = outcome.legs[Wire.SEGMENT, "director"]
    return {
        "ok": not outcome.problems,
        "problems": outcome.problems,
        "requests": outcome.tally.requests,
        "failed": outcome.tally.failed,
        "by_real": outcome.by_real,
        "expected_by_real": expected(),
        "download": _download_document(outcome.download),
        "vip": str(VIP),
        "arp_owner": outcome.arp_owner,
        "arp_mac": outcome.answers[0] if len(outcome.answers) == 1 else None,
        "arp_answers": {mac: node_with_mac(mac) for mac in outcome.answers},
        "director_rx_bytes": director_leg.received_bytes,
        "director_tx_bytes": director_leg.sent_bytes,
        "gateway_tx_bytes": {node.name: outcome.legs[Wire.INTERNET, node.name].sent_bytes for node in GATEWAYS},
        "reply_bytes_home": outcome.home_bytes,
        "reply_bytes_through_director": outcome.leaked_bytes,
        "xdp_mode": outcome.xdp_mode,
        "seconds": round(outcome.seconds, 3),
    }


def _download(lab: Lab) -> Answer | None:
    try:
        return traffic.get(lab.namespace("client"), VIP, PORT, f"/bytes/{DOWNLOAD}")
    except (OSError, HTTPException):
        return None


def _download_document(download: Answer | None) -> dict[str, object]:
    if download is None:
        return {"bytes": 0, "real": None, "seconds": None}
    return {"bytes": download.bytes, "real": download.real, "seconds": round(download.seconds, 3)}


def _failures(outcome: Outcome) -> list[str]:
    found = []
    if outcome.tally.failed:
        found.append(f"{outcome.tally.failed} of {outcome.tally.requests} requests failed: {outcome.tally.errors[0]}")
    if outcome.download is None or outcome.download.bytes != DOWNLOAD:
        found.append(f"the download of {DOWNLOAD} bytes broke off")
    return found


def _unfairness(outcome: Outcome) -> list[str]:
    return [
        f"{name} answered {outcome.by_real[name]} requests where its weight asks for {share:.0f}"
        for name, share in expected().items()
        if abs(outcome.by_real[name] - share) > TOLERANCE * REQUESTS
    ]


def _false_answers(outcome: Outcome) -> list[str]:
    if not outcome.answers:
        return [f"nobody answered ARP for {VIP}"]
    false = [mac for mac in outcome.answers if node_with_mac(mac) != "director"]
    return [f"{node_with_mac(mac) or 'an unknown station'} at {mac} answered ARP for {VIP}" for mac in false]


def _wrong_ways(outcome: Outcome) -> list[str]:
    found = [f"no reply went home through {name}" for name, seen in outcome.home_bytes.items() if not seen]
    if outcome.leaked_bytes:
        found.append(f"{outcome.leaked_bytes} bytes of replies passed the director")
    return found

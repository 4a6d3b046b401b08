"""What a demo saw on a good day; tests spoil copies of it."""

from __future__ import annotations

from collections import Counter

from carom.lab.counters import Leg
from carom.lab.demo import DOWNLOAD, Outcome
from carom.lab.network import NODES
from carom.lab.replies import Replies
from carom.lab.traffic import Answer, Tally

GOOD = Outcome(
    tally=Tally(300, Counter(real1=150, real2=100, real3=50)),
    download=Answer("real1", DOWNLOAD, 0.5),
    answers=("02:00:00:00:76:10",),
    legs={(nic.wire, node.name): Leg(1, 100, 2, 200) for node in NODES.values() for nic in node.nics},
    replies={"real1": Replies(entered=500), "gateway1": Replies(left=400), "gateway2": Replies(left=100)},
    status={"director": {"interface": "eth0", "plane": "xdp", "mode": "native"}},
    seconds=2.5,
)

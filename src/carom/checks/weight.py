"""What a service asks its own weight to be: the answer language of load-balancer agents (HAProxy's `agent-check`).

`75%` is three quarters of the configured weight, `drain` and `maint` are 0 (no new connections, the old ones go on),
`ready` and `up` are the whole, and `down` fails the check. Words stand apart by blanks or commas; the last that says
something of the weight counts, unknown ones are passed over, and what follows `#` is a comment.
"""

from __future__ import annotations

import re

from carom.checks.checker import Unmet, printable
from carom.outcome import Reason

CEILING = 10.0
"""More than ten times its configured weight no service gets, whatever it asks."""
_WORDS = {"drain": 0.0, "maint": 0.0, "ready": 1.0, "up": 1.0}
_PERCENT = re.compile(r"(\d{1,4})%")
_LENGTH = 256


def weight_answer(answer: bytes) -> float | None:
    """The factor that the answer asks for; None if it asks none. Raises Unmet(DOWN) if the service calls itself so."""
    weight: float | None = None
    text = answer[:_LENGTH].decode("ascii", "replace").partition("#")[0]
    for word in re.split(r"[\s,]+", text.lower()):
        if word in ("down", "failed", "stopped", "fail"):
            raise Unmet(Reason.DOWN, f"the service calls itself {printable(text.strip())}")
        if percent := _PERCENT.fullmatch(word):
            weight = min(int(percent[1]) / 100, CEILING)
        elif word in _WORDS:
            weight = _WORDS[word]
    return weight

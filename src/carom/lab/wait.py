"""Wait for a condition, with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

_BETWEEN_LOOKS = 0.02
"""Seconds."""

T = TypeVar("T")


def until(condition: Callable[[], T | None], seconds: float) -> T | None:
    """Ask until it answers something true, and return that; None once so many seconds have gone by without."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (answer := condition()) and time.monotonic() < deadline:
        pause.wait(_BETWEEN_LOOKS)
    return answer or None

"""The cures of the ARP problem, one per file: each turns a wish into an ordered list of steps."""

from __future__ import annotations

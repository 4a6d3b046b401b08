"""The configuration: from a TOML file to a `Config`, or to all of its faults."""

from __future__ import annotations

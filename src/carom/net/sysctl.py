"""The kernel's network settings, as the calling thread's namespace has them."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path("/proc/sys/net")


def read(key: str) -> int | None:
    """A setting by its path, `ipv4/conf/all/rp_filter`; None: this kernel, or this NIC, has none."""
    try:
        return int((_ROOT / key).read_text())
    except (OSError, ValueError):
        return None


def effective(setting: str, interface: str) -> int | None:
    """An IPv4 setting of which the larger of `all` and the NIC's own counts (ip-sysctl: rp_filter, arp_ignore)."""
    values = [read(f"ipv4/conf/{scope}/{setting}") for scope in ("all", interface)]
    return max((value for value in values if value is not None), default=None)

"""All the means, by name."""

from __future__ import annotations

from carom.realserver.persist import ifupdown, netplan, networkd, networkmanager, systemd
from carom.realserver.persist.common import Means

MEANS: dict[str, Means] = {
    means.name: means for means in (systemd.MEANS, networkd.MEANS, networkmanager.MEANS, ifupdown.MEANS, netplan.MEANS)
}

"""Set a lab to work: the web servers on its real servers and the daemon on its director."""

from __future__ import annotations

from carom.lab import director, reals
from carom.lab.build import usable
from carom.lab.director import Status
from carom.lab.network import VIP, VIP6
from carom.lab.reals import Endpoint
from carom.lab.standing import Lab

OWN_ENDPOINTS: tuple[Endpoint, ...] = ((VIP, 80), (VIP6, 80))
"""Where the web servers listen in every lab, whatever its configuration."""


def set_to_work(lab: Lab, endpoints: tuple[Endpoint, ...]) -> Status:
    """Start all of it and wait until requests can be sent; what the daemon says of itself then. Raises LabError."""
    serve(lab, endpoints)  # first: whatever the daemon finds out of order when it starts has to prove itself
    daemon = director.start(lab)
    return director.wait_until_ready(lab, daemon)


def serve(lab: Lab, endpoints: tuple[Endpoint, ...]) -> None:
    """Start the web servers and wait until they listen. Raises LabError."""
    where = tuple((vip, port) for vip, port in endpoints if usable(vip))
    reals.wait_until_serving(lab, reals.start(lab, where), where)

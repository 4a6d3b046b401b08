"""The lab's real servers: the web server on each, listening where the configuration's services are."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from functools import partial
from subprocess import Popen

from carom.errors import LabError
from carom.lab import namespaces, wait
from carom.lab.network import REALS
from carom.lab.standing import Lab
from carom.lab.webserver import endpoint_text
from carom.model import Address, Config, Ports, Protocol

SERVING_WITHIN = 10.0
"""Seconds in which a web server must listen."""
_RANGE = 16
"""Of a range of ports, so many are listened on."""

Endpoint = tuple[Address, int]
"""A VIP and a port of it."""


def endpoints(config: Config) -> tuple[Endpoint, ...]:
    """Where the configuration's TCP services are; of a range its first ports, of `tcp/*` port 80."""
    found = [
        (service.vip, port)
        for service in config.services
        for entry in service.ports
        if entry.protocol is Protocol.TCP
        for port in _ports(entry)
    ]
    return tuple(dict.fromkeys(found))


def _ports(entry: Ports) -> Iterator[int]:
    yield from [80] if entry.is_all else range(entry.first, min(entry.last + 1, entry.first + _RANGE))


def start(lab: Lab, where: tuple[Endpoint, ...]) -> dict[str, Popen[bytes]]:
    """Start a web server on each real server; by its node. They do not listen yet."""
    texts = [endpoint_text(str(vip), port) for vip, port in where]
    return {
        node.name: lab.spawn(node.name, [sys.executable, "-m", "carom.lab.webserver", node.name, *texts], node.name)
        for node in REALS
    }


def wait_until_serving(lab: Lab, servers: dict[str, Popen[bytes]], where: tuple[Endpoint, ...]) -> None:
    """Wait until all listen everywhere. Raises LabError with a server's own words if one ends or takes too long."""
    for node, server in servers.items():
        if not wait.until(partial(_serves, lab, node, server, where), SERVING_WITHIN):
            raise LabError(f"the web server of {node} does not listen within {SERVING_WITHIN:.0f} s")


def _serves(lab: Lab, node: str, server: Popen[bytes], where: tuple[Endpoint, ...]) -> bool:
    if server.poll() is not None:
        words = lab.log(node).read_text(errors="replace").strip().rpartition("\n")[2]
        raise LabError(f"the web server of {node} ended with status {server.returncode}: {words}")
    return all(_listens(lab.namespace(node), endpoint) for endpoint in where)


def _listens(namespace: str, endpoint: Endpoint) -> bool:
    """Whether a connection made on the node itself is accepted."""
    address, port = endpoint
    try:
        namespaces.inside(namespace, partial(socket.create_connection, (str(address), port), 1.0)).close()
    except OSError:
        return False
    return True

"""A client who asks for the VIP all the while, each time by a connection of its own, whatever is done to the director.

It is the segment's last host: the real servers before it answer with their numbers.
"""

from __future__ import annotations

import select
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from carom.lab.veth import prepare_for_native_xdp
from carom.lab.wait import until
from tests.net.segment import VIP, Segment, inside

WITHIN = 10.0
"""Seconds for one answer: TCP sends again what is lost after one, three and seven."""
BETWEEN = 0.01
"""Seconds between two questions."""


@dataclass
class Visitor:
    """What came of it."""

    answers: Counter[str] = field(default_factory=Counter)
    """By the real server that gave them."""
    failures: list[str] = field(default_factory=list)

    def is_well_served(self) -> bool:
        """Whether every question was answered and the next ones are, not just by one real server."""
        enough = self.answers.total() + 10
        until(lambda: self.failures or (self.answers.total() >= enough and len(self.answers) > 1), 2 * WITHIN)
        return not self.failures and len(self.answers) > 1


@contextmanager
def visitor(lan: Segment, reals: int) -> Iterator[Visitor]:
    """The visitor, from the first answer on."""
    client, found, stop = lan.real(reals + 1), Visitor(), threading.Event()
    lan.on(client, "ip", "addr", "del", f"{VIP}/32", "dev", "lo")
    with inside(lan.wire):
        prepare_for_native_xdp("p0")
    servers = {lan.listener(number, VIP, 80): str(number) for number in range(1, reals + 1)}
    threads = [
        threading.Thread(target=_serve, args=(servers, stop)),
        threading.Thread(target=_visit, args=(client, found, stop)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _serve(servers: dict[socket.socket, str], stop: threading.Event) -> None:
    while not stop.is_set():
        for listener in select.select(list(servers), [], [], 0.1)[0]:
            with listener.accept()[0] as connection:
                connection.sendall(servers[listener].encode())


def _visit(client: str, found: Visitor, stop: threading.Event) -> None:
    with inside(client):
        while not stop.wait(BETWEEN):
            try:
                with socket.create_connection((str(VIP), 80), WITHIN) as connection:
                    found.answers[connection.recv(8).decode()] += 1
            except OSError as error:
                found.failures.append(f"after {found.answers.total()} answers: {error!r}")

"""A flood of SYNs, as fast as this machine makes them, beside 200 people who are connected: none of them notices.

      client ── router ── ══ segment ══ ── real servers
      200 live            port of the director: SYNs from all of 10.0.0.0/8 go in here,
      connections         and what comes back of them ends here, to spare the real servers

CAROM_FLOOD_PACKETS is how many SYNs; 2,000,000 unless it says otherwise, twice what the flow table has room for.
"""

from __future__ import annotations

import ctypes as c
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from bench import live, objects
from carom.dataplane.fake.packet import checksum
from carom.dataplane.xdp.libbpf import XDP_FLAGS_DRV_MODE, Object
from carom.lab import director, namespaces, standing, veth, wait
from carom.lab.network import NODES, REALS, VIP, Wire
from carom.lab.standing import Lab
from tests.dataplane.frames import tcp

PACKETS = int(os.environ.get("CAROM_FLOOD_PACKETS", "2000000"))
LIVE = 200
NEWCOMERS = 30
PATIENCE = 20
"""Seconds for an answer; a SYN that a full ring has lost is sent again after one, three and seven."""
ENDS = ("forwarded", "table_full", "stray", "syn_limited")
"""How a SYN of the flood may end."""

pytestmark = pytest.mark.timeout(60 + PACKETS // 20_000)


class Flood(c.Structure):
    """`struct flood` of bench/bpf/flood.bpf.c."""

    _fields_ = (
        ("head", c.c_uint8 * 54),
        ("ip_sum", c.c_uint16),
        ("tcp_sum", c.c_uint16),
        ("pad", c.c_uint8 * 6),
        ("sent", c.c_uint64),
        ("spared", c.c_uint64),
    )


# ---- the network


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with standing.temporary(standing.fresh_name("flood"), (VIP,), configuration()) as lab, ExitStack() as stack:
        for real in REALS:
            stack.enter_context(answering(lab, real.name))
        daemon = director.start(lab)
        director.wait_until_ready(lab, daemon)
        yield lab


def configuration() -> str:
    return director.configuration((1, 1, 1)).replace('"wrr"', '"wlc"')


@contextmanager
def answering(lab: Lab, real: str) -> Iterator[None]:
    """A server that answers every line with its own name, on connections that stay open."""
    listener = namespaces.inside(lab.namespace(real), socket.socket)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((str(VIP), 80))
    listener.listen(1024)
    told, tell = socket.socketpair()
    thread = threading.Thread(target=serve, args=(listener, told, real.encode()))
    thread.start()
    yield
    tell.close()
    thread.join()
    told.close()


def serve(listener: socket.socket, told: socket.socket, name: bytes) -> None:
    """Until the other end of `told` is closed."""
    with selectors.DefaultSelector() as selector, ExitStack() as stack:
        stack.enter_context(listener)
        for each in (listener, told):
            selector.register(each, selectors.EVENT_READ)
        while True:
            for ready, _ in selector.select():
                if ready.fileobj is told:
                    return
                if ready.fileobj is listener:
                    selector.register(stack.enter_context(listener.accept()[0]), selectors.EVENT_READ)
                elif not answer(ready.fileobj, name):  # type: ignore[arg-type]
                    selector.unregister(ready.fileobj)


def answer(connection: socket.socket, name: bytes) -> bool:
    """False when the client has gone."""
    try:
        if not connection.recv(64):
            return False
        connection.send(name)
    except OSError:
        return False
    return True


def connect(lab: Lab) -> socket.socket:
    made = namespaces.inside(lab.namespace("client"), partial(socket.socket, socket.AF_INET))
    made.settimeout(PATIENCE)
    made.connect((str(VIP), 80))
    return made


def ask(connection: socket.socket) -> str:
    """Who answers on this very connection."""
    connection.send(b"who?\n")
    return connection.recv(64).decode()


# ---- the flood


class Attack:
    """SYNs for the VIP, out of the segment's port of the director: the next thing that sees them is its NIC."""

    def __init__(self, lab: Lab) -> None:
        self._object = Object(objects.compiled("flood"))
        self._object.load()
        self._generator = self._object.program("generate")
        self._flood = Flood.from_buffer(self._object.map(".bss").memory())
        self._lab = lab
        self._frame = tcp("0.0.0.0:0", f"{VIP}:80", "S", mac=bytes.fromhex(mac_of("director")))
        self._fill(self._frame)
        self._port, self._link = namespaces.inside(lab.wires[Wire.SEGMENT], self._guard)
        self._thread = threading.Thread(target=self._run)
        self.took = 0.0

    def _fill(self, frame: bytes) -> None:
        head = frame[:24] + bytes(2) + frame[26:50] + bytes(2) + frame[52:54]
        pseudo = head[30:34] + struct.pack("!BBH", 0, 6, 20)
        self._flood.head[:] = head
        self._flood.ip_sum, self._flood.tcp_sum = (sum_of(part) for part in (head[14:34], pseudo + head[34:54]))

    def _guard(self) -> tuple[int, object]:
        """The port's own program, which passes everything, makes way for the one that spares what lies behind."""
        veth._attach(veth._libbpf(), "director", veth._NO_PROGRAM)
        port = socket.if_nametoindex("director")
        return port, self._object.program("spare").attach_xdp(port, XDP_FLAGS_DRV_MODE)

    def _run(self) -> None:
        began = time.monotonic()
        namespaces.enter(self._lab.namespace(Wire.SEGMENT))
        live.send(self._generator, self._frame, self._port, PACKETS)
        self.took = time.monotonic() - began

    def __enter__(self) -> Attack:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    @property
    def rages(self) -> bool:
        return self._thread.is_alive()

    @property
    def sent(self) -> int:
        return int(self._flood.sent)

    @property
    def passed(self) -> int:
        """SYNs that the director sent on."""
        return int(self._flood.spared)


def mac_of(node: str) -> str:
    return NODES[node].nic(Wire.SEGMENT).mac.replace(":", "")


def sum_of(part: bytes) -> int:
    """The words' sum as they lie in memory: what `checksum_with` goes on with."""
    return int.from_bytes((~checksum(part) & 0xFFFF).to_bytes(2, "big"), "little")


def reasons(lab: Lab) -> dict[str, int]:
    return {reason["name"]: reason["packets"] for reason in director.status(lab.socket)["reasons"]}


def test_nobody_who_is_connected_notices_and_newcomers_get_in(lab: Lab) -> None:
    with ExitStack() as stack:
        people = [stack.enter_context(connect(lab)) for _ in range(LIVE)]
        served_by = [ask(one) for one in people]
        assert set(served_by) == {real.name for real in REALS}
        before = reasons(lab)

        rounds, newcomers = 0, 0
        with Attack(lab) as attack:
            while attack.rages or newcomers < NEWCOMERS:
                newcomer = stack.enter_context(connect(lab))
                newcomers += ask(newcomer) != ""
                assert [ask(one) for one in people[rounds % 10 :: 10]] == served_by[rounds % 10 :: 10]
                rounds += 1

        assert [ask(one) for one in people] == served_by
        assert attack.sent == PACKETS
        print(f"{PACKETS / attack.took:,.0f} SYNs a second; {newcomers} newcomers")  # noqa: T201 - for pytest -rP

        def told() -> bool:
            now = reasons(lab)
            return sum(now.get(end, 0) - before.get(end, 0) for end in ENDS) >= attack.passed

        assert wait.until(told, 10), reasons(lab)
        assert attack.passed > PACKETS / 10, "a flood came by"

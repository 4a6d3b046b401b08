"""Who has which address on the segment: the kernel's neighbour table, kept fresh and listened to.

The kernel does the resolving. Each wanted address gets an entry that the kernel manages (NTF_EXT_MANAGED): it resolves
it, probes it again by itself, and tells every change to whoever listens. Such entries also outlive the daemon, so that
after a restart the table has every MAC at once. They carry our mark, so that a later daemon, or `--detach`, finds them.

`NeighbourTable` is the machine: datagrams in, changes and requests out, no socket. `KernelNeighbours` is its socket.
One socket is enough and better than two: the answers to our questions and the kernel's news then arrive in the order in
which they became true. Machine and socket work in a thread of their own, a turn at a time: 100,000 real servers take
seconds, and a request waits for whoever changes a NIC (the kernel's rtnl lock). The event loop only hears of changes.

What the table says is taken with one grain of salt: an entry that vanishes says nothing about the real server (somebody
flushed the table, or our own NIC went down); only FAILED does. Nor does FAILED while our own NIC has no carrier, or
where it is but an entry's last word before it vanishes: so the kernel is asked whether it still says so.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from carom.errors import NetError
from carom.model import Address
from carom.net import rtnetlink
from carom.net.rtnetlink import Link, Message, NeighbourEntry

log = logging.getLogger(__name__)

PROTOCOL = 0xCA
"""Our mark on entries (NDA_PROTOCOL), as routing daemons mark their routes."""
DUMPING, MANAGING, FORGETTING, ASKING = 1, 2, 3, 4
"""Sequence numbers, to tell what an error answers."""
REQUESTS = 128
"""Requests in one datagram; the kernel serves them all before `send` returns, in about 2 ms."""
RECEIVE_BUFFER = 4 << 20
"""Bytes, room for 20,000 messages; what does not fit is made up for by a dump."""
LISTEN = 0.005
"""Seconds of a turn in which datagrams are read; one takes about a millisecond, and what it says is then told."""
DUMP_WITHIN = 10.0
"""Seconds in which the kernel must have listed its table; 10,000 entries take 0.1."""

Changes = list[tuple[Address, bytes | None]]


class Turn(NamedTuple):
    """What came of one turn."""

    changes: Changes
    done: bool
    """Whether there is nothing more to send, and nothing to read for now."""
    current: bool
    """Whether everything that the kernel knows about the wanted addresses has been reported."""


class NeighbourTable:
    """What the kernel's table says about the wanted addresses on one NIC."""

    def __init__(self, link: Link) -> None:
        self._name, self._interface = link.name, link.index
        self._running = link.up
        self._wanted: Mapping[bytes, Address] = {}
        self._known: dict[bytes, bytes | None] = {}
        """The last MAC reported, or None where the address was given up."""
        self._settled: set[bytes] = set()
        """Wanted addresses that need no asking: seen valid in the dump under way."""
        self._ours: set[bytes] = set()
        """Entries with our mark, those just asked for included."""
        self._dumping = False
        self._stale = False
        """A dump is due: something happened that the news alone do not tell."""
        self._requests: list[bytes] = []
        self._doubted: set[bytes] = set()
        """What has failed by the news, and the kernel is to be asked about."""
        self._unmanaged: set[bytes] = set()
        """What the kernel is to be asked to resolve."""
        self._unwanted: set[bytes] = set()
        """What it is to be asked to forget."""

    @property
    def current(self) -> bool:
        """Whether everything that the kernel knows about the wanted addresses has been reported."""
        return not self._dumping and not self._stale

    def want(self, wanted: Mapping[bytes, Address]) -> None:
        """Replace the whole wish: addresses by their packed form."""
        for packed in self._wanted.keys() - wanted.keys():
            self._known.pop(packed, None)
        self._stale = self._stale or bool(wanted.keys() - self._wanted.keys())
        self._wanted = wanted
        self._unwanted |= self._ours - wanted.keys()
        self._ours &= wanted.keys()

    def overrun(self) -> None:
        """The kernel had more to say than the socket could hold (ENOBUFS): some news are lost, a dump is not."""
        self._stale = True

    def hear(self, data: bytes) -> Changes:
        """Take in one datagram; returns the addresses whose MAC changed, None for those that nobody has any more."""
        changes: Changes = []
        for message in rtnetlink.messages(data):
            match message.type:
                case rtnetlink.RTM_NEWNEIGH | rtnetlink.RTM_DELNEIGH:
                    self._neighbour(message, changes)
                case rtnetlink.RTM_NEWLINK | rtnetlink.RTM_DELLINK:
                    self._link(message)
                case rtnetlink.NLMSG_DONE:
                    self._dumped(message)
                case rtnetlink.NLMSG_ERROR:
                    self._refused(message)
                case _:
                    continue
        return changes

    def requests(self) -> Iterator[bytes]:
        """The datagrams to send now, each made when it is asked for: there may be hundreds."""
        if self._stale and not self._dumping:
            self._stale, self._dumping = False, True
            self._settled.clear()
            self._requests.append(rtnetlink.dump_neighbours(self._interface, DUMPING))
        while self._requests:
            some, self._requests = self._requests[:REQUESTS], self._requests[REQUESTS:]
            yield b"".join(some)
        while self._doubted:
            yield b"".join(map(self._ask, _some(self._doubted)))
        while self._unwanted:
            if gone := [packed for packed in _some(self._unwanted) if packed not in self._wanted]:
                yield b"".join(rtnetlink.delete_neighbour(self._interface, packed, FORGETTING) for packed in gone)
        while self._unmanaged:
            if wanted := [packed for packed in _some(self._unmanaged) if packed in self._wanted]:
                yield b"".join(map(self._manage, wanted))

    def _ask(self, packed: bytes) -> bytes:
        return rtnetlink.get_neighbour(self._interface, packed, ASKING)

    def _manage(self, packed: bytes) -> bytes:
        return rtnetlink.manage_neighbour(self._interface, packed, PROTOCOL, MANAGING)

    def _neighbour(self, message: Message, changes: Changes) -> None:
        entry = rtnetlink.decode_neighbour(message.body)
        if entry is None or entry.interface != self._interface:
            return
        if message.type == rtnetlink.RTM_DELNEIGH:
            self._ours.discard(entry.address)
            self._stale = self._stale or entry.address in self._wanted
            return
        if entry.protocol == PROTOCOL:
            self._ours.add(entry.address)
        if entry.address in self._wanted:
            is_answer = message.flags & rtnetlink.NLM_F_MULTI or message.sequence == ASKING
            self._learn(entry, changes, asked=bool(is_answer))
        elif entry.protocol == PROTOCOL and message.flags & rtnetlink.NLM_F_MULTI:
            self._forget(entry.address)  # an earlier daemon's; outside a dump it is our own forgetting, under way

    def _learn(self, entry: NeighbourEntry, changes: Changes, *, asked: bool) -> None:
        mac = entry.mac if entry.state & rtnetlink.NUD_VALID else None
        if mac and (entry.protocol == PROTOCOL or entry.state & rtnetlink.NUD_PERMANENT):
            self._settled.add(entry.address)
        known = self._known.get(entry.address)
        lost = known is not None and entry.state & rtnetlink.NUD_FAILED and self._running
        if lost and not asked:
            self._doubted.add(entry.address)
        elif lost or (mac and mac != known):
            self._known[entry.address] = mac
            changes.append((self._wanted[entry.address], mac))

    def _link(self, message: Message) -> None:
        link = rtnetlink.decode_link(message.body)
        if link.name != self._name:
            return
        came = link.up and not self._running
        self._running = link.up and message.type == rtnetlink.RTM_NEWLINK
        self._interface = link.index  # a NIC that was removed comes back under another
        self._stale = self._stale or came

    def _dumped(self, message: Message) -> None:
        self._dumping = False
        if message.flags & rtnetlink.NLM_F_DUMP_INTR:
            self._stale = True
        elif self._running:
            missing = self._wanted.keys() - self._settled
            self._ours |= missing
            self._unmanaged = missing

    def _forget(self, packed: bytes) -> None:
        self._ours.discard(packed)
        self._unwanted.add(packed)

    def _refused(self, message: Message) -> None:
        code = rtnetlink.decode_error(message.body)
        if message.sequence == DUMPING:
            self._dumping = False
        if message.sequence not in {FORGETTING, ASKING} and code not in {0, errno.ENETDOWN, errno.ENODEV}:
            what = "list its neighbours" if message.sequence == DUMPING else "resolve a real server"
            log.error("the kernel will not %s: %s", what, errno.errorcode.get(code, code))


class KernelNeighbours:
    """The machine on its socket: `carom.ports.Neighbours` for one NIC of this network namespace."""

    def __init__(self, interface: str) -> None:
        """Begins to listen. Raises NetError where there is no such NIC."""
        self._connection = rtnetlink.open_socket(rtnetlink.RTMGRP_NEIGH | rtnetlink.RTMGRP_LINK, RECEIVE_BUFFER)
        self._connection.setblocking(False)
        try:
            self._table = NeighbourTable(rtnetlink.link(interface))
        except NetError:
            self._connection.close()
            raise
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"carom-{interface}")
        """The only one to touch the machine."""
        self._current = asyncio.Event()
        self._turning: asyncio.Future[Turn] | None = None
        self._changed: Callable[[Address, bytes | None], None] = _nobody_listens
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._connection, self._begin_turn)

    async def watch(self, addresses: frozenset[Address], changed: Callable[[Address, bytes | None], None]) -> None:
        """See the port. Raises NetError."""
        self._changed = changed
        await self._loop.run_in_executor(self._worker, self._want, addresses)
        self._current.clear()
        self._begin_turn()
        try:
            async with asyncio.timeout(DUMP_WITHIN):
                await self._current.wait()
        except TimeoutError:
            raise NetError(f"the kernel did not list its neighbours within {DUMP_WITHIN:.0f} s") from None

    def close(self) -> None:
        """Stop listening. The entries stay, and the kernel keeps them resolved."""
        self._loop.remove_reader(self._connection)
        self._worker.shutdown(cancel_futures=True)
        self._connection.close()

    def _begin_turn(self) -> None:
        if self._turning is None:
            self._loop.remove_reader(self._connection)
            self._turning = self._loop.run_in_executor(self._worker, self._turn)
            self._turning.add_done_callback(self._turned)

    def _turned(self, turning: asyncio.Future[Turn]) -> None:
        """Tell what a turn has brought, and go on: with another, or with listening."""
        if self._connection.fileno() < 0 or turning.cancelled():
            return
        self._turning = None
        self._loop.add_reader(self._connection, self._begin_turn)
        turn = turning.result()
        for address, mac in turn.changes:
            self._changed(address, mac)
        if turn.current:
            self._current.set()
        if not turn.done:
            self._begin_turn()

    # ---- in the worker's thread ----

    def _want(self, addresses: frozenset[Address]) -> None:
        self._table.want(by_packed(addresses))

    def _turn(self) -> Turn:
        """Read for a while, then send one datagram of what is due."""
        changes: Changes = []
        read_all = self._read(changes)
        datagram = next(self._table.requests(), None)
        if datagram:
            self._connection.send(datagram)
        return Turn(changes, read_all and not datagram, self._table.current)

    def _read(self, changes: Changes) -> bool:
        """Whether all that was there has been read."""
        until = time.monotonic() + LISTEN
        while time.monotonic() < until:
            try:
                changes += self._table.hear(self._connection.recv(1 << 16))
            except BlockingIOError:
                return True
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                log.info("neighbour news were lost: the table is read anew")
                self._table.overrun()
        return False


def _some(addresses: set[bytes]) -> list[bytes]:
    """Takes as many out of the set as one datagram has room for."""
    return [addresses.pop() for _ in range(min(REQUESTS, len(addresses)))]


def by_packed(addresses: Iterable[Address]) -> dict[bytes, Address]:
    """Addresses by their packed form. For 100,000 it takes a tenth of a second."""
    return {address.packed: address for address in addresses}


def _nobody_listens(address: Address, mac: bytes | None) -> None:
    """Before the first wish there is nothing to tell."""


def release() -> int:
    """Forget every entry with our mark, on every NIC of this network namespace; returns how many there were."""
    found = [rtnetlink.decode_neighbour(message.body) for message in rtnetlink.ask(rtnetlink.dump_neighbours())]
    ours = [entry for entry in found if entry is not None and entry.protocol == PROTOCOL]
    with rtnetlink.open_socket() as connection:
        for entry in ours:
            connection.send(rtnetlink.delete_neighbour(entry.interface, entry.address))
    return len(ours)

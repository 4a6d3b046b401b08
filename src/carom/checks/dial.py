"""Sockets that take the way a `Target` names, and what the network says when that way ends early.

Three things set such a socket apart. Its mark chooses the real server (`carom.net.viaroute`). On a marked way its
packets live for one hop, as direct routing has it: a host that lacks the VIP and forwards cannot pass our packet on
to somebody who answers in its stead, and says so (ICMP time exceeded). And it closes with a reset, so that no
TIME_WAIT remains on either side, however many checks there are.

An errno alone tells too little (EHOSTUNREACH: no ARP answer? a packet filter? one hop too many?), so IP_RECVERR is
on and the error queue gives the ICMP message itself (ip(7); Linux fills it for a TCP handshake as well).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from typing import NamedTuple

from carom.checks.checker import Target, Unmet, reason_of
from carom.outcome import Reason

IP_RECVERR = 11
IPV6_RECVERR = 25
_RESET = struct.pack("ii", 1, 0)
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
"""struct sock_extended_err, linux/errqueue.h: errno, origin, type, code, pad, info, data."""
_FROM_ICMP = (2, 3)
"""SO_EE_ORIGIN_ICMP and SO_EE_ORIGIN_ICMP6."""


def open_socket(target: Target, kind: int, protocol: int = 0) -> socket.socket:
    """A non-blocking socket for the target's way; not yet connected. Raises OSError (EPERM without CAP_NET_ADMIN)."""
    family = socket.AF_INET if target.address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
    try:
        _prepare(sock, target, family)
    except BaseException:
        sock.close()
        raise
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    return sock


def _prepare(sock: socket.socket, target: Target, family: int) -> None:
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    if not target.mark:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, target.mark)
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)


async def connect(sock: socket.socket, target: Target, deadline: float) -> None:
    """Finish the handshake by `deadline` (in the loop's time). Raises Unmet with what prevented it."""
    code = sock.connect_ex((str(target.address), target.port))
    if code == errno.EINPROGRESS:
        code = await _settled(sock, target, deadline)
    if code:
        raise refusal(sock, OSError(code, os.strerror(code)))


async def _settled(sock: socket.socket, target: Target, deadline: float) -> int:
    """The errno with which the handshake ends, 0 for success."""
    # Less than half the cost of loop.sock_connect in asyncio.timeout, in the one place where thousands a second count.
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bool] = loop.create_future()
    descriptor = sock.fileno()  # for a socket, `selectors` would write its repr into an error that it then swallows
    loop.add_writer(descriptor, settle, done, True)
    timer = loop.call_at(deadline, settle, done, False)
    try:
        if not await done:
            raise Unmet(Reason.SILENT, f"no answer to the handshake in {target.timeout:g} s")
    finally:
        timer.cancel()
        loop.remove_writer(descriptor)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def settle(done: asyncio.Future[bool], result: bool) -> None:
    """Give a future its result unless it has one: for callbacks of which several may come."""
    if not done.done():
        done.set_result(result)


class IcmpError(NamedTuple):
    """An ICMP error about a packet of ours."""

    version: int
    """4 or 6, of IP."""
    type: int
    code: int
    sender: bytes
    """4 or 16 bytes."""


def refusal(sock: socket.socket, error: OSError) -> Unmet:
    """What an error on this socket means, with what ICMP said about it."""
    said = icmp_error(sock)
    if said is None:
        return Unmet(reason_of(error), error.strerror or str(error))
    return Unmet(*_meaning(said, stream=sock.type == socket.SOCK_STREAM, otherwise=reason_of(error)))


def icmp_error(sock: socket.socket) -> IcmpError | None:
    """The ICMP error that waits in the socket's error queue, if there is one."""
    try:
        _, ancillary, _, _ = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return None
    return next((found for one in ancillary if (found := _queued(*one))), None)


def _queued(level: int, kind: int, data: bytes) -> IcmpError | None:
    """An entry of the error queue: struct sock_extended_err, then the sender as a sockaddr."""
    if (level, kind) not in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
        return None
    _, origin, icmp_type, code, _, _, _ = _EXTENDED_ERROR.unpack_from(data)
    if origin not in _FROM_ICMP:
        return None
    sockaddr = data[_EXTENDED_ERROR.size :]
    if level == socket.IPPROTO_IP:
        return IcmpError(4, icmp_type, code, sockaddr[4:8])
    return IcmpError(6, icmp_type, code, sockaddr[8:24])


_FILTERED = {(4, 3, 9), (4, 3, 10), (4, 3, 13), (6, 1, 1), (6, 1, 5), (6, 1, 6)}
_NO_PORT = {(4, 3, 3), (6, 1, 4)}


def _meaning(said: IcmpError, *, stream: bool, otherwise: Reason) -> tuple[Reason, str]:
    """RFC 792, RFC 1122 section 3.2.2 and RFC 4443, read for what they say of the host that was asked."""
    what = said[:3]
    if what[:2] in ((4, 11), (6, 3)):
        return Reason.FORWARDED, "the host tried to forward the packet (ICMP time exceeded)"
    if what in _FILTERED:
        return Reason.PROHIBITED, f"a packet filter refused it (ICMP type {said.type} code {said.code})"
    if what in _NO_PORT and stream:  # a host without such a TCP service sends a reset; only a filter sends this
        return Reason.PROHIBITED, "a packet filter refused it (ICMP port unreachable to a TCP handshake)"
    if what in _NO_PORT:
        return Reason.REFUSED, "nobody listens there (ICMP port unreachable)"
    if otherwise is Reason.UNREACHABLE:
        return otherwise, f"no answer to ARP, or no route (ICMP type {said.type} code {said.code})"
    return otherwise, f"ICMP type {said.type} code {said.code}"

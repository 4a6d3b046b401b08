"""Sockets for a target's way. What ICMP says on it is shown in `tests/net/checks/test_dial.py`."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.checks.dial import connect, open_socket, settle
from tests.unit.checks.peers import at


def test_it_closes_with_a_reset() -> None:
    with open_socket(at(1), socket.SOCK_STREAM) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 0)
        assert not sock.getblocking()


@pytest.mark.root
@pytest.mark.parametrize(
    ("address", "level", "option"),
    [
        ("127.0.0.1", socket.IPPROTO_IP, socket.IP_TTL),
        ("::1", socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
    ],
)
def test_a_marked_way_is_one_hop_long(address: str, level: int, option: int) -> None:
    target = replace(at(1), address=ip_address(address), mark=7)
    with open_socket(target, socket.SOCK_STREAM) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_MARK) == 7
        assert sock.getsockopt(level, option) == 1
    with open_socket(replace(target, mark=0), socket.SOCK_STREAM) as sock:
        assert sock.getsockopt(level, option) == 64


def test_a_socket_that_cannot_be_prepared_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []

    class Refusing(socket.socket):
        def setsockopt(self, *_: object) -> None:
            opened.append(self)
            raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(OSError, match="not permitted"):
        open_socket(at(1), socket.SOCK_STREAM)
    assert [sock.fileno() for sock in opened] == [-1]


def test_stopping_in_the_handshake_leaves_nothing_watched() -> None:
    async def stopped() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            port = full.getsockname()[1]
            waiting = socket.create_connection(("127.0.0.1", port))
            with waiting, open_socket(at(port), socket.SOCK_STREAM) as sock:
                task = asyncio.create_task(connect(sock, at(port), loop.time() + 60))
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert not loop.remove_writer(sock.fileno())

    asyncio.run(stopped())


def test_the_first_result_counts() -> None:
    async def twice() -> bool:
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        settle(done, True)
        settle(done, False)
        return await done

    assert asyncio.run(twice())

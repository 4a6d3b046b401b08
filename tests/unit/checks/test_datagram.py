"""One question and one answer in datagrams, on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from carom.checks.checker import Target, Unmet
from carom.checks.datagram import STRANGERS, answer, exchange
from carom.outcome import Reason
from tests.unit.checks.peers import LOOPBACK, at


@contextmanager
def answering(reply: Callable[[bytes], list[bytes]]) -> Iterator[int]:
    """A peer that answers one question with these datagrams; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((str(LOOPBACK), 0))
        sock.settimeout(5)

        def once() -> None:
            question, whom = sock.recvfrom(65535)
            for datagram in reply(question):
                sock.sendto(datagram, whom)

        thread = threading.Thread(target=once)
        thread.start()
        yield sock.getsockname()[1]
        thread.join()


def ask(target: Target, ours: Callable[[bytes], bool] = bool) -> bytes:
    async def conversation() -> bytes:
        async with exchange(target) as sock:
            return await answer(sock, b"question", ours)

    return asyncio.run(conversation())


def test_the_answer_comes_back() -> None:
    with answering(lambda question: [b"answer to " + question]) as port:
        assert ask(at(port)) == b"answer to question"


def test_what_is_not_ours_is_passed_over() -> None:
    with answering(lambda _: [b"other"] * 5 + [b"ours"]) as port:
        assert ask(at(port), lambda data: data == b"ours") == b"ours"


def test_but_not_for_ever() -> None:
    with answering(lambda _: [b"other"] * (STRANGERS + 10)) as port, pytest.raises(Unmet) as raised:
        ask(at(port), lambda _: False)
    assert raised.value.reason is Reason.BAD_ANSWER


def test_silence_is_told() -> None:
    with answering(lambda _: []) as port, pytest.raises(Unmet) as raised:
        ask(at(port, 0.1))
    assert (raised.value.reason, raised.value.text) == (Reason.SILENT, "no answer in 0.1 s")


def test_a_closed_port_is_told() -> None:
    with answering(lambda _: []) as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(b"", (str(LOOPBACK), port))
    with pytest.raises(Unmet) as raised:
        ask(at(port))
    assert (raised.value.reason, raised.value.text) == (
        Reason.REFUSED,
        "nobody listens there (ICMP port unreachable)",
    )

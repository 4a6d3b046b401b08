"""dns: a name server answers a question. RFC 1035; read and written by dnspython."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import dns.exception
import dns.message
import dns.rcode

from carom.checks.checker import Target, Unmet, printable
from carom.checks.datagram import answer as reply_to
from carom.checks.datagram import exchange
from carom.checks.stream import conversation
from carom.core.pattern import found
from carom.outcome import Outcome, Reason

ANSWER = 4096
"""Bytes of an answer at most. dnspython takes some 6 ms for each thousand, in which the event loop stands still."""


@dataclass(frozen=True, slots=True)
class Dns:
    """A question, and what its answer must be."""

    query: str = "."
    """The name asked for."""
    type: str = "NS"
    rcode: tuple[str, ...] = ("NOERROR",)
    """Answers that are well; add `NXDOMAIN` or `REFUSED` where any answer will do."""
    answer: str = ""
    """Regular expression (RE2's syntax) to be found in one of the answer's records, as a zone file writes them."""
    transport: str = "udp"
    """`udp` or `tcp`."""

    async def check(self, target: Target) -> Outcome:
        question = dns.message.make_query(self.query, self.type)
        wire = question.to_wire()
        said = await (_over_tcp(target, wire) if self.transport == "tcp" else _over_udp(target, wire))
        if len(said) > ANSWER:
            raise Unmet(Reason.TOO_LONG, f"an answer of {len(said)} bytes; a check reads {ANSWER}")
        try:
            reply = dns.message.from_wire(said)
        except (dns.exception.DNSException, ValueError) as error:
            raise Unmet(Reason.BAD_ANSWER, f"not DNS: {type(error).__name__}") from error
        if not question.is_response(reply):
            raise Unmet(Reason.BAD_ANSWER, "an answer to another question")
        return self._judge(reply)

    def _judge(self, reply: dns.message.Message) -> Outcome:
        code = dns.rcode.to_text(reply.rcode())
        if code not in self.rcode:
            raise Unmet(Reason.WRONG_STATUS, f"{code}, expected {' or '.join(self.rcode)}")
        records = "\n".join(records.to_text() for records in reply.answer)
        if self.answer and not found(self.answer, records.encode()):
            raise Unmet(Reason.NO_MATCH, f"expected /{self.answer}/, got {printable(records)!r}")
        return Outcome(Reason.OK, f"{code}, {sum(map(len, reply.answer))} records")


async def _over_udp(target: Target, wire: bytes) -> bytes:
    async with exchange(target) as sock:
        return await reply_to(sock, wire, lambda data: data[:2] == wire[:2])


async def _over_tcp(target: Target, wire: bytes) -> bytes:
    async with conversation(target) as talk:
        await talk.say(struct.pack("!H", len(wire)) + wire)
        (length,) = struct.unpack("!H", await talk.exactly(2))
        return await talk.exactly(length)

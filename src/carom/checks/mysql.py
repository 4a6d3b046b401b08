"""mysql: a MySQL or MariaDB server greets, and lets a user in. MySQL internals manual, "Connection Phase".

MySQL counts connections that end before the handshake is whole, and shuts a host out after `max_connect_errors` of
them (100): a check that only reads the greeting would do that to the director. With a `user`, one that needs no
password and no rights, the handshake is completed. A user that is refused completes it too.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from carom.checks.checker import Target, Unmet, printable
from carom.checks.stream import Conversation, conversation
from carom.outcome import Outcome, Reason

_PROTOCOL_10, _OK, _SWITCH, _ERROR = 10, 0x00, 0xFE, 0xFF
_CLIENT_PROTOCOL_41, _CLIENT_SECURE_CONNECTION, _CLIENT_PLUGIN_AUTH = 0x200, 0x8000, 0x80000
_UTF8 = 33
_ACCESS_DENIED = {1044, 1045, 1698}
"""Errors that end a whole handshake with a sound server: wrong database, password or plugin."""
_QUIT = b"\1\0\0\0\1"


@dataclass(frozen=True, slots=True)
class Mysql:
    """Read the greeting; with a `user`, log in without a password and leave."""

    user: str = ""

    async def check(self, target: Target) -> Outcome:
        async with conversation(target) as talk:
            _, greeting = await _packet(talk)
            version = _version(greeting)
            if self.user:
                await self._log_in(talk)
        return Outcome(Reason.OK, printable(version))

    async def _log_in(self, talk: Conversation) -> None:
        flags = _CLIENT_PROTOCOL_41 | _CLIENT_SECURE_CONNECTION | _CLIENT_PLUGIN_AUTH
        response = struct.pack("<IIB23x", flags, 1 << 24, _UTF8) + self.user.encode() + b"\0\0mysql_native_password\0"
        await _send(talk, 1, response)
        sequence, answer = await _packet(talk)
        if answer[:1] == bytes([_SWITCH]):  # another way to prove oneself: an empty password is empty in each
            await _send(talk, sequence + 1, b"")
            _, answer = await _packet(talk)
        if answer[:1] == bytes([_OK]):
            await talk.leave(_QUIT)
        elif answer[:1] == bytes([_ERROR]) and _code(answer) not in _ACCESS_DENIED:
            raise _refusal(answer)


async def _packet(talk: Conversation) -> tuple[int, bytes]:
    """One packet: three bytes of length, one of sequence, and the content."""
    head = await talk.exactly(4)
    return head[3], await talk.exactly(int.from_bytes(head[:3], "little"))


async def _send(talk: Conversation, sequence: int, content: bytes) -> None:
    await talk.say(len(content).to_bytes(3, "little") + bytes([sequence & 0xFF]) + content)


def _version(greeting: bytes) -> bytes:
    if greeting[:1] == bytes([_ERROR]):
        raise _refusal(greeting)
    version, end, _ = greeting[1:].partition(b"\0")
    if greeting[:1] != bytes([_PROTOCOL_10]) or not end:
        raise Unmet(Reason.BAD_ANSWER, f"not MySQL's protocol 10: {printable(greeting[:32])!r}")
    return version


def _code(error: bytes) -> int:
    return int.from_bytes(error[1:3], "little")


def _refusal(error: bytes) -> Unmet:
    text = error[3:].removeprefix(b"#")
    return Unmet(Reason.WRONG_STATUS, f"error {_code(error)}: {printable(text)}")

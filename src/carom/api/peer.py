"""Who asks, and what they may.

On the unix socket the kernel says who: root, the daemon's own user and members of the group `carom-admin` may change
things, members of the group `carom` may look (`carom.api.serve` gives the socket to them). Over TCP a token says it.
Tokens are kept as digests, one a line:

    # name   may     sha256 of the token
    grafana  read    2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
"""

from __future__ import annotations

import grp
import hmac
import os
import pwd
import socket
import struct
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from carom.errors import CaromError

READERS, WRITERS = "carom", "carom-admin"
"""Groups whose members may look, and those who may change things besides."""
SO_PEERGROUPS = 59
"""unix(7), Linux 4.13: the supplementary groups of whoever connected."""
_UCRED = struct.Struct("=iII")
_MOST_GROUPS = 256  # 1,024 bytes are the most that Python asks the kernel for
_SHA256 = 64
"""Hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody who asks."""

    who: str
    """As histories and logs name them."""
    may_write: bool


def peer_of(connection: socket.socket) -> Peer:
    """Who has connected to this unix socket: by their credentials at that moment, unix(7)."""
    _, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    trusted = uid in (0, os.geteuid()) or group_id(WRITERS) in (gid, *_other_groups(connection))
    return Peer(_name(uid), trusted)


def group_id(name: str) -> int | None:
    """A group's number; None if this host has no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def _other_groups(connection: socket.socket) -> tuple[int, ...]:
    try:
        found = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 4 * _MOST_GROUPS)
    except OSError:  # a kernel without it, or somebody of very many groups
        return ()
    return struct.unpack(f"={len(found) // 4}I", found)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


class Tokens:
    """Who may ask over TCP."""

    def __init__(self, file: Path) -> None:
        """Raises CaromError if the file cannot be read, or has a line that says nothing."""
        try:
            lines = file.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CaromError(f"{file} cannot be read: {error}; name a file of tokens with --tokens") from error
        self._known = {}
        for number, line in enumerate(lines, 1):
            match line.partition("#")[0].split():
                case []:
                    continue
                case [name, "read" | "write" as may, digest] if len(digest) == _SHA256:
                    self._known[digest.lower()] = Peer(f"token {name}", may == "write")
                case _:
                    raise CaromError(f"{file}:{number}: write a name, read or write, and the token's sha256")

    def peer(self, authorization: str) -> Peer | None:
        """Who sends this Authorization header (RFC 6750 section 2.1); None: nobody that is known."""
        kind, _, token = authorization.partition(" ")
        asked = sha256(token.strip().encode()).hexdigest()
        found = [peer for digest, peer in self._known.items() if hmac.compare_digest(digest, asked)]
        return found[0] if found and kind.lower() == "bearer" else None

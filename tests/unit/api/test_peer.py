"""Who asks: by the kernel's word, or by a token."""

from __future__ import annotations

import grp
import os
import socket
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from carom.api.peer import Peer, Tokens, group_id, peer_of
from carom.errors import CaromError

DIGEST = sha256(b"secret").hexdigest()
ASK = """
import os, socket, sys
groups, gid, uid = eval(sys.argv[2])
os.setgroups(groups); os.setgid(gid); os.setuid(uid)
one = socket.socket(socket.AF_UNIX); one.connect(sys.argv[1]); one.recv(1)
"""


def peer_as(folder: Path, uid: int, gid: int, groups: list[int]) -> Peer:
    """What the kernel says of somebody with these credentials."""
    path = folder / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        for above in (folder, *folder.parents):
            if above.stat().st_uid == os.geteuid() and above != Path("/"):
                above.chmod(above.stat().st_mode | 0o055)
        listener.listen()
        command = [sys.executable, "-c", ASK, str(path), repr((groups, gid, uid))]
        with subprocess.Popen(command) as client:
            connection, _ = listener.accept()
            with connection:
                found = peer_of(connection)
            client.wait(10)
    path.unlink()
    return found


def test_we_ourselves_may_change_things() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        peer = peer_of(one)
    assert peer.may_write
    assert peer.who


@pytest.mark.root
def test_root_the_writers_group_and_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carom.api.peer.WRITERS", "games")
    writers = grp.getgrnam("games").gr_gid
    assert peer_as(tmp_path, 0, 0, []) == Peer("root", may_write=True)
    assert peer_as(tmp_path, 65534, 65534, []) == Peer("nobody", may_write=False)
    assert peer_as(tmp_path, 65534, writers, []).may_write, "its own group"
    assert peer_as(tmp_path, 65534, 65534, [5, writers]).may_write, "one of its other groups"
    assert peer_as(tmp_path, 54321, 65534, []) == Peer("uid 54321", may_write=False)


def test_a_host_without_the_group_has_no_members() -> None:
    assert group_id("no-such-group") is None


def test_tokens_are_known_by_their_digest(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"\n# who may\ngrafana read {DIGEST.upper()} # its own\n")
    tokens = Tokens(file)
    assert tokens.peer("Bearer secret") == Peer("token grafana", may_write=False)
    for wrong in ("", "Bearer", "Bearer Secret", "Basic secret", "secret", f"Bearer {DIGEST}"):
        assert tokens.peer(wrong) is None


@pytest.mark.parametrize("line", ["grafana", "grafana all " + DIGEST, "grafana read secret"])
def test_a_line_that_says_nothing_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"# who may\n{line}\n")
    with pytest.raises(CaromError, match=f"{file}:2: write a name, read or write, and the token's sha256"):
        Tokens(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaromError, match="nothing cannot be read"):
        Tokens(tmp_path / "nothing")

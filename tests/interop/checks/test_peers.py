"""Checks against the real programs they are for, each started by the test on loopback and ended by it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from carom.checks.checker import Checker, Target, examine
from carom.checks.dns import Dns
from carom.checks.http import Http, Https
from carom.checks.mysql import Mysql
from carom.checks.postgres import Postgres
from carom.checks.redis import Redis
from carom.checks.send_expect import SendExpect
from carom.checks.smtp import Smtp
from carom.checks.tcp import Tcp
from carom.outcome import Outcome, Reason
from tests.unit.checks.certificates import certificate

LOOPBACK = ip_address("127.0.0.1")
STARTS_WITHIN = 30.0


def needs(*programs: str) -> None:
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture
def port() -> int:
    with socket.socket() as sock:
        sock.bind((str(LOOPBACK), 0))
        number: int = sock.getsockname()[1]
    return number


def check(checker: Checker, port: int) -> Outcome:
    return asyncio.run(examine(checker, Target(LOOPBACK, port, LOOPBACK, timeout=5.0)))


@contextmanager
def running(port: int, *command: object, user: str | None = None) -> Iterator[None]:
    """A server, from when it listens."""
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user
    )
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while not check(Tcp(), port).ok:
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{command[0]} does not listen"
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_nginx(tmp_path: Path, port: int) -> None:
    needs("nginx", "openssl")
    pem = certificate(tmp_path, "www.example.com", 3)
    listen = f"listen 127.0.0.1:{port}"
    pages = 'location /up { return 200 "status: ok"; } location /busy { return 503; } location /old { return 301 /up; }'
    for name, more in (("http", ""), ("https", " ssl")):
        secrets = f"ssl_certificate {pem}; ssl_certificate_key {pem};" if more else ""
        conf = tmp_path / f"{name}.conf"
        conf.write_text(
            f"daemon off; pid {tmp_path}/{name}.pid; error_log /dev/null; events {{}}\n"
            f"http {{ access_log off; server {{ {listen}{more}; {secrets} {pages} }} }}\n"
        )
        kind = Https if more else Http
        with running(port, "nginx", "-c", conf, "-p", tmp_path):
            assert check(kind(path="/up", body="status: (ok|fine)"), port).ok
            assert check(kind(path="/old"), port).text == "status 301"
            assert check(kind(path="/busy"), port).reason is Reason.WRONG_STATUS
            assert check(kind(method="HEAD", path="/up"), port).ok
    with running(port, "nginx", "-c", tmp_path / "https.conf", "-p", tmp_path):
        secure = Https(path="/up", host="www.example.com", verify=True, ca=str(pem))
        assert check(secure, port).warnings == ("the certificate expires in 2 days",)
        assert check(Http(), port).text == "status 400, expected 200-399"


def test_redis(port: int) -> None:
    needs("redis-server")
    plain = ("redis-server", "--port", port, "--bind", LOOPBACK, "--save", "", "--loglevel", "warning")
    with running(port, *plain):
        assert check(Redis(), port).ok
        assert check(SendExpect(b"PING\r\n", b"+PONG"), port).ok
        assert check(Redis(password="x"), port).reason is Reason.WRONG_STATUS
    with running(port, *plain, "--requirepass", "sesame"):
        assert check(Redis(password="sesame"), port).ok
        assert check(Redis(), port).text == "it asks for a password"
        assert check(Redis(password="wrong"), port).text.startswith("WRONGPASS")


def test_postgres(tmp_path: Path, port: int) -> None:
    """Also that checks leave no complaint in its log."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path())  # Debian keeps them off PATH
    needs(str(programs / "postgres"), str(programs / "initdb"))
    home = tmp_path / "home"
    home.mkdir()
    shutil.chown(home, "postgres")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    subprocess.run(
        [programs / "initdb", "-D", home / "data", "-A", "trust"], user="postgres", check=True, capture_output=True
    )
    log = ("-c", "logging_collector=on", "-c", f"log_directory={home}", "-c", "log_filename=log")
    where = ("-h", LOOPBACK, "-p", port, "-k", home)
    with running(port, programs / "postgres", "-D", home / "data", *where, *log, user="postgres"):
        while (found := check(Postgres(user="postgres"), port)).reason is Reason.WRONG_STATUS:
            assert "starting up" in found.text
        assert found.ok
        assert check(Postgres(), port).ok, "a role that does not exist"
        assert check(Postgres(user="postgres", database="none"), port).ok
    written = (home / "log").read_text()
    assert "reset by peer" not in written
    assert "incomplete startup packet" not in written


def test_mariadb(tmp_path: Path, port: int) -> None:
    needs("mariadbd", "mariadb-install-db", "mariadb")
    data, sock = tmp_path / "data", tmp_path / "sock"
    make = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", "--user=root"]
    subprocess.run([*make, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    server = ("mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={sock}", "--user=root", f"--port={port}")
    with running(port, *server, "--bind-address=127.0.0.1", "--max-connect-errors=5"):
        sql(sock, "create user carom@localhost; create user carom@'127.0.0.1'")
        for _ in range(20):
            assert check(Mysql(user="carom"), port).ok
        assert check(Mysql(user="nobody"), port).ok
        assert "MariaDB" in check(Mysql(), port).text


def sql(sock: Path, statement: str) -> None:
    subprocess.run(["mariadb", "--no-defaults", "-u", "root", f"--socket={sock}", "-e", statement], check=True)


def test_unbound(tmp_path: Path, port: int) -> None:
    needs("unbound")
    conf = tmp_path / "unbound.conf"
    conf.write_text(
        f"server:\n interface: 127.0.0.1@{port}\n do-daemonize: no\n username: ''\n chroot: ''\n pidfile: ''\n"
        f" directory: {tmp_path}\n use-syslog: no\n logfile: {tmp_path}/log\n do-not-query-localhost: yes\n"
        " local-zone: example.com static\n local-data: 'www.example.com. A 192.0.2.1'\n"
        "remote-control:\n control-enable: no\n"
    )
    with running(port, "unbound", "-d", "-c", conf):
        for transport in ("udp", "tcp"):
            assert check(Dns("www.example.com", "A", answer="192.0.2.1$", transport=transport), port).ok
            assert check(Dns("no.example.com", "A", transport=transport), port).text == "NXDOMAIN, expected NOERROR"


def test_opensmtpd(tmp_path: Path, port: int) -> None:
    needs("smtpd")
    if Path("/run/smtpd.sock").exists():
        pytest.skip("an OpenSMTPD of somebody else's is running here")
    conf = tmp_path / "smtpd.conf"
    conf.write_text(
        f'listen on 127.0.0.1 port {port}\naction "drop" maildir "{tmp_path}"\nmatch for local action "drop"\n'
    )
    with running(port, "smtpd", "-d", "-f", conf):
        found = check(Smtp(), port)
        assert found.ok
        assert "ESMTP OpenSMTPD" in found.text

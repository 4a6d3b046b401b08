"""`carom lab`, as a person plays with it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.lab import standing
from carom.lab.faults import FAULTS
from tests.net.conftest import Carom
from tests.net.labs import traces_of


@pytest.fixture(scope="module")
def name(carom: Carom) -> Iterator[str]:
    """A standing lab."""
    name = standing.fresh_name("play")
    done = carom("lab", "up", "--name", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"carom lab exec --name {name} client -- curl -s http://192.168.76.24/" in done.stdout
    yield name
    done = carom("lab", "down", "--name", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert traces_of(name) == []


def test_a_request_is_answered_by_a_real_server(carom: Carom, name: str) -> None:
    done = carom("lab", "exec", "--name", name, "client", "--", "curl", "-sS", "http://192.168.76.24/")
    assert done.returncode == 0
    assert done.stdout.split()[0] in {"real1", "real2", "real3"}
    assert "answers 203.0.113.10" in done.stdout


def test_carom_on_the_director_talks_to_its_daemon(carom: Carom, name: str) -> None:
    done = carom("lab", "exec", "--name", name, "director", "--", "carom", "status", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["director"]["plane"] == "xdp"


def test_a_commands_exit_code_and_output_are_passed_on(carom: Carom, name: str) -> None:
    done = carom("lab", "exec", "--name", name, "real1", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_a_commands_options_are_its_own(carom: Carom, name: str) -> None:
    done = carom("lab", "exec", "--name", name, "gateway1", "ip", "-br", "-4", "address", "show", "segment")
    assert done.stdout.split()[2] == "192.168.76.2/22"


def test_a_pipe_that_closes_early_ends_the_command_quietly(carom: Carom, name: str) -> None:
    done = carom("lab", "exec", "--name", name, "real1", "--", "sh", "-c", "yes | head -n 1")
    assert (done.stdout, done.stderr) == ("y\n", "")


def test_a_terminal_is_the_commands(name: str) -> None:
    command = [
        sys.executable,
        "-m",
        "carom",
        "lab",
        "exec",
        "--name",
        name,
        "real1",
        "--",
        "sh",
        "-c",
        "tty; read x; exit $x",
    ]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as shell:
        os.close(theirs)
        assert os.read(ours, 100).startswith(b"/dev/pts/")
        os.write(ours, b"5\n")
        assert shell.wait(timeout=10) == 5
    os.close(ours)


def test_the_wires_are_nodes_too(carom: Carom, name: str) -> None:
    done = carom("lab", "exec", "--name", name, "segment", "--", "ip", "-br", "link", "show", "master", "bridge")
    ports = {line.split("@")[0] for line in done.stdout.splitlines()}
    assert ports == {"router", "director", "real1", "real2", "real3", "gateway1", "gateway2"}


def test_an_unknown_node_is_answered_with_the_nearest(carom: Carom, name: str) -> None:
    done = carom("lab", "exec", "--name", name, "gatway2", "--", "true")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the lab has no node `gatway2`; did you mean `gateway2`?" in done.stderr


def test_a_command_that_is_not_there_is_the_shells_127(carom: Carom, name: str) -> None:
    done = carom("lab", "exec", "--name", name, "real1", "--", "no-such-command")
    assert (done.returncode, done.stderr) == (127, "carom: cannot run `no-such-command`: no such file or directory\n")


def test_no_command_is_wrong_usage(carom: Carom, name: str) -> None:
    assert carom("lab", "exec", "--name", name, "real1", "--").returncode == 2
    assert carom("lab", "exec", "--name", name, "real1").returncode == 2


def test_its_status_shows_the_network_and_what_runs(carom: Carom, name: str) -> None:
    done = carom("lab", "status", "--name", name)
    assert done.returncode == 0
    assert "xdp on eth0 in native mode" in done.stdout
    assert "0 bytes of them passed the director" in done.stdout
    assert json.loads(carom("lab", "status", "--name", name, "--json").stdout)["name"] == name


def test_a_node_is_broken_and_healed(carom: Carom, name: str) -> None:
    done = carom("lab", "break", "--name", name, "real2", "small-mtu")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Undo it: carom lab heal --name {name} real2" in done.stdout
    assert "Broken    real2: small-mtu" in carom("lab", "status", "--name", name).stdout
    status = json.loads(carom("lab", "status", "--name", name, "--json").stdout)
    assert (status["nodes"]["real1"]["faults"], status["nodes"]["real2"]["faults"]) == ([], ["small-mtu"])
    assert carom("lab", "heal", "--name", name, "real2").stdout == "real2: small-mtu undone\n"
    assert carom("lab", "heal", "--name", name, "real2").stdout == "real2 is not broken\n"
    assert "Broken" not in carom("lab", "status", "--name", name).stdout


def test_the_faults_are_listed_one_name_a_line(carom: Carom) -> None:
    done = carom("lab", "faults")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == list(FAULTS)
    at_length = carom("lab", "faults", "--long").stdout.splitlines()
    assert [line.split()[0] for line in at_length] == list(FAULTS)


@pytest.mark.parametrize(
    ("node", "fault", "why"),
    [
        ("real9", "no-vip", "the lab has no node `real9`; did you mean `real3`?"),
        ("segment", "no-vip", "the lab has no node `segment`. Its nodes: client, router, director, real1"),
        ("real1", "no-vop", "there is no fault `no-vop`; did you mean `no-vip`?"),
        ("client", "no-vip", "`no-vip` does not happen to a client: break one of real1, real2, real3 with it"),
    ],
)
def test_what_cannot_be_broken_is_told(carom: Carom, name: str, node: str, fault: str, why: str) -> None:
    done = carom("lab", "break", "--name", name, node, fault)
    assert (done.returncode, done.stdout) == (1, "")
    assert why in done.stderr


def test_carom_doctor_on_the_director_goes_by_the_labs_own_files(carom: Carom, name: str) -> None:
    done = carom("lab", "exec", "--name", name, "director", "--", "carom", "doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("All is well: ")


def test_it_cannot_be_built_twice(carom: Carom, name: str) -> None:
    done = carom("lab", "up", "--name", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"a lab named `{name}` is up already" in done.stderr


def test_another_stands_beside_it_with_a_configuration_of_ones_own(carom: Carom, name: str, tmp_path: Path) -> None:
    file, other = tmp_path / "mine.toml", f"{name}-too"
    file.write_text(
        '[director]\ninterface = "eth0"\n'
        '[[service]]\nname = "api"\nvip = "198.51.100.7"\nports = ["tcp/8080"]\nscheduler = "rr"\n'
        'reals = ["192.168.76.31", "192.168.76.33"]\n'
    )
    assert carom("lab", "up", "--name", other, "--config", str(file)).returncode == 0
    try:
        client = ("lab", "exec", "--name", other, "client", "--")
        answers = carom(*client, "curl", "-sSH", "Connection: close", *["http://198.51.100.7:8080/"] * 4)
        assert sorted(line.split()[0] for line in answers.stdout.splitlines()) == ["real1", "real1", "real3", "real3"]
        assert (
            carom("lab", "exec", "--name", name, "client", "--", "curl", "-sS", "http://192.168.76.24/").returncode == 0
        )
    finally:
        assert carom("lab", "down", "--name", other).returncode == 0


def test_a_faulty_configuration_is_named_and_nothing_built(carom: Carom, tmp_path: Path) -> None:
    file, name = tmp_path / "bad.toml", standing.fresh_name("bad")
    file.write_text('[director]\ninterface = "ens3"\n')
    done = carom("lab", "up", "--name", name, "--config", str(file))
    assert done.returncode == 1
    assert 'wants a director with ens3; the lab\'s has one NIC: interface = "eth0"' in done.stderr
    file.write_text("[directr]\n")
    assert f"{file}:1: directr" in carom("lab", "up", "--name", name, "--config", str(file)).stderr
    assert traces_of(name) == []


def test_without_its_daemon_it_says_how_to_start_it(carom: Carom) -> None:
    name = standing.fresh_name("idle")
    done = carom("lab", "up", "--name", name, "--no-director-daemon")
    try:
        assert done.returncode == 0
        assert f"carom lab exec --name {name} director -- caromd -c {standing.ROOT}/{name}/carom.toml" in done.stdout
        assert "no daemon answers" in carom("lab", "status", "--name", name).stdout
    finally:
        carom("lab", "down", "--name", name)
    assert traces_of(name) == []


@pytest.mark.parametrize(
    "verb",
    [("status",), ("down",), ("exec", "client", "--", "true"), ("break", "real1", "no-vip"), ("heal", "real1")],
)
def test_a_lab_that_is_not_up_is_named(carom: Carom, verb: tuple[str, ...]) -> None:
    done = carom("lab", verb[0], "--name", "nowhere", *verb[1:])
    assert (done.returncode, done.stdout) == (1, "")
    assert "carom: no lab named `nowhere` is up" in done.stderr

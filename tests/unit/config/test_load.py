"""The loader: every fault at once, on its line; the whole contract; nothing but ConfigError, whatever the text."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.config.load import LARGEST, load, load_file
from carom.config.tables import TABLES
from carom.config.toml_text import last_line
from carom.errors import ConfigError
from carom.model import (
    Check,
    Config,
    Director,
    Fault,
    OnDown,
    Ports,
    Protocol,
    Real,
    Scheduler,
    SchedulerFlag,
    Service,
    Via,
)
from tests.unit.config import faulty, faulty_services, faulty_tables
from tests.unit.config.faulty import WEB, Faulty, web

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(EXAMPLES.glob("*.toml"))
FAULTY = (*faulty.FAULTY, *faulty_tables.FAULTY, *faulty_services.FAULTY)


def faults(text: str) -> tuple[Fault, ...]:
    """The faults of a text, apart from what cannot be done yet."""
    with pytest.raises(ConfigError) as raised:
        load(text, "carom.toml")
    return raised.value.faults


# ---- what is wrong ----


@pytest.mark.parametrize("case", FAULTY, ids=lambda case: case.what)
def test_every_fault_is_said_on_its_line_with_its_remedy(case: Faulty) -> None:
    found = faults(case.text)
    assert [(fault.file, fault.line, fault.path) for fault in found] == [
        ("carom.toml", said.line, said.path) for said in case.said
    ]
    for fault, said in zip(found, case.said, strict=True):
        assert re.search(".*".join(map(re.escape, said.words)), fault.message), fault.message
        assert fault.message.isprintable()


def test_there_are_two_hundred_of_them_and_no_two_are_one() -> None:
    assert len({case.text for case in FAULTY}) == len({case.what for case in FAULTY}) == len(FAULTY) >= 200


def test_faults_come_in_the_order_of_their_lines() -> None:
    found = faults(web('vip = "x"', "zzz = 1", 'name = ""', "ports = [1, 2]"))
    assert [fault.line for fault in found] == [4, 5, 6, 6, 8]


def test_a_fault_reads_as_file_line_path_message() -> None:
    (fault,) = faults(web("minimum = 0"))
    assert str(fault).startswith("carom.toml:8: service[0].minimum: 0 is out of range; ")


def test_a_value_that_cannot_be_read_has_no_echoes() -> None:
    """Nothing is said of families, overlaps, limits or ports that rests on an address, port or limit that is none."""
    text = web('vip = "x"', 'ports = ["tcp/x"]', 'reals = ["y", "y", { address = "fd00::1", upper = "z", lower = 3 }]')
    assert [fault.path for fault in faults(text)] == [
        "service[0].vip",
        "service[0].ports[0]",
        "service[0].reals[0]",
        "service[0].reals[1]",
        "service[0].reals[2].upper",
    ]


@given(
    st.lists(st.sampled_from(["", "# [[service]]", "# reals = ["]), max_size=6), st.integers(0, 20), st.integers(0, 20)
)
def test_a_fault_is_placed_right_whatever_stands_before_it(filling: list[str], before: int, after: int) -> None:
    reals = [f'  {{ address = "192.168.76.{number + 31}" }},' for number in range(before + after)]
    faulty = '  { weight = 9, address = "192.168.76" },'
    text = web("\n".join(["reals = [", *reals[:before], *filling, faulty, *reals[before:], "]"]))
    (fault,) = faults(text)
    assert text.splitlines()[fault.line - 1] == faulty
    assert fault.path == f"service[0].reals[{before}].address"


# ---- what is sound ----


def test_the_smallest() -> None:
    assert load((EXAMPLES / "smallest.toml").read_text(), "smallest.toml") == Config(
        Director("eth0"),
        (
            Service(
                "web",
                ip_address("192.168.76.24"),
                (Ports(Protocol.TCP, 80, 80), Ports(Protocol.TCP, 443, 443)),
                (
                    Real(ip_address("192.168.76.31")),
                    Real(ip_address("192.168.76.32")),
                    Real(ip_address("192.168.76.33"), weight=2),
                ),
                Scheduler.WLC,
            ),
        ),
    )


def test_everything_a_configuration_can_say() -> None:
    text = """\
director.interface = "eth0"
director.inside = "eth1"
[[service]]
name = "dns.6"
vip = "2001:db8::53"
ports = ["udp/53", "udp/1000-2000", "sctp/*"]
reals = ["2001:db8::61", { address = "2001:db8::62", weight = 0, upper = 9, lower = 9 }]
scheduler = "sh"
scheduler_flags = ["sh-port", "sh-fallback"]
persistence = "2m"
persistence_mask = 64
sorry = "2001:db8::6f"
minimum = 2
on_down = "move"
slow_start = "1.5s"
check.kind = "dns"
check.via = "real"
check.every = "1h"
check.timeout = 3
check.rise = 1
check.fall = 9
check.port = 5353
check.rcode = ["NXDOMAIN"]
"""
    (service,) = load(text, "all.toml").services
    assert load(text, "all.toml").director == Director("eth0", "eth1")
    assert service == Service(
        name="dns.6",
        vip=ip_address("2001:db8::53"),
        ports=(Ports(Protocol.UDP, 53, 53), Ports(Protocol.UDP, 1000, 2000), Ports(Protocol.SCTP, 0, 65535)),
        reals=(Real(ip_address("2001:db8::61")), Real(ip_address("2001:db8::62"), weight=0, upper=9, lower=9)),
        scheduler=Scheduler.SH,
        scheduler_flags=frozenset({SchedulerFlag.SH_PORT, SchedulerFlag.SH_FALLBACK}),
        persistence=120.0,
        persistence_mask=64,
        sorry=ip_address("2001:db8::6f"),
        minimum=2,
        on_down=OnDown.MOVE,
        slow_start=1.5,
        check=Check("dns", Via.REAL, 3600.0, 3.0, 1, 9, 5353, {"rcode": ("NXDOMAIN",)}),
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_example_is_sound(file: Path) -> None:
    assert load_file(file).services


def test_the_examples_page_lists_every_example() -> None:
    page = (EXAMPLES / "README.md").read_text()
    assert FILES
    assert not [file for file in FILES if f"({file.relative_to(EXAMPLES)})" not in page]


def test_no_services_is_a_configuration() -> None:
    assert load('[director]\ninterface = "eth0"\n', "x").services == ()


def test_a_sorry_server_may_be_all_there_is() -> None:
    (service,) = load(web("reals = []", 'sorry = "192.168.76.40"'), "x").services
    assert (service.reals, service.sorry) == ((), ip_address("192.168.76.40"))


@pytest.mark.parametrize("first", ["tcp/25", "tcp/100-200"])
@pytest.mark.parametrize("second", ["tcp/*", "tcp/1-65535", "tcp/300-400", "udp/*"])
def test_services_share_a_vip_where_single_ports_stand_beside_ranges(first: str, second: str) -> None:
    lines = ["[[service]]", 'name = "b"', 'vip = "192.168.76.24"', f'ports = ["{second}"]', 'reals = ["192.168.76.33"]']
    text = web(f'ports = ["{first}"]') + "\n".join(lines)
    if first == "tcp/100-200" and second in ("tcp/*", "tcp/1-65535"):
        assert [fault.path for fault in faults(text)] == ["service[1].ports[0]"]
    else:
        assert len(load(text, "x").services) == 2


@pytest.mark.parametrize(
    ("ports", "kind"),
    [('"udp/53", "tcp/53"', "tcp"), ('"udp/53"', "icmp"), ('"tcp/1-9"', "icmp"), ('"tcp/*", "tcp/80"', "tcp")],
)
def test_the_check_that_nobody_wrote_fits_the_ports(ports: str, kind: str) -> None:
    for lines in ([], ["[service.check]"]):
        (service,) = load(web(f"ports = [{ports}]", *lines), "x").services
        assert service.check == Check(kind)


def test_no_check_is_no_check() -> None:
    (service,) = load(web("check = false"), "x").services
    assert service.check is None


def test_a_timeout_that_nobody_wrote_fits_the_time_between() -> None:
    (service,) = load(web("[service.check]", 'every = "250ms"'), "x").services
    assert service.check == Check(every=0.25, timeout=0.25)


# ---- files ----


def file_fault(path: Path) -> tuple[int, str, str]:
    with pytest.raises(ConfigError) as raised:
        load_file(path)
    (fault,) = raised.value.faults
    return fault.line, fault.path, fault.message


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    assert file_fault(tmp_path / "x") == (0, "file", "no such file or directory; name a file that can be read")


def test_a_file_that_is_a_folder(tmp_path: Path) -> None:
    assert file_fault(tmp_path) == (0, "file", "is a directory; name a file that can be read")


def test_a_file_that_cannot_be_read() -> None:
    """Reading a process's memory where nothing is mapped fails in read(2), for root too."""
    assert file_fault(Path("/proc/self/mem")) == (0, "file", "input/output error; name a file that can be read")


def test_a_file_without_end() -> None:
    line, path, message = file_fault(Path("/dev/zero"))
    assert (line, path) == (0, "file")
    assert message.startswith(f"larger than {LARGEST >> 20} MiB")


def test_a_name_with_a_nul() -> None:
    assert file_fault(Path("a\0b"))[:2] == (0, "file")


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_file(tmp_path / os.fsdecode(b"\xff.toml"))
    assert raised.value.faults[0].file.endswith(r"\xff.toml")


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b'[director]\n# caf\xe9\ninterface = "eth0"\n')
    assert file_fault(file) == (2, "syntax", "this line is not UTF-8; save the file as UTF-8")


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"\xef\xbb\xbf" + WEB.encode())
    assert file_fault(file) == (1, "syntax", "a byte order mark stands here; save the file as UTF-8 without it")


def test_lines_may_end_as_in_dos(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(web("minimum = 0").replace("\n", "\r\n").encode())
    assert file_fault(file)[:2] == (8, "service[0].minimum")


# ---- whatever the text ----

CORPUS = [file.read_text() for file in FILES] + [case.text for case in FAULTY if len(case.text) < 2000]
PIECES = st.one_of(
    st.text(max_size=4),
    st.sampled_from(
        ['"', "'''", '"""', "[", "]]", "{", "}", "=", ",", "\n", ".", "#", "\\", "0x", "-", "1e999", "nan"]
    ),
    st.sampled_from(["true", "false", "1979-05-27", "[[service]]", "[service.check]", "service", "reals = 1", "kind"]),
)


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """An example in which some stretches were cut out, or replaced by something else, or stand twice."""
    text = draw(st.sampled_from(CORPUS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 40)))
        text = text[:start] + draw(st.one_of(PIECES, st.just(text[start:end] * 2))) + text[end:]
    return text


def faults_of(text: str) -> tuple[Fault, ...]:
    """The faults, if there are any. Raises whatever else the loader raises."""
    try:
        load(text, "x")
    except ConfigError as error:
        return error.faults or (Fault("x", 0, "", "a refusal without a fault"),)
    return ()


@given(st.one_of(mutants(), st.text(), st.lists(PIECES, max_size=30).map("".join)))
def test_nothing_but_a_configuration_or_faults_within_the_text(text: str) -> None:
    for fault in faults_of(text):
        assert 1 <= fault.line <= last_line(text)
        assert fault.path
        assert fault.message.isprintable()


KEYS = st.sampled_from([field.name for table in TABLES for field in table.every_field] + ["foo"])
VALUES = st.recursive(
    st.one_of(
        st.sampled_from(
            ["192.0.2.1", "2001:db8::1", "tcp/80", "tcp/*", "udp/5-9", "wlc", "sh-port", "http", "dns", "5s", "/a"]
        ),
        st.integers(-2, 70000),
        st.floats(),
        st.booleans(),
        st.text(max_size=3),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.dictionaries(KEYS, VALUES, max_size=9))
def test_any_value_under_any_key(root: dict[str, object], service: dict[str, object]) -> None:
    text = "".join(f"{key} = {toml(value)}\n" for key, value in root.items() if key != "service")
    text += "[[service]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in service.items())
    assert all(1 <= fault.line <= last_line(text) for fault in faults_of(text))


def toml(value: object) -> str:
    """A value as TOML writes it, in one line."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(sign):08x}" for sign in value) + '"'
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            return f"{{ {', '.join(f'{key} = {toml(one)}' for key, one in value.items())} }}"
        case _:
            return str(value)

"""Records of a map with one value: what is written is where the program has it."""

from __future__ import annotations

import ctypes as c

from carom.dataplane.xdp.layout import REALS, Real, key
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.records import Records

SIZE = c.sizeof(Real)


def test_a_record_stands_at_its_number(loaded: Loaded) -> None:
    records = Records(loaded.maps["reals"], SIZE)
    assert records.count == REALS
    assert not list(records.used())
    record = bytes(Real(flags=5, service=7, mtu=1400))
    records[3] = records[REALS - 1] = record
    value = loaded.maps["reals"].get(key(0)) or b""
    assert value[3 * SIZE : 4 * SIZE] == value[-SIZE:] == records[3] == record
    assert list(records.used()) == [(3, record), (REALS - 1, record)]
    records[3] = records[REALS - 1] = bytes(SIZE)
    assert not list(records.used())


def test_whoever_looks_again_finds_it(loaded: Loaded) -> None:
    Records(loaded.maps["versions"], 128)[2] = bytes(range(128))
    assert Records(loaded.maps["versions"], 128)[2] == bytes(range(128))
    Records(loaded.maps["versions"], 4)[64] = b"\1\2\3\4"
    assert Records(loaded.maps["versions"], 128)[2][:5] == b"\1\2\3\4\4"

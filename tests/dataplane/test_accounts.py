"""What is counted: after every record of the packet suite, on program and oracle alike."""

from __future__ import annotations

from collections import Counter

import pytest

from carom.ports import Reading
from tests.dataplane import plans
from tests.dataplane.planes import Oracle, Xdp
from tests.dataplane.test_packets import RECORDS, Record


def by_reason(reading: Reading) -> Counter[str]:
    return Counter({reason.name: reason.counter.packets for reason in reading.reasons})


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.words)
def test_every_counter_after_each_record(xdp: Xdp, oracle: Oracle, record: Record) -> None:
    before = by_reason(xdp.read())
    played = (*record.before, record.frame)
    for plane in (xdp, oracle):
        plane.apply(record.plan or plans.plan())
        for frame in played:
            plane.send(frame)

    reading, expected = xdp.read(), oracle.read()
    counted = by_reason(reading) - before
    assert counted.total() == len(played), "every packet that came in, under one reason"
    assert counted == by_reason(expected)
    assert counted[record.reason] >= 1
    theirs = {(real.service, real.address): real for real in reading.reals}
    for real in expected.reals:
        assert theirs[real.service, real.address] == real, "packets, bytes, new flows, active, inactive"


def test_a_reasons_bytes_are_those_of_the_frames(xdp: Xdp) -> None:
    def size(name: str) -> int:
        return next(reason.counter.bytes for reason in xdp.read().reasons if reason.name == name)

    for record in RECORDS:
        if record.out is None and record.plan is None and not record.before:
            xdp.reset()
            xdp.apply(plans.plan())
            before = size(record.reason)
            xdp.send(record.frame)
            assert size(record.reason) - before == len(record.frame), record.words

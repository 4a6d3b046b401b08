"""What has changed in a table since it was looked at. What is made of it: tests/bpf/dataplane/xdp/test_migrate.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carom.dataplane.xdp.adopt import differences

SIZE = 24


def table(records: list[int]) -> bytes:
    return b"".join(record.to_bytes(SIZE, "little") for record in records)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), st.data())
def test_the_records_that_differ_are_found_each_once_and_in_order(records: list[int], data: st.DataObject) -> None:
    changes = data.draw(st.dictionaries(st.integers(0, len(records) - 1), st.integers(4, 9), max_size=20))
    other = [changes.get(place, record) for place, record in enumerate(records)]
    assert list(differences(table(records), table(other), SIZE)) == [place * SIZE for place in sorted(changes)]


def test_nothing_differs_from_itself() -> None:
    same = table(list(range(5000)))
    assert list(differences(same, same, SIZE)) == []

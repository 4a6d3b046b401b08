"""The directory in which packets find their service: what is put into it is found, whatever came and went before."""

from __future__ import annotations

import random
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import count

import pytest

from carom.dataplane.xdp.directory import FREE, Directory
from carom.dataplane.xdp.layout import (
    FRONTEND_BUCKETS,
    FRONTEND_REACH,
    FRONTENDS,
    FRONTENDS_MAX,
    Frontend,
    Way,
    frontend_bucket,
    frontend_key,
)
from carom.dataplane.xdp.libbpf import XDP_PASS, XDP_TX
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from carom.errors import DataPlaneError
from carom.model import Ports, Protocol, Scheduler
from tests.dataplane import frames, plans
from tests.dataplane.plans import VIP, VIP6

CLIENTS = {VIP: "10.0.0.1:1025", VIP6: "2001:db8:c::1:1025"}


def keys(vip: str, bucket: int) -> Iterator[tuple[int, bytes]]:
    """Ports, and their keys, that belong in the same bucket."""
    for port in range(1, 1 << 16):
        key = frontend_key(ip_address(vip), port, Protocol.TCP.number)
        if frontend_bucket(key) == bucket:
            yield port, key


def bucket_of(vip: str) -> int:
    return frontend_bucket(frontend_key(ip_address(vip), 80, Protocol.TCP.number))


def test_a_family_takes_as_many_ports_as_it_promises(loaded: Loaded) -> None:
    directory = Directory(loaded.maps["frontends4"], lambda: 0.0)
    wish = {
        frontend_key(ip_address("192.0.2.0") + host, port, 6): Frontend(port, (Way(host + 1), Way()))
        for host in range(128)
        for port in range(1, FRONTENDS_MAX // 128 + 1)
    }
    for key, frontend in wish.items():
        directory.put(key, frontend)
    assert len(wish) == FRONTENDS_MAX
    assert dict(Directory(loaded.maps["frontends4"], lambda: 0.0).items()) == wish, "a restart finds them all"


@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_keys_of_a_full_bucket_are_found_behind_it_and_stay_when_others_go(loaded: Loaded, vip: str) -> None:
    now = count()
    tables = Tables(loaded.maps, lambda: float(next(now)))
    ports = [port for port, _ in keys(vip, bucket_of(vip))][: FRONTENDS + 2]
    assert len(ports) == FRONTENDS + 2

    def served(*wanted: int) -> list[int]:
        web = plans.service(Scheduler.RR, name="web", vip=vip, ports=tuple(Ports(Protocol.TCP, p, p) for p in wanted))
        tables.apply(plans.plan(web))
        verdicts = {port: loaded.director.run(frames.tcp(CLIENTS[vip], f"{vip}:{port}", "S"))[0] for port in ports}
        assert set(verdicts.values()) <= {XDP_TX, XDP_PASS}
        return [port for port, verdict in verdicts.items() if verdict == XDP_TX]

    assert served(*ports) == ports
    assert served(*ports[2:]) == ports[2:], "those in front of them have gone"
    assert served(ports[-1], ports[0]) == [ports[0], ports[-1]]
    assert served(*ports) == ports


def test_a_place_rests_before_another_key_gets_it(loaded: Loaded) -> None:
    now = 0.0
    directory = Directory(loaded.maps["frontends4"], lambda: now)
    (_, first), (_, second), (_, third) = [*keys(VIP, 7)][:3]
    directory.put(first, Frontend(1, (Way(1), Way())))
    home = 7 * FRONTENDS
    words = memoryview(loaded.maps["frontends4"].memory()).cast("Q")
    directory.remove(first)
    directory.put(second, Frontend(1, (Way(2), Way())))
    assert (words[home * 2], words[home * 2 + 2]) == (FREE, int.from_bytes(second, "little"))
    now = 2.0
    directory.put(third, Frontend(1, (Way(3), Way())))
    assert words[home * 2] == int.from_bytes(third, "little")


def test_the_same_key_has_its_place_back_at_once_however_often_it_goes(loaded: Loaded) -> None:
    directory = Directory(loaded.maps["frontends4"], lambda: 0.0)
    key = frontend_key(ip_address(VIP), 80, Protocol.TCP.number)
    for number in range(10 * FRONTEND_REACH * FRONTENDS):
        directory.put(key, Frontend(1, (Way(number % 4000 + 1), Way())))
        assert dict(directory.items()) == {key: Frontend(1, (Way(number % 4000 + 1), Way()))}
        directory.remove(key)


def test_what_finds_no_place_is_refused(loaded: Loaded) -> None:
    directory = Directory(loaded.maps["frontends4"], lambda: 0.0)
    words = memoryview(loaded.maps["frontends4"].memory()).cast("Q")
    for place in range(FRONTEND_REACH * FRONTENDS):
        words[(place + 7 * FRONTENDS) % (FRONTEND_BUCKETS * FRONTENDS) * 2] = 1
    full = Directory(loaded.maps["frontends4"], lambda: 0.0)
    _, key = next(keys(VIP, 7))
    with pytest.raises(DataPlaneError, match="no room for one more port"):
        full.put(key, Frontend(1, (Way(1), Way())))
    directory.put(next(keys(VIP, 6))[1], Frontend(1, (Way(1), Way())))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_and_goes_what_stands_is_what_was_put(loaded: Loaded, seed: int) -> None:
    chance, now, wish = random.Random(seed), count(), dict[bytes, Frontend]()
    directory = Directory(loaded.maps["frontends4"], lambda: next(now) / 100)
    crowd = [key for bucket in (1, 2, 3) for _, key in keys(VIP, bucket)][:40]
    for _ in range(2000):
        key = chance.choice(crowd)
        if key in wish and chance.random() < 0.6:
            directory.remove(key)
            del wish[key]
        else:
            wish[key] = Frontend(1, (Way(chance.randrange(1, 4096)), Way()))
            directory.put(key, wish[key])
        assert dict(directory.items()) == wish
    assert dict(Directory(loaded.maps["frontends4"], lambda: 0.0).items()) == wish

"""The program: loads the object, on maps that are pinned and outlive the daemon.

    PINS/maps/NAME       every map of `bpf/maps.h`
    PINS/maps/director   the program that works on them, for who takes over from it

Loading where pins exist takes the maps over, flows and all; where they have another layout, `migrate` comes first.
`carom.dataplane.xdp.hold` puts the program on its NIC.
"""

from __future__ import annotations

import ctypes as c
import errno
import fcntl
import os
import platform
import secrets
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from carom.dataplane.xdp import description
from carom.dataplane.xdp.layout import (
    ALL_FEATURES,
    FEATURE_ANY_ORDER,
    FEATURE_HANDOVER,
    FEATURE_INSIDE,
    FLOW_BEING_WRITTEN,
    FLOW_STATES,
    LAYOUT_VERSION,
    TIMEOUTS,
    Constants,
    ReasonText,
    Settings,
    key,
)
from carom.dataplane.xdp.libbpf import Map, Object, Program
from carom.dataplane.xdp.pins import MAPS, make_folder, pin_maps, pinned_maps
from carom.dataplane.xdp.room import copy
from carom.errors import BpfError, DataPlaneError, UnsupportedError

OBJECT = Path(__file__).with_name("director.bpf.o")
INSIDE = "inside"
"""The map of the inside NIC; each loaded program has its own, as libbpf before 1.6 cannot take a pinned one over."""
OWN = frozenset({INSIDE, "before", "adopted"})
"""Maps that each loaded program has for itself."""
_EXPLAINER, _ADOPTER = _ON_DEMAND = ("explain", "adopt")
"""Programs that are loaded when they are needed."""
_DIRECTORS = "carom_director", "carom_successor"
"""The program for packets, and the one that can ask the program before it: one of them is loaded."""
_CLOCK_TRIES, _CLOCK_AGAIN = 50, 0.002
"""How often the kernel's timer is asked for, and the seconds from one time to the next."""
_SIOCGIFHWADDR = 0x8927
_SIOCGIFMTU = 0x8921


@dataclass(frozen=True, slots=True)
class Reason:
    """One way for a packet to end, in the running program's own words."""

    name: str
    sentence: str
    verdict: int
    normal: bool


@dataclass(frozen=True, slots=True)
class Nic:
    """The inside NIC of a director with two."""

    index: int
    mac: bytes
    """6 bytes."""
    mtu: int = 0
    """The largest packet it sends, in bytes; 0: of every size."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The object, loaded into the kernel: its programs and maps, each with a descriptor of its own."""

    director: Program
    clock: Program
    sweep: Program
    maps: dict[str, Map]
    features: int
    """`FEATURE_...` of the layout: what this program can do."""
    reasons: tuple[Reason, ...]
    constants: Constants
    """What was set before it was loaded."""
    path: Path
    made: int
    """When the object's file was written, nanoseconds: tells whether what is installed is still what runs."""
    before: Map
    """Which program is asked for flows that are not known here, at 0: `bpf/handover.h`."""
    inside: Program | None = None
    """For the inside NIC, where there is one."""
    folder: Path | None = None
    """Where its maps are pinned."""

    def close(self) -> None:
        for descriptor in (self.director, self.clock, self.sweep, self.before, *self.maps.values()):
            descriptor.close()
        if self.inside:
            self.inside.close()


def load(
    own_mac: bytes,
    pins: Path | None = None,
    flow_buckets: int = 1 << 18,
    features: int = ALL_FEATURES,
    maps: dict[str, Map] | None = None,
    path: Path = OBJECT,
    inside: Nic | None = None,
    room: Mapping[str, int] | None = None,
    into: str = MAPS,
    *,
    frags: bool = True,
) -> Loaded:
    """Loads the object; with `maps` it works on these, with `pins` on those pinned there, which are made if need be,
    in the folder `into`.

    With `inside` what goes to real servers leaves by that NIC. `room` names maps that must have so many entries: where
    they have fewer, larger ones take their place, with all that stands in them. `flow_buckets` is a power of two from
    64 to 2^24, four flows each; flow tables that are there have their size. `frags`: frames may be in several buffers,
    which the kernel wants to be the same for programs that call each other. Raises BpfError with the verifier's words,
    UnsupportedError where the object or bpffs is missing.
    """
    if not path.exists():
        raise UnsupportedError(f"the BPF object {path} is missing: build it with ./dev build, or reinstall carom")
    folder, room = make_folder(pins / into) if pins else None, room or {}
    object_ = Object(path)
    standing: Mapping[str, Map] = {}
    try:
        names = tuple(name for name in object_.map_names() if "." not in name and name not in OWN)
        standing = maps if maps is not None else _standing(folder, names) if folder else {}
        buckets = standing["flows4"].max_entries if "flows4" in standing else flow_buckets
        constants = _constants(buckets, features, own_mac, inside)
        _set_constants(object_, constants)
        director = _DIRECTORS[bool(features & FEATURE_HANDOVER)]
        object_.load_only(*({*object_.program_names()} - {*_ON_DEMAND, *_DIRECTORS} | {director}))
        for name in (director, "carom_inside") if frags else ():
            object_.take_frags(name)
        _choose_maps(object_, names, standing, {**room, "flows4": buckets, "flows6": buckets})
        _load(object_)
        loaded = Loaded(
            object_.program(director),
            object_.program("clock_start"),
            object_.program("sweep"),
            {name: object_.map(name) for name in names},
            features,
            _reasons(object_),
            constants,
            path,
            path.stat().st_mtime_ns,
            object_.map("before"),
            _inside(object_, inside) if inside else None,
            folder,
        )
        _fill(loaded, standing, room, folder)
    finally:
        object_.close()
        if maps is None:
            _close(standing)
    return loaded


def _load(object_: Object) -> None:
    try:
        object_.load()
    except BpfError as error:
        if error.errno not in (errno.EPERM, errno.EACCES) or os.geteuid() == 0:
            raise
        needs = "this needs root, or all of CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
        raise DataPlaneError(f"the data plane cannot be loaded ({os.strerror(error.errno)}): {needs}") from error


def load_explainer(loaded: Loaded) -> Program:
    """The program that says where a packet would go, on the maps of this one: loaded only when somebody asks, since the
    verifier takes about as long for it as for the director. Raises BpfError; DataPlaneError where another is installed.
    """
    with _beside(loaded, _EXPLAINER) as object_:
        object_.load()
        return object_.program(_EXPLAINER)


def load_adopter(loaded: Loaded, flows: int) -> tuple[Program, Map]:
    """The program that takes flows of other maps into these, so many at a time, and where it finds them. As above."""
    with _beside(loaded, _ADOPTER) as object_:
        object_.resize("adopted", flows)
        object_.load()
        return object_.program(_ADOPTER), object_.map("adopted")


@contextmanager
def _beside(loaded: Loaded, program: str) -> Iterator[Object]:
    """The object, about to be loaded once more for this program alone, on the same maps."""
    if not loaded.path.exists() or loaded.path.stat().st_mtime_ns != loaded.made:
        raise DataPlaneError("carom was upgraded while this daemon runs: restart it, then ask again")
    object_ = Object(loaded.path)
    try:
        for name, map_ in loaded.maps.items():
            object_.reuse_map(name, map_)
        _set_constants(object_, loaded.constants)
        object_.load_only(program)
        yield object_
    finally:
        object_.close()


def start_clock(loaded: Loaded) -> None:
    """Starts the kernel's timer that tells flows the time and sweeps them; it goes on without the daemon.

    The kernel takes a timer's memory without waiting for it, so on a busy machine it may have none for a moment.
    """
    result = 0
    for _ in range(_CLOCK_TRIES):
        if not (result := loaded.clock.call()):
            return
        time.sleep(_CLOCK_AGAIN)
    raise DataPlaneError(f"the data plane's clock does not start (step {result}): Carom needs Linux 5.18")


def _standing(folder: Path, names: tuple[str, ...]) -> dict[str, Map]:
    """The maps that are pinned there, of this layout."""
    if (layout := layout_of(folder)) not in (0, LAYOUT_VERSION):
        raise DataPlaneError(
            f"{folder} holds maps of layout {layout}, this program's is {LAYOUT_VERSION}: "
            "run caromd --detach first (its flows end)"
        )
    return pinned_maps(folder, names)


def layout_of(folder: Path) -> int:
    """The layout of the maps that are pinned there; 0: none are, or nothing stands in them."""
    maps = pinned_maps(folder, ("settings",))
    try:
        return _layout(maps["settings"]) if maps else 0
    finally:
        _close(maps)


def _layout(settings: Map) -> int:
    """0: none, or what is pinned there are no settings."""
    is_own = (settings.name, settings.key_size) == ("settings", 4)
    return int(struct.unpack_from("=I", settings.get(key(0)) or bytes(4))[0]) if is_own else 0


def _choose_maps(object_: Object, names: tuple[str, ...], standing: Mapping[str, Map], room: Mapping[str, int]) -> None:
    """Those that stand are taken as they are, unless they are too small; all others are made."""
    for name in names:
        if name in standing and room.get(name, 0) <= standing[name].max_entries:
            _require_own(object_, name, standing[name])
            object_.reuse_map(name, standing[name])
        elif name in room:
            object_.resize(name, room[name])


def _require_own(object_: Object, name: str, standing: Map) -> None:
    """The kernel would take any map, and a program on another's map forwards to nowhere."""
    if standing.shape != object_.shape(name):
        raise DataPlaneError(
            f"what is pinned as the map {name} is another ({standing.what}), put there by somebody else: "
            "run caromd --detach first (its flows end)"
        )


def _fill(loaded: Loaded, standing: Mapping[str, Map], room: Mapping[str, int], folder: Path | None) -> None:
    """Copies what stood in maps that were too small, and pins those that were made."""
    initialise(loaded.maps["settings"])
    _describe(loaded)
    grown = [name for name in standing if room.get(name, 0) > standing[name].max_entries]
    for name in grown:
        copy(standing[name], loaded.maps[name])
    if folder:
        pin_maps(folder, {name: map_ for name, map_ in loaded.maps.items() if name not in standing or name in grown})


def _close(maps: Mapping[str, Map]) -> None:
    for map_ in maps.values():
        map_.close()


def _inside(object_: Object, nic: Nic) -> Program:
    """The program for the inside NIC; the director's is told where that is."""
    way = object_.map(INSIDE)
    way.set(key(0), key(nic.index))
    way.close()
    return object_.program("carom_inside")


def _constants(flow_buckets: int, features: int, own_mac: bytes, inside: Nic | None) -> Constants:
    features |= FEATURE_INSIDE if inside else 0
    features |= 0 if platform.machine() == "x86_64" else FEATURE_ANY_ORDER
    out_mac = inside.mac if inside else own_mac
    out_mtu = inside.mtu if inside else 0
    macs = {"own_mac": (c.c_uint8 * 6)(*own_mac), "out_mac": (c.c_uint8 * 6)(*out_mac)}
    return Constants(flow_buckets, features, out_mtu=out_mtu, **macs)


def _set_constants(object_: Object, constants: Constants) -> None:
    buckets = constants.flow_buckets
    if not 64 <= buckets <= 1 << 24 or buckets & (buckets - 1):
        raise DataPlaneError(f"the flow table's buckets must be a power of two from 64 to {1 << 24}, not {buckets}")
    place = object_.initial(".rodata.constants")
    c.memmove(place, c.addressof(constants), min(c.sizeof(constants), len(place)))


def _reasons(object_: Object) -> tuple[Reason, ...]:
    raw = object_.initial(".rodata.reasons").raw
    texts = (ReasonText * (len(raw) // c.sizeof(ReasonText))).from_buffer_copy(raw)
    return tuple(
        Reason(text.name.decode().lower(), text.sentence.decode(), text.verdict, bool(text.normal)) for text in texts
    )


def initialise(settings: Map) -> None:
    """Fills in what a new map lacks; what is taken over stays, above all the seed its flows were placed by."""
    value = Settings.from_buffer_copy(settings.get(key(0)) or b"")
    value.layout = LAYOUT_VERSION
    value.seed = value.seed or secrets.randbits(64) | 1
    for number, state in enumerate(FLOW_STATES):
        value.timeouts[number] = value.timeouts[number] or TIMEOUTS[state]
    value.timeouts[FLOW_BEING_WRITTEN] = 0xFFFF
    settings.set(key(0), bytes(value))


def describe(loaded: Loaded) -> description.Description:
    """The layout of this program's maps."""
    return description.ours(tuple(reason.name for reason in loaded.reasons))


def _describe(loaded: Loaded) -> None:
    """Leaves it with the maps. A program on the same layout may have other reasons."""
    place = loaded.maps["description"]
    text = describe(loaded).text().ljust(place.value_size, b"\0")
    if place.get(key(0)) != text:
        place.set(key(0), text)


def nic(interface: str) -> Nic:
    """A NIC by its name. Raises DataPlaneError if there is none."""
    return Nic(ifindex(interface), mac_of(interface), struct.unpack("@i", _asked(interface, _SIOCGIFMTU)[16:20])[0])


def ifindex(interface: str) -> int:
    """Its number. Raises DataPlaneError if there is none."""
    try:
        return socket.if_nametoindex(interface)
    except OSError as error:
        raise DataPlaneError(f"there is no interface {interface} here: ip link shows those there are") from error


def mac_of(interface: str) -> bytes:
    """The NIC's own MAC, 6 bytes."""
    return _asked(interface, _SIOCGIFHWADDR)[18:24]


def _asked(interface: str, question: int) -> bytes:
    """The kernel's `struct ifreq` in answer to an ioctl(2) about a NIC: its name in 16 bytes, then what was asked."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            return fcntl.ioctl(probe, question, struct.pack("16s240x", interface.encode()))
        except OSError as error:
            raise DataPlaneError(f"cannot read the MAC of {interface}: {error.strerror}") from error

"""libbpf, the few calls of it that Carom needs, with types and errors: ctypes over the system's `libbpf.so.1`.

Everything is a file descriptor once it is loaded; `Map`, `Program` and `Link` are thin owners of one. A call that
fails raises `BpfError` with what was tried, on what, and the kernel's word for why; loading an object also carries
the verifier's log. libbpf's own messages go nowhere else.

Source: https://docs.kernel.org/bpf/libbpf/ and libbpf's public headers (struct sizes are extended by their `sz`).
"""

from __future__ import annotations

import ctypes as c
import errno
import mmap
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from carom.errors import BpfError, UnsupportedError

XDP_FLAGS_SKB_MODE = 1 << 1
XDP_FLAGS_DRV_MODE = 1 << 2
XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT = range(5)

_BPF_XDP = 37
_BPF_F_XDP_HAS_FRAGS = 1 << 5
_PER_CPU_TYPES = frozenset({5, 6, 10})
_BPF_F_MMAPABLE = 1 << 10
_LOG_BYTES = 1 << 20


class _OpenOptions(c.Structure):
    _fields_ = (
        ("sz", c.c_size_t),
        ("object_name", c.c_char_p),
        ("relaxed_maps", c.c_bool),
        ("pin_root_path", c.c_char_p),
        ("reserved", c.c_long),
        ("kconfig", c.c_char_p),
        ("btf_custom_path", c.c_char_p),
        ("kernel_log_buf", c.c_char_p),
        ("kernel_log_size", c.c_size_t),
        ("kernel_log_level", c.c_uint32),
    )


class _LinkCreateOptions(c.Structure):
    _fields_ = (
        ("sz", c.c_size_t),
        ("flags", c.c_uint32),
        ("iter_info", c.c_void_p),
        ("iter_info_len", c.c_uint32),
        ("target_btf_id", c.c_uint32),
        ("per_type", c.c_uint64 * 3),
    )


class _QueryOptions(c.Structure):
    _fields_ = (
        ("sz", c.c_size_t),
        ("prog_id", c.c_uint32),
        ("drv_prog_id", c.c_uint32),
        ("hw_prog_id", c.c_uint32),
        ("skb_prog_id", c.c_uint32),
        ("attach_mode", c.c_uint8),
    )


class _TestRunOptions(c.Structure):
    _fields_ = (
        ("sz", c.c_size_t),
        ("data_in", c.c_void_p),
        ("data_out", c.c_void_p),
        ("data_size_in", c.c_uint32),
        ("data_size_out", c.c_uint32),
        ("ctx_in", c.c_void_p),
        ("ctx_out", c.c_void_p),
        ("ctx_size_in", c.c_uint32),
        ("ctx_size_out", c.c_uint32),
        ("retval", c.c_uint32),
        ("repeat", c.c_int),
        ("duration", c.c_uint32),
        ("flags", c.c_uint32),
        ("cpu", c.c_uint32),
        ("batch_size", c.c_uint32),
    )


class _MapInfo(c.Structure):
    """The head of the kernel's `struct bpf_map_info`."""

    _fields_ = (
        ("type", c.c_uint32),
        ("id", c.c_uint32),
        ("key_size", c.c_uint32),
        ("value_size", c.c_uint32),
        ("max_entries", c.c_uint32),
        ("map_flags", c.c_uint32),
        ("name", c.c_char * 16),
    )


class _ProgramInfo(c.Structure):
    """The head of the kernel's `struct bpf_prog_info`."""

    _fields_ = (("type", c.c_uint32), ("id", c.c_uint32))


class _LinkInfo(c.Structure):
    """The head of the kernel's `struct bpf_link_info`, as an XDP link fills it."""

    _fields_ = (
        ("type", c.c_uint32),
        ("id", c.c_uint32),
        ("prog_id", c.c_uint32),
        ("pad", c.c_uint32),
        ("ifindex", c.c_uint32),
        ("rest", c.c_uint8 * 44),
    )


_PrintCallback = c.CFUNCTYPE(c.c_int, c.c_int, c.c_char_p, c.c_void_p)

_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "libbpf_set_print": (c.c_void_p, (_PrintCallback,)),
    "bpf_object__open_file": (c.c_void_p, (c.c_char_p, c.c_void_p)),
    "bpf_object__load": (c.c_int, (c.c_void_p,)),
    "bpf_object__close": (None, (c.c_void_p,)),
    "bpf_object__find_program_by_name": (c.c_void_p, (c.c_void_p, c.c_char_p)),
    "bpf_object__find_map_by_name": (c.c_void_p, (c.c_void_p, c.c_char_p)),
    "bpf_object__next_map": (c.c_void_p, (c.c_void_p, c.c_void_p)),
    "bpf_object__next_program": (c.c_void_p, (c.c_void_p, c.c_void_p)),
    "bpf_program__fd": (c.c_int, (c.c_void_p,)),
    "bpf_program__set_autoload": (c.c_int, (c.c_void_p, c.c_bool)),
    "bpf_program__flags": (c.c_uint32, (c.c_void_p,)),
    "bpf_program__set_flags": (c.c_int, (c.c_void_p, c.c_uint32)),
    "bpf_program__name": (c.c_char_p, (c.c_void_p,)),
    "bpf_map__name": (c.c_char_p, (c.c_void_p,)),
    "bpf_map__fd": (c.c_int, (c.c_void_p,)),
    "bpf_map__type": (c.c_uint32, (c.c_void_p,)),
    "bpf_map__key_size": (c.c_uint32, (c.c_void_p,)),
    "bpf_map__value_size": (c.c_uint32, (c.c_void_p,)),
    "bpf_map__set_max_entries": (c.c_int, (c.c_void_p, c.c_uint32)),
    "bpf_map__reuse_fd": (c.c_int, (c.c_void_p, c.c_int)),
    "bpf_map__set_pin_path": (c.c_int, (c.c_void_p, c.c_char_p)),
    "bpf_map__initial_value": (c.c_void_p, (c.c_void_p, c.POINTER(c.c_size_t))),
    "bpf_map_update_elem": (c.c_int, (c.c_int, c.c_void_p, c.c_void_p, c.c_uint64)),
    "bpf_map_lookup_elem": (c.c_int, (c.c_int, c.c_void_p, c.c_void_p)),
    "bpf_map_delete_elem": (c.c_int, (c.c_int, c.c_void_p)),
    "bpf_map_lookup_batch": (
        c.c_int,
        (c.c_int, c.c_void_p, c.c_void_p, c.c_void_p, c.c_void_p, c.POINTER(c.c_uint32), c.c_void_p),
    ),
    "bpf_prog_test_run_opts": (c.c_int, (c.c_int, c.POINTER(_TestRunOptions))),
    "bpf_link_create": (c.c_int, (c.c_int, c.c_int, c.c_int, c.POINTER(_LinkCreateOptions))),
    "bpf_link_update": (c.c_int, (c.c_int, c.c_int, c.c_void_p)),
    "bpf_link_detach": (c.c_int, (c.c_int,)),
    "bpf_obj_pin": (c.c_int, (c.c_int, c.c_char_p)),
    "bpf_obj_get": (c.c_int, (c.c_char_p,)),
    "bpf_obj_get_info_by_fd": (c.c_int, (c.c_int, c.c_void_p, c.POINTER(c.c_uint32))),
    "bpf_xdp_query": (c.c_int, (c.c_int, c.c_int, c.POINTER(_QueryOptions))),
}

_QUICK = frozenset(
    {"bpf_map_update_elem", "bpf_map_lookup_elem", "bpf_map_delete_elem"},
)
"""Calls of some microseconds. They keep the interpreter: a thread that lets go of it and takes it again a thousand
times in a row keeps all others from it, since each time it is quicker than they can wake up."""

_log: list[bytes] = []


def _collect(_level: int, form: bytes, arguments: int) -> int:
    """libbpf's print callback: keeps the text until the call that caused it has returned."""
    buffer = c.create_string_buffer(_LOG_BYTES)
    c.CDLL(None).vsnprintf(buffer, c.c_size_t(len(buffer)), form, c.c_void_p(arguments))
    _log.append(buffer.value)
    return 0


_collector = _PrintCallback(_collect)  # ctypes frees a callback that nobody holds


@cache
def _library() -> c.CDLL:
    try:
        library = c.CDLL("libbpf.so.1", use_errno=True)
    except OSError as error:
        raise UnsupportedError(
            "libbpf.so.1 is not on this system: install libbpf 1.0 or newer (Debian: libbpf1)"
        ) from error
    quick = c.PyDLL("libbpf.so.1", use_errno=True)
    for name, (result, arguments) in _FUNCTIONS.items():
        if name in _QUICK:
            setattr(library, name, getattr(quick, name))
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.libbpf_set_print(_collector)
    return library


def _call(what: str, function: str, *arguments: object) -> int:
    """Calls a function that returns a negative errno when it fails."""
    _log.clear()
    result: int = getattr(_library(), function)(*arguments)
    if result < 0:
        raise _error(what, -result)
    return result


def _error(what: str, number: int) -> BpfError:
    log = b"".join(_log).decode(errors="replace")
    _log.clear()
    return BpfError(f"{what}: {os.strerror(number)} ({errno.errorcode.get(number, number)})", number, log)


def possible_cpus() -> int:
    """Values that a lookup in a per-CPU map returns."""
    return int(Path("/sys/devices/system/cpu/possible").read_text().strip().split("-")[-1]) + 1


class _Descriptor:
    """Owns one file descriptor."""

    def __init__(self, fd: int, what: str) -> None:
        self.fd = fd
        self.what = what
        """What it is, for errors: `map "flows4"`."""

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def pin(self, path: Path) -> None:
        _call(f"pin {self.what} at {path}", "bpf_obj_pin", self.fd, os.fsencode(path))


_VARIABLE = ".bss."
"""Before the name of a section that holds one variable, to the kernel an array with one value; it goes by the rest."""


class Map(_Descriptor):
    """One map. Keys and values are bytes of the map's sizes."""

    def __init__(self, fd: int) -> None:
        info, size = _MapInfo(), c.c_uint32(c.sizeof(_MapInfo))
        _call("describe a map", "bpf_obj_get_info_by_fd", fd, c.byref(info), c.byref(size))
        self.name = info.name.decode().removeprefix(_VARIABLE)
        super().__init__(fd, f'map "{self.name}"')
        self.key_size, self.value_size = info.key_size, info.value_size
        self.shape = (self.name, info.type, info.key_size, info.value_size)
        """By which a map is told from another; how many entries it has is no part of it."""
        self.max_entries = info.max_entries
        self.per_cpu = info.type in _PER_CPU_TYPES
        self.mappable = bool(info.map_flags & _BPF_F_MMAPABLE)
        self.stride = (self.value_size + 7) & ~7 if self.per_cpu else self.value_size
        """Bytes from one CPU's value to the next one's."""
        self._bytes = self.stride * (possible_cpus() if self.per_cpu else 1)

    def get(self, key: bytes) -> bytes | None:
        """The value, None if there is none."""
        value = c.create_string_buffer(self._bytes)
        try:
            _call(f"look up in {self.what}", "bpf_map_lookup_elem", self.fd, self._key(key), value)
        except BpfError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        return value.raw

    def per_cpu_values(self, value: bytes) -> list[bytes]:
        """A per-CPU map's value, taken apart: one for each possible CPU."""
        return [value[start : start + self.value_size] for start in range(0, len(value), self.stride)]

    def set(self, key: bytes, value: bytes) -> None:
        if len(value) != self._bytes:
            raise BpfError(f"{self.what} takes values of {self._bytes} bytes, not {len(value)}", errno.EINVAL)
        _call(f"write to {self.what}", "bpf_map_update_elem", self.fd, self._key(key), value, 0)

    def clear(self, key: bytes) -> None:
        """Zeroes an array's value, on every CPU."""
        self.set(key, bytes(self._bytes))

    def delete(self, key: bytes) -> None:
        """Takes the key away; it need not be there."""
        try:
            _call(f"delete from {self.what}", "bpf_map_delete_elem", self.fd, self._key(key))
        except BpfError as error:
            if error.errno != errno.ENOENT:
                raise

    def items(self, batch: int = 4096) -> Iterator[tuple[bytes, bytes]]:
        """Every key and value, `batch` at a time, so that a large map takes little memory."""
        for count, keys, values in self._batches(batch):
            for index in range(count):
                yield self._nth(keys, index, self.key_size), self._nth(values, index, self._bytes)

    def _batches(self, batch: int) -> Iterator[tuple[int, c.Array[c.c_char], c.Array[c.c_char]]]:
        """How many keys and values, and both; the next ones overwrite them."""
        batch = min(batch, self.max_entries)
        keys, values = c.create_string_buffer(batch * self.key_size), c.create_string_buffer(batch * self._bytes)
        place = c.create_string_buffer(max(self.key_size, 8))
        begin, more = None, True
        while more:
            count = c.c_uint32(batch)
            try:
                _call(
                    f"read {self.what}",
                    "bpf_map_lookup_batch",
                    *(self.fd, begin, place, keys, values, c.byref(count), None),
                )
            except BpfError as error:
                if error.errno != errno.ENOENT:
                    raise
                more = False
            begin = place
            yield count.value, keys, values

    def first(self, count: int, batch: int = 4096) -> Iterator[tuple[int, memoryview]]:
        """An array's first values, some at a time: how many, and they in one piece, which the next ones overwrite.

        A per-CPU value has one for each CPU, padded to 8 bytes.
        """
        for found, _, values in self._batches(min(batch, count)):
            some = min(found, count)
            if some:
                yield some, memoryview(values).cast("B")[: some * self._bytes]
            count -= some
            if not count:
                return
        raise BpfError(f"{self.what} ends before what was to be read of it", errno.ENOENT)

    @staticmethod
    def _nth(buffer: c.Array[c.c_char], index: int, size: int) -> bytes:
        return c.string_at(c.addressof(buffer) + index * size, size)

    def memory(self) -> mmap.mmap:
        """The values of an mmapable array, as shared memory: a store of an aligned word is seen whole or not at all."""
        return self._mapped(self.max_entries * self.value_size, 0, mmap.PROT_READ | mmap.PROT_WRITE)

    def window(self, first: int, count: int) -> mmap.mmap:
        """The same of a part of it, to read; it begins on a page. Only what is mapped counts as our memory."""
        return self._mapped(count * self.value_size, first * self.value_size, mmap.PROT_READ)

    def _mapped(self, size: int, start: int, access: int) -> mmap.mmap:
        size = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        try:
            return mmap.mmap(self.fd, size, prot=access, offset=start)
        except OSError as error:
            raise _error(f"map {self.what} into memory", error.errno or errno.EINVAL) from error

    def _key(self, key: bytes) -> bytes:
        if len(key) != self.key_size:
            raise BpfError(f"{self.what} takes keys of {self.key_size} bytes, not {len(key)}", errno.EINVAL)
        return key


class Program(_Descriptor):
    """One loaded program."""

    def __init__(self, fd: int, name: str) -> None:
        super().__init__(fd, f'program "{name}"')

    def id(self) -> int:
        """The kernel's number of it."""
        info, size = _ProgramInfo(), c.c_uint32(c.sizeof(_ProgramInfo))
        _call(f"describe {self.what}", "bpf_obj_get_info_by_fd", self.fd, c.byref(info), c.byref(size))
        return int(info.id)

    def run(self, frame: bytes, repeat: int = 1) -> tuple[int, bytes, int]:
        """BPF_PROG_TEST_RUN: the verdict, the frame as it left, and nanoseconds per run.

        Source: https://docs.kernel.org/bpf/bpf_prog_run.html
        """
        source, target = c.create_string_buffer(frame, len(frame)), c.create_string_buffer(len(frame) + 512)
        options = _TestRunOptions(sz=c.sizeof(_TestRunOptions), repeat=repeat)
        options.data_in, options.data_size_in = c.addressof(source), len(frame)
        options.data_out, options.data_size_out = c.addressof(target), len(target)
        _call(f"run {self.what}", "bpf_prog_test_run_opts", self.fd, c.byref(options))
        return options.retval, target.raw[: options.data_size_out], options.duration

    def call(self) -> int:
        """Runs a program of type `syscall`; its return value."""
        options = _TestRunOptions(sz=c.sizeof(_TestRunOptions))
        _call(f"run {self.what}", "bpf_prog_test_run_opts", self.fd, c.byref(options))
        return int(options.retval)

    def ask(self, question: c.Structure) -> int:
        """Runs a program of type `syscall` with this as its context, which it may write to; its return value."""
        options = _TestRunOptions(sz=c.sizeof(_TestRunOptions))
        options.ctx_in, options.ctx_size_in = c.addressof(question), c.sizeof(question)
        _call(f"run {self.what}", "bpf_prog_test_run_opts", self.fd, c.byref(options))
        return int(options.retval)

    def attach_xdp(self, ifindex: int, flags: int) -> Link:
        """Attaches to a NIC by a link of its own; `flags` chooses native or generic mode."""
        options = _LinkCreateOptions(sz=c.sizeof(_LinkCreateOptions), flags=flags)
        what = f"attach {self.what} to interface {ifindex}"
        return Link(_call(what, "bpf_link_create", self.fd, ifindex, _BPF_XDP, c.byref(options)))


class Link(_Descriptor):
    """One attachment of a program to a NIC; it lasts as long as a descriptor or a pin of it does."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "XDP link")

    def replace_program(self, program: Program) -> None:
        """Swaps the program in one step: every packet meets the old one or the new one."""
        _call(f"replace the program of the {self.what} by {program.what}", "bpf_link_update", self.fd, program.fd, None)

    def ifindex(self) -> int:
        """The NIC it is on; 0 when the NIC is gone, or somebody has detached it."""
        return int(self._info().ifindex)

    def program_id(self) -> int:
        """The kernel's number of the program that it attaches."""
        return int(self._info().prog_id)

    def _info(self) -> _LinkInfo:
        info, size = _LinkInfo(), c.c_uint32(c.sizeof(_LinkInfo))
        _call("describe the XDP link", "bpf_obj_get_info_by_fd", self.fd, c.byref(info), c.byref(size))
        return info

    def detach(self) -> None:
        _call("detach the XDP link", "bpf_link_detach", self.fd)


def open_pinned(path: Path, kind: str) -> int:
    """The descriptor of the map, link or program (`kind`: "prog") that is pinned there.

    Raises BpfError: with ENOENT where nothing is, with EBADF where something else is.
    """
    fd = _call(f"open {path}", "bpf_obj_get", os.fsencode(path))
    what = str(Path(f"/proc/self/fd/{fd}").readlink()).rpartition(":")[2]
    if kind in what:  # `bpf-map`, `bpf_link`, `bpf-prog`
        return fd
    os.close(fd)
    raise BpfError(f"{path} is no {kind} but a {what}, put there by somebody else: remove it", errno.EBADF)


def xdp_mode(ifindex: int) -> str:
    """How XDP is attached to a NIC: `native`, `generic`, `offload`, or empty where nothing is."""
    options = _QueryOptions(sz=c.sizeof(_QueryOptions))
    _call(f"ask interface {ifindex} about XDP", "bpf_xdp_query", ifindex, 0, c.byref(options))
    return {0: "", 1: "native", 2: "generic", 3: "offload", 4: "several"}.get(options.attach_mode, "unknown")


class Object:
    """A BPF object file, opened: adjust it, then `load`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        options = _OpenOptions(sz=c.sizeof(_OpenOptions))
        _log.clear()
        self._object = _library().bpf_object__open_file(os.fsencode(path), c.byref(options))
        if not self._object:
            raise _error(f"open {path}", c.get_errno())
        self._maps: dict[str, Map] = {}

    def map_names(self) -> tuple[str, ...]:
        names, handle = [], None
        while handle := _library().bpf_object__next_map(self._object, handle):
            names.append(_library().bpf_map__name(handle).decode().removeprefix(_VARIABLE))
        return tuple(names)

    def program_names(self) -> tuple[str, ...]:
        names, handle = [], None
        while handle := _library().bpf_object__next_program(self._object, handle):
            names.append(_library().bpf_program__name(handle).decode())
        return tuple(names)

    def load_only(self, *names: str) -> None:
        """Leaves every other program out of `load`."""
        for name in self.program_names():
            _call(f"choose {name}", "bpf_program__set_autoload", self._program(name), name in names)

    def take_frags(self, name: str) -> None:
        """On `load` the kernel is told that this XDP program takes frames in several buffers: jumbo frames."""
        handle = self._program(name)
        flags = _library().bpf_program__flags(handle) | _BPF_F_XDP_HAS_FRAGS
        _call(f"flag {name}", "bpf_program__set_flags", handle, flags)

    def resize(self, name: str, entries: int) -> None:
        """Not of a variable, which has the size it was compiled with."""
        handle = self._map(name)
        if _library().bpf_map__name(handle).decode().startswith(_VARIABLE):
            raise BpfError(f"{name} of {self.path} is a variable: its size cannot be changed", errno.EINVAL)
        _call(f"resize map {name}", "bpf_map__set_max_entries", handle, entries)

    def pin_map(self, name: str, path: Path) -> None:
        """On `load` the map pinned there is used; where there is none, the new one is pinned."""
        _call(f"pin map {name} at {path}", "bpf_map__set_pin_path", self._map(name), os.fsencode(path))

    def shape(self, name: str) -> tuple[str, int, int, int]:
        """The shape that a map of this object has; the kernel keeps 15 characters of its name."""
        handle, library = self._map(name), _library()
        sizes = library.bpf_map__key_size(handle), library.bpf_map__value_size(handle)
        called = library.bpf_map__name(handle).decode()[:15].removeprefix(_VARIABLE)
        return (called, library.bpf_map__type(handle), *sizes)

    def reuse_map(self, name: str, map_: Map) -> None:
        """On `load` this map is used in place of a new one."""
        _call(f"reuse {map_.what}", "bpf_map__reuse_fd", self._map(name), map_.fd)

    def initial(self, name: str) -> c.Array[c.c_char]:
        """The initial value of `.rodata` and its like, to read or, before `load`, to write."""
        size = c.c_size_t()
        address = _library().bpf_map__initial_value(self._map(name), c.byref(size))
        if not address:
            raise BpfError(f"map {name} of {self.path} has no initial value", errno.ENOENT)
        return (c.c_char * size.value).from_address(address)

    def load(self) -> None:
        """Raises BpfError with libbpf's and the verifier's words."""
        _call(f"load {self.path}", "bpf_object__load", self._object)

    def map(self, name: str) -> Map:
        """A loaded map, with a descriptor of its own: it outlives the object."""
        if name not in self._maps:
            self._maps[name] = Map(os.dup(_call(f"find {name}", "bpf_map__fd", self._map(name))))
        return self._maps[name]

    def program(self, name: str) -> Program:
        return Program(os.dup(_call(f"find {name}", "bpf_program__fd", self._program(name))), name)

    def close(self) -> None:
        if self._object:
            _library().bpf_object__close(self._object)
            self._object = None

    def _map(self, name: str) -> int:
        for called in (name, f"{_VARIABLE}{name}"):
            if handle := _library().bpf_object__find_map_by_name(self._object, called.encode()):
                return int(handle)
        raise BpfError(f"{self.path} has no map {name}", errno.ENOENT)

    def _program(self, name: str) -> int:
        if not (handle := _library().bpf_object__find_program_by_name(self._object, name.encode())):
            raise BpfError(f"{self.path} has no program {name}", errno.ENOENT)
        return int(handle)

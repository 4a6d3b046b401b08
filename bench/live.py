"""Live frames: BPF_PROG_TEST_RUN as a traffic generator, whose frames really leave by a device.

Source: https://docs.kernel.org/bpf/bpf_prog_run.html
"""

from __future__ import annotations

import ctypes as c
import os
import struct

from carom.dataplane.xdp.libbpf import Program
from carom.errors import BpfError

_LIVE_FRAMES = 1 << 1
_BATCH = 64


class _Options(c.Structure):
    """`struct bpf_test_run_opts` of libbpf."""

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


def send(program: Program, frame: bytes, ifindex: int, packets: int) -> None:
    """Runs the generator so many times; what it answers with XDP_TX leaves by the device. Raises BpfError."""
    data, context = c.create_string_buffer(frame, len(frame)), c.create_string_buffer(_context(len(frame), ifindex), 24)
    options = _Options(sz=c.sizeof(_Options), repeat=packets, flags=_LIVE_FRAMES, batch_size=_BATCH)
    options.data_in, options.data_size_in = c.addressof(data), len(frame)
    options.ctx_in, options.ctx_size_in = c.addressof(context), len(context)
    result = c.CDLL("libbpf.so.1").bpf_prog_test_run_opts(program.fd, c.byref(options))
    if result < 0:
        raise BpfError(f"send live frames: {os.strerror(-result)}; that needs Linux 5.18", -result)


def _context(length: int, ifindex: int) -> bytes:
    """`struct xdp_md`: the frame's beginning and end, no metadata, and the device."""
    return struct.pack("=6I", 0, length, 0, ifindex, 0, 0)

"""What native XDP asks of a veth: two things of the director's port that no real NIC needs.

A frame that a program sends back (`XDP_TX`) is delivered into the peer's receive ring, and veth gives a device that
ring only while a program of its own is attached: so the port gets one that passes everything. And a frame on its way
to a program must be whole, while a local sender leaves its checksum to the NIC: so the port computes it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

from carom.errors import LabError

_SIOCETHTOOL = 0x8946
_ETHTOOL_STXCSUM = 0x17
_BPF_PROG_TYPE_XDP = 6
_XDP_FLAGS_DRV_MODE = 1 << 2
_NO_PROGRAM = -1
_PASS = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0)
"""The program: `r0 = XDP_PASS; exit`, two instructions of eight bytes."""
_BPF_F_XDP_HAS_FRAGS = 1 << 5
_OPTIONS = struct.pack("@Ni3I", 24, 0, 0, 0, _BPF_F_XDP_HAS_FRAGS)
"""`struct bpf_prog_load_opts`, the first 24 bytes: the program is no obstacle to jumbo frames."""


def prepare_for_native_xdp(port: str) -> None:
    """Make the port fit for a peer in native XDP mode. Call it inside the port's namespace; raises LabError."""
    _leave_checksums(port, to_the_nic=False)
    _attach_pass(port)


def restore(port: str) -> None:
    """Take both back. Call it inside the port's namespace; raises LabError."""
    _attach(_libbpf(), port, _NO_PROGRAM)
    _leave_checksums(port, to_the_nic=True)


def _leave_checksums(port: str, *, to_the_nic: bool) -> None:
    """What `ethtool -K PORT tx on|off` does: `struct ifreq` points at a `struct ethtool_value`."""
    value = ctypes.create_string_buffer(struct.pack("@II", _ETHTOOL_STXCSUM, to_the_nic))
    request = struct.pack("@16sP16x", port.encode(), ctypes.addressof(value))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, _SIOCETHTOOL, request)
    except OSError as error:
        turned = "on" if to_the_nic else "off"
        raise LabError(f"cannot turn {turned} transmit checksums of {port}: {error.strerror}") from error


def _attach_pass(port: str) -> None:
    """Load the two instructions and attach them natively; they live as long as the port does."""
    libbpf = _libbpf()
    program = libbpf.bpf_prog_load(_BPF_PROG_TYPE_XDP, b"lab_pass", b"MIT", _PASS, len(_PASS) // 8, _OPTIONS)
    if program < 0:
        raise LabError(f"cannot load the XDP program of {port}: {os.strerror(-program)}")
    try:
        _attach(libbpf, port, program)
    finally:
        os.close(program)


def _attach(libbpf: ctypes.CDLL, port: str, program: int) -> None:
    outcome = libbpf.bpf_xdp_attach(socket.if_nametoindex(port), program, _XDP_FLAGS_DRV_MODE, None)
    if outcome < 0:
        raise LabError(f"cannot change the XDP program of {port}: {os.strerror(-outcome)}")


def _libbpf() -> ctypes.CDLL:
    try:
        libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError:
        raise LabError("the lab needs libbpf.so.1, which is not installed: apt install libbpf1") from None
    libbpf.bpf_prog_load.argtypes = (
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
    )
    libbpf.bpf_xdp_attach.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p)
    return libbpf

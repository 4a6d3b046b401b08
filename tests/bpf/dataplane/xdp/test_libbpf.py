"""libbpf's calls on the real object and the real kernel."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.dataplane.xdp import libbpf
from carom.dataplane.xdp.libbpf import Object, Program
from carom.dataplane.xdp.program import OBJECT
from carom.errors import BpfError


@pytest.fixture(scope="module")
def loaded() -> Iterator[Object]:
    loaded = Object(OBJECT)
    loaded.resize("flows4", 64)
    loaded.load()
    yield loaded
    loaded.close()


def test_the_object_names_its_maps_and_programs(loaded: Object) -> None:
    assert {"flows4", "settings", ".rodata.reasons"} <= set(loaded.map_names())
    assert set(loaded.program_names()) == {
        *("carom_director", "carom_successor", "carom_inside", "clock_start", "sweep", "explain", "adopt"),
    }


def test_a_value_is_written_read_and_deleted(loaded: Object) -> None:
    vips = loaded.map("vips4")
    vips.set(b"\x0a\0\0\1", b"\1\0\0\0")
    assert vips.get(b"\x0a\0\0\1") == b"\1\0\0\0"
    assert list(vips.items()) == [(b"\x0a\0\0\1", b"\1\0\0\0")]
    vips.delete(b"\x0a\0\0\1")
    vips.delete(b"\x0a\0\0\1")  # it need not be there
    assert vips.get(b"\x0a\0\0\1") is None


def test_a_map_larger_than_a_batch_is_read_whole(loaded: Object) -> None:
    labels = loaded.map("vip_labels")
    read = list(labels.items(batch=1000))
    assert [struct.unpack("=I", key)[0] for key, _ in read] == list(range(labels.max_entries))


def test_a_per_cpu_value_comes_once_for_each_cpu(loaded: Object) -> None:
    reasons = loaded.map("reasons")
    values = reasons.per_cpu_values(reasons.get(bytes(4)) or b"")
    assert values == [bytes(16)] * libbpf.possible_cpus()


def test_an_mmapable_array_is_shared_memory(loaded: Object) -> None:
    services = loaded.map("services")
    with memoryview(services.memory()).cast("Q") as words:
        words[3] = 77
        assert (services.get(struct.pack("=I", 0)) or b"")[24:32] == struct.pack("=Q", 77)
        words[3] = 0


def test_a_variable_goes_by_its_name_and_keeps_its_size() -> None:
    object_ = Object(OBJECT)
    assert object_.shape("settings")[0] == "settings"
    with pytest.raises(BpfError, match=r"settings of .* is a variable: its size cannot be changed"):
        object_.resize("settings", 2)
    object_.close()


@pytest.mark.parametrize(("key", "value"), [(b"short", b"\1\0\0\0"), (b"\x0a\0\0\1", b"much too long")])
def test_a_wrong_size_is_refused_before_the_kernel_reads_past_it(loaded: Object, key: bytes, value: bytes) -> None:
    with pytest.raises(BpfError, match=r'map "vips4" takes (keys|values) of 4 bytes'):
        loaded.map("vips4").set(key, value)


def test_a_program_runs_on_a_frame(loaded: Object) -> None:
    verdict, frame, _ = loaded.program("carom_director").run(bytes(60))
    assert (verdict, frame) == (libbpf.XDP_PASS, bytes(60))


def test_what_is_missing_is_named(loaded: Object) -> None:
    with pytest.raises(BpfError, match="has no map nonsense"):
        loaded.map("nonsense")
    with pytest.raises(BpfError, match="has no program nonsense"):
        loaded.program("nonsense")
    with pytest.raises(BpfError, match="open /nonsense"):
        libbpf.open_pinned(Path("/nonsense"), "map")


def test_a_file_that_is_no_object_is_refused_with_libbpfs_words(tmp_path: Path) -> None:
    (tmp_path / "no.o").write_text("not ELF")
    with pytest.raises(BpfError, match=r"no\.o") as caught:
        Object(tmp_path / "no.o")
    assert "ELF" in caught.value.log


def test_a_refused_program_comes_with_the_verifiers_log() -> None:
    spoiled = Object(OBJECT)
    spoiled.resize("slots", 0)  # the kernel takes no array without entries
    with pytest.raises(BpfError, match="load") as caught:
        spoiled.load()
    spoiled.close()
    assert caught.value.errno == errno.EINVAL
    assert "slots" in caught.value.log


def test_attaching_to_a_nic_that_is_not_there_fails_by_name(loaded: Object) -> None:
    program: Program = loaded.program("carom_director")
    with pytest.raises(BpfError, match='attach program "carom_director" to interface 999999'):
        program.attach_xdp(999_999, libbpf.XDP_FLAGS_DRV_MODE)

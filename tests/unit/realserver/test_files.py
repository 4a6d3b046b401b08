"""Boot files on a disk: all of them or none, nobody else's touched, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from carom.errors import RealServerError
from carom.realserver.files import Disk
from carom.realserver.host import LinuxHost
from carom.realserver.persist.common import Item

SETTINGS, UNIT = Item("/etc/sysctl.d/x.conf", "a = 1\n"), Item("/etc/systemd/system/x.service", "[Unit]\n", 0o600)
ENABLED = Item("/etc/systemd/system/multi-user.target.wants/x.service", target="/etc/systemd/system/x.service")
ITEMS = (SETTINGS, UNIT, ENABLED)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path, LinuxHost())


def contents(root: Path) -> dict[str, str]:
    """Everything below a root: a file's text, a link's target, a folder's nothing."""
    return {
        str(path.relative_to(root)): str(path.readlink())
        if path.is_symlink()
        else path.read_text()
        if path.is_file()
        else ""
        for path in root.rglob("*")
    }


def test_written_and_taken_away_again_with_the_folders(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    before = contents(tmp_path)
    folders = disk.replace((), ITEMS)
    assert disk.differing(ITEMS) == ()
    assert (tmp_path / UNIT.path.lstrip("/")).stat().st_mode & 0o777 == 0o600
    assert "/etc" not in folders
    disk.replace(ITEMS, ())
    disk.prune(folders)
    assert contents(tmp_path) == before


def test_a_file_that_someone_else_owns_is_not_touched(disk: Disk, tmp_path: Path) -> None:
    theirs = tmp_path / UNIT.path.lstrip("/")
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs\n")
    before = contents(tmp_path)
    with pytest.raises(RealServerError, match="exists and is not Carom's"):
        disk.replace((), ITEMS)
    assert contents(tmp_path) == before


def test_all_or_none(disk: Disk, tmp_path: Path) -> None:
    """The last of the new files cannot be written: the old ones are all there again."""
    disk.replace((), (SETTINGS,))
    (tmp_path / "etc/systemd").write_text("in the way")
    before = contents(tmp_path)
    with pytest.raises(RealServerError, match="no boot file was changed"):
        disk.replace((SETTINGS,), (Item(SETTINGS.path, "a = 2\n"), UNIT))
    assert contents(tmp_path) == before


def test_what_someone_changed_is_noticed_and_stays(disk: Disk, tmp_path: Path) -> None:
    disk.replace((), ITEMS)
    changed = tmp_path / SETTINGS.path.lstrip("/")
    changed.write_text("a = 3\n")
    assert disk.differing(ITEMS) == (SETTINGS.path,)
    disk.replace(ITEMS, ())
    assert changed.read_text() == "a = 3\n"


def test_files_by_pattern_in_the_order_of_their_names(disk: Disk, tmp_path: Path) -> None:
    for name in ("b.network", "a.network", "c.link"):
        (tmp_path / name).write_text(name)
    assert list(disk.texts("/*.network").items()) == [("/a.network", "a.network"), ("/b.network", "b.network")]
    assert disk.texts("/no/such/*") == {}


def test_a_program_that_the_boot_files_would_run_must_be_there(disk: Disk) -> None:
    assert disk.program("sh").endswith("/sh")
    with pytest.raises(RealServerError, match="`no-such-program` is not installed"):
        disk.program("no-such-program")


def test_which_system_boots_here(disk: Disk, tmp_path: Path) -> None:
    assert not disk.is_systems
    assert not disk.boots_systemd
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert disk.boots_systemd

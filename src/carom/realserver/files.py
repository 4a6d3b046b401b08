"""Boot files on the disk: written each as a whole, none that is not Carom's overwritten, all of them or none."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from carom.errors import RealServerError
from carom.realserver.host import LinuxHost
from carom.realserver.persist.common import Item

PACKAGES = {"sysctl": "procps", "ip": "iproute2", "nft": "nftables", "arptables": "arptables", "iptables": "iptables"}
"""Debian's, for what a small system may be without."""


class Disk:
    """The files below a root; `/` for this system, another for an image or a test."""

    def __init__(self, root: Path, host: LinuxHost) -> None:
        self.root = root
        self._host = host

    def texts(self, pattern: str) -> dict[str, str]:
        found = sorted(self.root.glob(pattern.lstrip("/")))
        return {f"/{path.relative_to(self.root)}": path.read_text(errors="replace") for path in found if path.is_file()}

    def program(self, name: str) -> str:
        found = self._host.program(name)
        if found is None:
            package = PACKAGES.get(name, "")
            raise RealServerError(
                f"`{name}` is not installed, and the boot files would run it{package and f': apt install {package}'}"
            )
        return found

    @property
    def is_systems(self) -> bool:
        """Whether this is the running system's own root."""
        return self.root == Path("/")

    @property
    def boots_systemd(self) -> bool:
        return self._at("/run/systemd/system").is_dir()

    def differing(self, items: Iterable[Item]) -> tuple[str, ...]:
        """The paths at which something else than the item, or nothing, is found."""
        return tuple(item.path for item in items if not self._is(item))

    def replace(self, old: tuple[Item, ...], new: tuple[Item, ...]) -> tuple[str, ...]:
        """Put the new items in the old ones' place; returns the folders made. Raises RealServerError, all as before."""
        self._refuse_foreign(old, new)
        made: list[Path] = []
        written: list[Item] = []
        try:
            for item in new:
                if not self._is(item):
                    written.append(item)
                    made += self._write(item)
            self._remove([item for item in old if item.path not in {each.path for each in new}])
        except OSError as error:
            self._remove([item for item in written if item not in old])
            for item in old:
                if not self._is(item):
                    self._write(item)
            self.prune(self._relative(made))
            raise RealServerError(
                f"cannot write {error.filename}: {error.strerror}; no boot file was changed"
            ) from None
        return self._relative(made)

    def prune(self, folders: Iterable[str]) -> None:
        """Remove those of these folders that are empty, the innermost first."""
        for folder in sorted(folders, reverse=True):
            path = self._at(folder)
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()

    def _refuse_foreign(self, old: tuple[Item, ...], new: tuple[Item, ...]) -> None:
        ours = {item.path for item in old}
        for item in new:
            path = self._at(item.path)
            if item.path not in ours and (path.exists() or path.is_symlink()) and not self._is(item):
                raise RealServerError(f"{path} exists and is not Carom's; move it away, or use another --persist")

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def _relative(self, paths: Iterable[Path]) -> tuple[str, ...]:
        return tuple(f"/{path.relative_to(self.root)}" for path in paths)

    def _is(self, item: Item) -> bool:
        path = self._at(item.path)
        if item.target:
            return path.is_symlink() and str(path.readlink()) == item.target
        try:
            return not path.is_symlink() and path.read_text() == item.content
        except (OSError, UnicodeDecodeError):
            return False

    def _write(self, item: Item) -> list[Path]:
        """As a whole, by a rename; returns the folders that had to be made."""
        path = self._at(item.path)
        made = [folder for folder in reversed(path.parents) if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            if item.target:
                draft.symlink_to(item.target)
            else:
                with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, item.mode), "w") as file:
                    os.fchmod(file.fileno(), item.mode)
                    file.write(item.content)
                    file.flush()
                    os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        return made

    def _remove(self, items: Iterable[Item]) -> None:
        """Those that are still as they were written; what someone changed is theirs now."""
        for item in items:
            if self._is(item):
                self._at(item.path).unlink()

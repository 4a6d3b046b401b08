"""A system on paper: its files, and every program in /usr/sbin."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch

from carom.realserver.arp import plan
from carom.realserver.methods.method import Wish
from carom.realserver.persist.common import Item, Means
from tests.unit.realserver.words import RIP, VIP, VIP6, WEB

TOOLS = {"arptables": "arptables-nft", "nft": "nft", "redirect": "nft"}


class Paper:
    def __init__(self, **files: str) -> None:
        self.files = {f"/{path.replace('__', '/').replace('_dot_', '.')}": text for path, text in files.items()}

    def texts(self, pattern: str) -> Mapping[str, str]:
        return {path: self.files[path] for path in sorted(self.files) if fnmatch(path, pattern)}

    def program(self, name: str) -> str:
        return f"/usr/sbin/{name}"


def wish(method: str) -> Wish:
    return Wish((VIP, VIP6), method, "eth0", RIP, (WEB,), TOOLS.get(method, ""), "dummy", shared_ports=True)


def kept(means: Means, method: str, ground: Paper | None = None) -> dict[str, Item]:
    """The files of a means, by path."""
    return {item.path: item for item in means.items(plan(wish(method)), ground or Paper())}

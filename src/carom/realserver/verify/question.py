"""A question: what the host is supposed to be, against which a view is judged."""

from __future__ import annotations

from dataclasses import dataclass

from carom.model import Address
from carom.realserver.arp import METHODS
from carom.realserver.methods.method import Wish
from carom.realserver.view import View


@dataclass(frozen=True, slots=True)
class Boot:
    """What keeps the host so over a reboot."""

    means: str = ""
    """Empty: nothing does."""
    differing: tuple[str, ...] = ()
    """Boot files that are gone or changed."""
    why_not: str = ""
    """Why nothing can, where nothing can (a namespace that ends with its container)."""


@dataclass(frozen=True, slots=True)
class Question:
    """Some VIPs with what they have in common, and what was seen of the host."""

    wish: Wish
    view: View
    directors: tuple[Address, ...] = ()
    """The directors' own addresses, those of a backup included; empty: not named."""
    boot: Boot | None = None
    """None: not joined by Carom, so nothing is known."""

    @property
    def holds_vip(self) -> bool:
        return METHODS[self.wish.method].holds_vip

    def join_command(self, vip: Address) -> str:
        """The command that sets this VIP right, as it was wished for."""
        method = "" if self.wish.method == "sysctl" else f" --method {self.wish.method}"
        ports = "".join(f" --port {ports}" for ports in self.wish.ports)
        return f"carom real-server join --vip {vip}{method}{ports}"

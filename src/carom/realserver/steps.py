"""Steps: the smallest things Carom sets on a host, each a frozen value.

A step knows four things: the command a person would type for it, how to read what is there instead, whether that is
already as wished, and how to put back what was there. It reaches the host through the `Host` it is handed and through
nothing else, so the same value is printed by `plan`, carried out by `join`, remembered in the record, undone by
`leave`, and turned into boot files.

`read` answers in the step's own words, `ABSENT` where there is nothing; what it says before `do` is handed to `undo`
later.
"""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

from carom.model import Address
from carom.realserver.view import Held, Nic, is_v6

ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments and what it reads from standard input."""

    argv: tuple[str, ...]
    stdin: str = ""

    def __str__(self) -> str:
        """As one would paste it into a shell."""
        line = shlex.join(self.argv)
        return f"{line} <<'END'\n{self.stdin}END" if self.stdin else line


class Host(Protocol):
    """What a step may ask of the host it is carried out on."""

    def run(self, command: Command) -> str:
        """Run it and return what it printed. Raises RealServerError with its own words when it fails."""

    def ask(self, *argv: str) -> str | None:
        """What the command printed; None where it failed, did not end in time, or is not installed."""

    def sysctl(self, key: str) -> str:
        """The value of a sysctl. Raises RealServerError where this kernel has none of that name."""

    def set_sysctl(self, key: str, value: str) -> None:
        """Set it. Raises RealServerError."""

    def nics(self) -> tuple[Nic, ...]: ...

    def held(self) -> tuple[Held, ...]: ...


class Step(ABC):
    """One thing to set. Subclasses are frozen dataclasses; equal values are the same step."""

    __slots__ = ()
    kind: ClassVar[str]
    """Its name in the record."""

    @property
    @abstractmethod
    def why(self) -> str:
        """What it is for, in a few words."""

    @abstractmethod
    def command(self) -> Command:
        """The command that does it."""

    @abstractmethod
    def reverse(self, before: str) -> Command:
        """The command that puts `before` back."""

    @property
    def title(self) -> str:
        """The command in one line, for a list of what was done."""
        return str(self.command())

    @abstractmethod
    def read(self, host: Host) -> str:
        """What is there now."""

    @abstractmethod
    def holds(self, state: str) -> bool:
        """Whether what `read` said is already as wished."""

    def made(self, state: str) -> bool:
        """Whether what `read` said is what `do` makes; only that is ours to undo."""
        return self.holds(state)

    def do(self, host: Host) -> None:
        host.run(self.command())

    def undo(self, host: Host, before: str) -> None:
        host.run(self.reverse(before))


@dataclass(frozen=True, slots=True)
class Sysctl(Step):
    """A kernel setting."""

    kind: ClassVar[str] = "sysctl"
    key: str
    value: str
    meaning: str
    enough: tuple[str, ...] = ()
    """Other values that serve as well, and are left as they are."""

    @property
    def why(self) -> str:
        return self.meaning

    def command(self) -> Command:
        return Command(("sysctl", "-w", f"{self.key}={self.value}"))

    def reverse(self, before: str) -> Command:
        return Command(("sysctl", "-w", f"{self.key}={before}"))

    def read(self, host: Host) -> str:
        return host.sysctl(self.key)

    def holds(self, state: str) -> bool:
        return state == self.value or state in self.enough

    def made(self, state: str) -> bool:
        return state == self.value

    def do(self, host: Host) -> None:
        host.set_sysctl(self.key, self.value)

    def undo(self, host: Host, before: str) -> None:
        host.set_sysctl(self.key, before)


@dataclass(frozen=True, slots=True)
class Up(Step):
    """An interface that is up. `lo` is down in a fresh network namespace, and an address brings it nothing then."""

    kind: ClassVar[str] = "up"
    interface: str

    @property
    def why(self) -> str:
        return "an interface that is down delivers nothing"

    def command(self) -> Command:
        return Command(("ip", "link", "set", self.interface, "up"))

    def reverse(self, before: str) -> Command:
        return Command(("ip", "link", "set", self.interface, "down"))

    def read(self, host: Host) -> str:
        """`up`, `down`, `down and bare` where it has no address either, or absent."""
        nic = next((nic for nic in host.nics() if nic.name == self.interface), None)
        if nic is None:
            return ABSENT
        if nic.up:
            return "up"
        return "down" if any(held.interface == self.interface for held in host.held()) else "down and bare"

    def holds(self, state: str) -> bool:
        return state == "up"

    def undo(self, host: Host, before: str) -> None:
        host.run(self.reverse(before))
        if before == "down and bare":
            host.run(Command(("ip", "address", "flush", "dev", self.interface)))  # the kernel gave lo 127.0.0.1


@dataclass(frozen=True, slots=True)
class Link(Step):
    """An interface without ARP that holds VIPs."""

    kind: ClassVar[str] = "link"
    name: str
    link: str
    """`dummy` or `macvlan`."""
    parent: str = ""
    """macvlan: the NIC it hangs on."""

    @property
    def why(self) -> str:
        return "an interface of its own for the VIPs, without ARP"

    def command(self) -> Command:
        parent = ("link", self.parent) if self.parent else ()
        mode = ("mode", "private") if self.link == "macvlan" else ()
        return Command(("ip", "link", "add", self.name, *parent, "arp", "off", "type", self.link, *mode))

    def reverse(self, before: str) -> Command:
        return Command(("ip", "link", "del", self.name))

    def read(self, host: Host) -> str:
        return next((nic.kind for nic in host.nics() if nic.name == self.name), ABSENT)

    def holds(self, state: str) -> bool:
        return state == self.link


@dataclass(frozen=True, slots=True)
class OwnAddress(Step):
    """The VIP as a whole address (/32, /128): it brings no route, so nothing but the VIP itself changes hands."""

    kind: ClassVar[str] = "address"
    address: Address
    interface: str

    @property
    def why(self) -> str:
        return "the VIP, where no neighbour can see it"

    def _ip(self, verb: str) -> Command:
        whole = f"{self.address}/{self.address.max_prefixlen}"
        quiet = ("nodad",) if is_v6(self.address) and verb != "del" else ()
        return Command(("ip", "address", verb, whole, "dev", self.interface, *quiet))

    def command(self) -> Command:
        return self._ip("add")

    def again(self) -> Command:
        """The command that does it whether or not it is done already."""
        return self._ip("replace")

    def reverse(self, before: str) -> Command:
        return self._ip("del")

    def read(self, host: Host) -> str:
        places = sorted(f"{held.interface}/{held.prefix}" for held in host.held() if held.address == self.address)
        return " ".join(places) or ABSENT

    def holds(self, state: str) -> bool:
        return f"{self.interface}/{self.address.max_prefixlen}" in state.split()


@dataclass(frozen=True, slots=True)
class NftTable(Step):
    """An nftables table of Carom's own: sets that hold the VIPs, and the rules that look into them."""

    kind: ClassVar[str] = "nft-table"
    family: str
    name: str
    sets: tuple[str, ...]
    chains: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Name, hook and rules of each."""
    meaning: str

    @property
    def why(self) -> str:
        return self.meaning

    @property
    def title(self) -> str:
        return f"nft -f - <<< 'table {self.family} {self.name} {{ ... }}'"

    @property
    def text(self) -> str:
        """The table as a ruleset file has it, replacing one of the same name."""
        lines = [f"table {self.family} {self.name}", f"delete table {self.family} {self.name}"]
        lines.append(f"table {self.family} {self.name} {{")
        lines += [f"    {each}" for each in self.sets]
        for name, hook, rules in self.chains:
            lines.append(f"    chain {name} {{")
            lines += [f"        {each}" for each in (hook, *rules)]
            lines.append("    }")
        return "\n".join([*lines, "}", ""])

    def command(self) -> Command:
        return Command(("nft", "-f", "-"), stdin=self.text)

    def reverse(self, before: str) -> Command:
        return Command(("nft", "delete", "table", self.family, self.name))

    def read(self, host: Host) -> str:
        """`whole`, `broken` where a rule is missing, or absent. How nft prints hooks differs; rules stay."""
        listing = host.ask("nft", "list", "table", self.family, self.name)
        if listing is None:
            return ABSENT
        lines = {" ".join(line.split()) for line in listing.splitlines()}
        return "whole" if all(rule in lines for _, _, rules in self.chains for rule in rules) else "broken"

    def holds(self, state: str) -> bool:
        return state == "whole"


@dataclass(frozen=True, slots=True)
class NftElement(Step):
    """One VIP in one of the sets of an `NftTable`."""

    kind: ClassVar[str] = "nft-element"
    family: str
    table: str
    container: str
    """The set's or map's name."""
    key: str
    value: str = ""
    """What a map has under the key; empty in a set."""

    @property
    def why(self) -> str:
        return f"{self.key} is one of them"

    def _nft(self, verb: str, value: str) -> Command:
        element = f"{{ {self.key} : {value} }}" if value else f"{{ {self.key} }}"
        return Command(("nft", verb, "element", self.family, self.table, self.container, element))

    def command(self) -> Command:
        return self._nft("add", self.value)

    def reverse(self, before: str) -> Command:
        return self._nft("delete", self.value)

    def read(self, host: Host) -> str:
        """`there`, in a map the value, or absent."""
        listing = host.ask(*self._nft("get", self.value).argv)
        if listing is None:
            return ABSENT
        if not self.value:
            return "there"
        return listing.partition(f"{self.key} : ")[2].split(maxsplit=1)[0]

    def holds(self, state: str) -> bool:
        return state == (self.value or "there")

    def do(self, host: Host) -> None:
        found = self.read(host)
        if self.value and found != ABSENT:
            host.run(self._nft("delete", found))
        host.run(self.command())


@dataclass(frozen=True, slots=True)
class BaseChain(Step):
    """A built-in chain of arptables, iptables or ip6tables.

    The nft backends make tables and chains when a rule needs them and leave them standing, empty, when it goes: a
    rule-set compared before and after would differ. So the chain is a step of its own, which remembers what was there.
    The legacy backends' chains are always there.
    """

    kind: ClassVar[str] = "chain"
    tool: str
    table: str
    chain: str

    @property
    def why(self) -> str:
        return "the chain that the rules below go into"

    def command(self) -> Command:
        return Command((self.tool, *in_table(self.table), "-P", self.chain, "ACCEPT"))

    def reverse(self, before: str) -> Command:
        return Command(("nft", "delete", "chain", *self._nft_table, self.chain))

    def read(self, host: Host) -> str:
        """The chains that are there, as nft sees them; where it cannot see, the chain counts as there."""
        if self.tool.endswith("-legacy") or host.ask("nft", "list", "tables") is None:
            return self.chain
        listing = host.ask("nft", "list", "table", *self._nft_table)
        if listing is None:
            return ABSENT
        words = [line.split() for line in listing.splitlines()]
        return " ".join(line[1] for line in words if line[:1] == ["chain"])

    @property
    def _nft_table(self) -> tuple[str, str]:
        families = {"arptables": "arp", "ip6tables": "ip6", "iptables": "ip"}
        return families[self.tool.partition("-")[0]], self.table

    def holds(self, state: str) -> bool:
        return self.chain in state.split()

    def undo(self, host: Host, before: str) -> None:
        for chain in set(self.read(host).split()) - set(before.split()):
            host.ask("nft", "delete", "chain", *self._nft_table, chain)  # refused while someone's rule is in it
        if before == ABSENT and self.read(host) == "":
            host.run(Command(("nft", "delete", "table", *self._nft_table)))


@dataclass(frozen=True, slots=True)
class Rule(Step):
    """One rule of arptables, iptables or ip6tables, of either backend."""

    kind: ClassVar[str] = "rule"
    tool: str
    table: str
    chain: str
    rule: tuple[str, ...]
    meaning: str

    @property
    def why(self) -> str:
        return self.meaning

    def _tool(self, verb: str) -> Command:
        return Command((self.tool, *in_table(self.table), verb, self.chain, *self.rule))

    def command(self) -> Command:
        return self._tool("-A")

    def reverse(self, before: str) -> Command:
        return self._tool("-D")

    def read(self, host: Host) -> str:
        if self.tool.startswith("arptables"):
            listing = host.ask(self.tool, *in_table(self.table), "-n", "-L", self.chain)
            return "there" if self._is_in(listing or "") else ABSENT
        return "there" if host.ask(*self._tool("-C").argv) is not None else ABSENT

    def _is_in(self, listing: str) -> bool:
        """arptables-legacy has no `-C`, and both backends print a rule's parts in an order of their own."""
        return sorted(self.rule) in [sorted(line.split()) for line in listing.splitlines()]

    def holds(self, state: str) -> bool:
        return state == "there"


def in_table(table: str) -> tuple[str, ...]:
    """The option that names a table of arptables and iptables, left out for the one they take by themselves."""
    return () if table == "filter" else ("-t", table)


KINDS: dict[str, type[Step]] = {
    step.kind: step for step in (Sysctl, Up, Link, OwnAddress, NftTable, NftElement, BaseChain, Rule)
}

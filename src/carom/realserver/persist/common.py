"""A means keeps steps over a reboot; and what several share: sysctl.d, the nft file, the unit that loads rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from carom.errors import RealServerError
from carom.model import Address
from carom.realserver.steps import (
    BaseChain,
    Command,
    Link,
    NftElement,
    NftTable,
    OwnAddress,
    Rule,
    Step,
    Sysctl,
    Up,
)

HEADER = "# Written by `carom real-server join` and removed by `carom real-server leave`; changes are lost.\n"

# sysctl.d(5): files are read in the order of their names, whatever their folder, and the last one wins.
SYSCTL_PATH = "/etc/sysctl.d/99-zz-carom-real-server.conf"
NFT_PATH = "/etc/carom/real-server.nft"
UNIT = "carom-real-server.service"
UNIT_PATH = f"/etc/systemd/system/{UNIT}"

# Whoever loads a rule-set at boot may begin with a flush: the unit waits for each of them that is installed.
_FIREWALLS = (
    "nftables.service iptables.service ip6tables.service arptables.service netfilter-persistent.service "
    "ufw.service firewalld.service"
)


@dataclass(frozen=True, slots=True)
class Item:
    """One file, or one symbolic link, that a means keeps on the system."""

    path: str
    """Absolute, before the root is put in front."""
    content: str = ""
    mode: int = 0o644
    target: str = ""
    """Set: a symbolic link to this."""


class Ground(Protocol):
    """What a means may look at on the system that it writes for."""

    def texts(self, pattern: str) -> Mapping[str, str]:
        """The files that match an absolute glob pattern, path to content, in the order of their names."""

    def program(self, name: str) -> str:
        """A program's absolute path. Raises RealServerError where it is not installed."""


@dataclass(frozen=True, slots=True)
class Means:
    """One way to keep the steps over a reboot."""

    name: str
    summary: str
    items: Callable[[tuple[Step, ...], Ground], tuple[Item, ...]]
    """The files, for everything that this host shall be. Raises RealServerError where it cannot be kept this way."""


def sysctl_items(steps: tuple[Step, ...]) -> Iterator[Item]:
    settings = [step for step in steps if isinstance(step, Sysctl)]
    if settings:
        lines = [f"# {step.why}\n{step.key} = {step.value}\n" for step in settings]
        yield Item(SYSCTL_PATH, HEADER + "".join(lines))


def nft_items(steps: tuple[Step, ...]) -> Iterator[Item]:
    """The tables with their elements, as one file that nft loads in one transaction."""
    tables = [step.text for step in steps if isinstance(step, NftTable)]
    members = [f"{' '.join(step.command().argv[1:])}\n" for step in steps if isinstance(step, NftElement)]
    if tables:
        yield Item(NFT_PATH, HEADER + "".join((*tables, *members)))


def boot_commands(steps: tuple[Step, ...], ground: Ground) -> list[str]:
    """What does the steps at boot, in order; a leading `-` lets a command fail (systemd.service(5)).

    The first that fails ends the unit. Silence comes before the address, so a host whose silence cannot be had comes
    up without the VIP rather than with a leak.
    """
    lines = [line for step in steps for line in _boot_lines(step, ground)]
    return list(dict.fromkeys(lines))


def _boot_lines(step: Step, ground: Ground) -> Iterator[str]:
    match step:
        case NftTable() | NftElement():
            yield _spelt(Command(("nft", "-f", NFT_PATH)), ground)
        case Rule():
            # Delete and add: started twice, the unit leaves one rule.
            yield "-" + _spelt(step.reverse(""), ground)
            yield _spelt(step.command(), ground)
        case Link():
            yield "-" + _spelt(step.command(), ground)
        case OwnAddress():
            yield _spelt(step.again(), ground)
        case BaseChain():
            pass  # the first rule makes it
        case _:
            yield _spelt(step.command(), ground)


def _spelt(command: Command, ground: Ground) -> str:
    """For a unit file: an absolute path; `%` and `$` do not occur in what Carom writes."""
    return " ".join((ground.program(command.argv[0]), *command.argv[1:]))


def unit_items(steps: tuple[Step, ...], ground: Ground) -> Iterator[Item]:
    """The unit, and the link that enables it."""
    device = next((step.parent for step in steps if isinstance(step, Link) and step.parent), "")
    waits = f" sys-subsystem-net-devices-{device}.device" if device else ""
    commands = "".join(f"ExecStart={line}\n" for line in boot_commands(steps, ground))
    content = (
        f"{HEADER}[Unit]\n"
        "Description=Carom real server: ARP silence first, then the VIPs, then the network\n"
        "DefaultDependencies=no\n"
        f"After=local-fs.target systemd-modules-load.service systemd-sysctl.service{waits}\n"
        f"After={_FIREWALLS}\n"
        f"Wants=network-pre.target{waits}\n"
        "Before=network-pre.target shutdown.target\n"
        "Conflicts=shutdown.target\n"
        "\n"
        "[Service]\n"
        "Type=oneshot\n"
        "RemainAfterExit=yes\n"
        f"{commands}"
        "\n"
        "[Install]\n"
        "WantedBy=multi-user.target\n"
    )
    yield Item(UNIT_PATH, content)
    yield Item(f"/etc/systemd/system/multi-user.target.wants/{UNIT}", target=UNIT_PATH)


def rule_items(steps: tuple[Step, ...], ground: Ground) -> Iterator[Item]:
    """For a means that gives addresses itself and knows no rules: the unit for the rules, where there are any."""
    rules = tuple(step for step in steps if isinstance(step, NftTable | NftElement | Rule))
    if rules:
        yield from nft_items(rules)
        yield from unit_items(rules, ground)


def loopback_addresses(steps: tuple[Step, ...], means: str) -> tuple[Address, ...]:
    """The VIPs on `lo`. Raises RealServerError where VIPs are elsewhere: no manager brings carom0 up silently."""
    elsewhere = [step for step in steps if isinstance(step, Link | Up) and step != Up("lo")]
    if elsewhere:
        raise RealServerError(
            f"{means} cannot keep an interface without ARP over a reboot in a way that is silent at every moment; "
            "use --persist systemd, or another method"
        )
    return tuple(step.address for step in steps if isinstance(step, OwnAddress))

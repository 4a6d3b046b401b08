"""caromd, the director's daemon: joins every adapter to the engine, and runs until SIGTERM.

The only module that knows every adapter. It may die at any moment: packets are forwarded by what is pinned in the
kernel, and the next start takes that over. Only `--detach` takes it away.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from carom import log as logs
from carom.api.app import Api
from carom.api.events import Events
from carom.api.peer import Tokens
from carom.api.serve import claim, listening, serve
from carom.api.status import About
from carom.api.tcp import listening_on, tls_context
from carom.change import Changes, overrides
from carom.checking import HealthChecks
from carom.config import memory
from carom.config.store import Store
from carom.core.world import Memory, memory_of
from carom.dataplane.xdp.plane import XdpDataPlane
from carom.engine import Engine
from carom.errors import CaromError, ConfigError, StoreError
from carom.garbage import Garbage
from carom.hooks.hooks import Hooks
from carom.log import Style
from carom.looking import Looking
from carom.model import Director
from carom.net import neighbours, viaroute
from carom.net.announce import PacketAnnouncer
from carom.net.interface import InterfaceWatch
from carom.net.segments import SegmentNeighbours
from carom.net.waywatch import WayWatch
from carom.opening import Opening, opening, write_down
from carom.servicemanager import ServiceManager
from carom.watching import VipWatch

log = logging.getLogger("carom")

SWITCH_EVERY = 0.0002
"""Seconds for which a thread that thinks may keep the interpreter while the event loop waits for it."""
ABOUT = """The director's daemon of Carom: decides which real server gets what, and has the kernel forward it.
It may stop, crash or be restarted at any time: packets go on meanwhile. Only --detach ends that."""
ENDS = """\
signals:
  SIGTERM, SIGINT   end with exit code 0; packets go on
  SIGHUP            carry the configuration file out, as `carom apply` does; a faulty one changes nothing

exit codes:
  0   ended by a signal, or detached
  1   the configuration is faulty, or it could not be carried out; nothing was disturbed
  2   wrong usage"""

PATHS = (
    ("-c", "--config", "FILE", "/etc/carom/carom.toml", "the configuration, carom.toml(5)"),
    ("--socket", "PATH", "/run/carom/carom.sock", "where the API listens"),
    ("--pins", "DIR", "/sys/fs/bpf/carom", "where the data plane is pinned"),
    ("--state", "DIR", "/var/lib/carom", "where versions and drains are kept"),
)

Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    config: Path
    socket: Path
    pins: Path
    state: Path
    listen: tuple[str, int] | None
    certificate: Path | None
    key: Path | None
    tokens: Path | None
    detach: bool
    log: Style
    version: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """The program `caromd`."""
    options = _parse(arguments)
    if options.version:
        sys.stdout.write(f"caromd {version('carom')}\n")
        return 0
    logs.configure(options.log)
    try:
        if options.detach:
            return _detach(options)
        with claim(options.socket), _patient_sighup():
            store = Store(options.state)
            asyncio.run(_run(options, store, opening(options.config, store, time.time())))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except CaromError as error:
        sys.stderr.write(f"caromd: {error}\n")
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """What `caromd` takes."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="caromd", description=ABOUT, epilog=ENDS, formatter_class=raw)
    add = parser.add_argument
    for *names, metavar, usual, about in PATHS:
        add(*names, type=Path, default=Path(usual), metavar=metavar, help=f"{about} (default: {usual})")
    add("--listen", type=_endpoint, metavar="ADDRESS:PORT", help="answer the API there too, by TLS and to tokens only")
    add("--certificate", type=Path, metavar="FILE", help="for --listen: the certificate, and what it is signed with")
    add("--key", type=Path, metavar="FILE", help="for --listen: the certificate's private key")
    add("--tokens", type=Path, metavar="FILE", help="for --listen: who may ask; a name, read or write, a sha256 a line")
    add("--detach", action="store_true", help="take everything out of the kernel again, and end")
    add(
        "--log",
        type=Style,
        choices=list(Style),
        default=Style.TEXT,
        help="how events are written: for people (default), or for machines",
    )
    add("--version", action="store_true", help="say which version this is, and end")
    return parser


@contextmanager
def _patient_sighup() -> Iterator[None]:
    """SIGHUP waits until `_Signals` listens: it would end a daemon that is about to begin."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        usual = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which forgets one that nobody listens to any more
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGHUP, usual)


def _parse(arguments: Sequence[str] | None) -> Options:
    takes = parser()
    options = Options(**vars(takes.parse_args(arguments)))
    if options.listen and not (options.certificate and options.key and options.tokens):
        takes.error("--listen takes --certificate, --key and --tokens: nobody answers a network unasked")
    return options


def _endpoint(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    return str(ip_address(address.strip("[]"))), int(port)


def _detach(options: Options) -> int:
    with claim(options.socket):
        removed = XdpDataPlane("", options.pins).detach()
        released = neighbours.release()
        ways = viaroute.release()
    if removed:
        sys.stdout.write(f"removed from {options.pins}: {', '.join(removed)}\n")
    if released:
        sys.stdout.write(f"forgot {released} neighbours\n")
    if ways:
        sys.stdout.write(f"took back {ways} ways to real servers\n")
    if not removed and not released and not ways:
        sys.stdout.write(f"nothing to remove: no data plane is pinned in {options.pins}\n")
    return 0


async def _run(options: Options, store: Store, found: Opening) -> None:
    director = found.config.director
    _allow_many_files()
    garbage = Garbage()
    sys.setswitchinterval(SWITCH_EVERY)
    async with AsyncExitStack() as held:
        watcher = held.enter_context(closing(SegmentNeighbours(director.towards_reals, lambda: engine.world.vlans)))
        checks = HealthChecks()
        held.push_async_callback(checks.close)
        engine = Engine(
            found.config,
            XdpDataPlane(director.interface, options.pins, inside=director.inside),
            watcher,
            PacketAnnouncer(director.interface),
            checks,
            overrides=overrides(found.before.said if found.before else (), time.time()),
            memory=memory.from_json(store.memory()),
        )
        nics = [held.enter_context(closing(nic)) for nic in _nics(director, engine)]
        ways = held.enter_context(closing(WayWatch(engine.check_again)))
        signals, manager = _Signals(), ServiceManager()
        await engine.start()
        held.push_async_callback(engine.close)
        watches = [held.enter_context(closing(watch)) for watch in _vip_watches(director, engine)]
        running = write_down(found, store, time.time())
        changes = Changes(running, options.config, store, engine, at_work=garbage.held)
        changes.tell_faults(found.faults)
        listener = held.enter_context(listening(options.socket))
        events = Events()
        engine.listen(events.add)
        hooks = Hooks(lambda: engine.snapshot.world.config.hooks)
        held.push_async_callback(hooks.close)
        engine.listen(hooks.hear)
        tokens = Tokens(options.tokens) if options.tokens else None
        looking = Looking(engine)
        app = Api(lambda: engine.snapshot, changes, looking, _about(options), events, hooks, tokens).application()
        answering = [partial(serve, app, listener, events.close)]
        if options.listen and options.certificate:
            tls = tls_context(options.certificate, options.key)
            answering.append(partial(serve, app, held.enter_context(listening_on(*options.listen)), events.close, tls))
        await _until_stopped(
            signals,
            manager,
            engine.run,
            lambda: manager.reassure(engine.prove_alive),
            *(nic.run for nic in nics),
            ways.run,
            *(watch.run for watch in watches),
            changes.watch,
            lambda: _reload_forever(changes, signals.reload, manager),
            lambda: _remember_forever(engine, store),
            lambda: garbage.collect_forever(lambda: engine.snapshot.world.config),
            *answering,
            ready={"config": str(options.config), "socket": str(options.socket)},
        )
    log.info("ended; packets go on")


def _nics(director: Director, engine: Engine) -> Iterator[InterfaceWatch]:
    yield InterfaceWatch(director.interface, engine.tell)
    if director.inside:
        yield InterfaceWatch(director.inside, engine.tell, inside=True)


def _vip_watches(director: Director, engine: Engine) -> Iterator[VipWatch]:
    """On either NIC: outside a stranger would take the clients' packets, inside real servers' replies may come by."""
    for nic in (director.interface, director.inside) if director.watch else ():
        if nic:
            yield VipWatch(nic, engine.tell, director.watch, lambda: engine.snapshot.world)


async def _until_stopped(signals: _Signals, manager: ServiceManager, *work: Work, ready: dict[str, str]) -> None:
    """Everything that runs side by side, until a signal ends it."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one()) for one in work]
        log.info("ready", extra=ready)
        manager.tell("READY=1")
        await signals.stop.wait()
        manager.tell("STOPPING=1")
        for task in running:
            task.cancel()


class _Signals:
    """The process's signals as events of the running loop."""

    def __init__(self) -> None:
        self.stop, self.reload = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop.set)
        loop.add_signal_handler(signal.SIGINT, self.stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


async def _reload_forever(changes: Changes, asked: asyncio.Event, manager: ServiceManager) -> None:
    while True:
        await asked.wait()
        asked.clear()
        manager.tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        await changes.reload("SIGHUP")
        manager.tell("READY=1")


async def _remember_forever(engine: Engine, store: Store) -> None:
    """Keep what the next daemon needs to know, as soon as there is news of it."""
    news, kept = asyncio.Event(), Memory()
    engine.listen(lambda _: news.set())
    while True:
        if (known := await asyncio.to_thread(memory_of, engine.snapshot.world)) != kept:
            kept = known
            try:
                await asyncio.to_thread(lambda: store.remember(memory.as_json(known)))
            except StoreError as error:
                log.warning("%s", error)
        await news.wait()
        news.clear()


def _allow_many_files() -> None:
    """A check holds a file while it lasts, and there may be thousands at a time."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _about(options: Options) -> About:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return About(version("carom"), str(options.config.absolute()), os.getpid(), since)


if __name__ == "__main__":
    raise SystemExit(main())

"""caromd, the director's daemon: reads the configuration, joins every adapter to the engine, and runs until SIGTERM.

The only module that knows every adapter. It may die at any moment: packets are forwarded by what is pinned in the
kernel, and the next start takes that over. Only `--detach` takes it away.

    signal            effect
    SIGTERM, SIGINT   ends with exit code 0; packets go on
    SIGHUP            reads the configuration file again; a faulty one changes nothing

    exit code   meaning
    0           ended by a signal, or detached
    1           the configuration is faulty, or it could not be carried out; nothing was disturbed
    2           wrong usage
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from carom import log as logs
from carom.api.app import create_app
from carom.api.serve import claim, listening, serve
from carom.api.status import About
from carom.config.load import load_file
from carom.dataplane.xdp.plane import XdpDataPlane
from carom.engine import Engine
from carom.errors import CaromError, ConfigError
from carom.events import ConfigLoaded, ConfigRefused
from carom.log import Style
from carom.model import Config
from carom.net.announce import PacketAnnouncer
from carom.net.interface import InterfaceWatch
from carom.net.neighbours import KernelNeighbours, release

log = logging.getLogger("carom")


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    config: Path
    socket: Path
    pins: Path
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
        config = load_file(options.config)
        with claim(options.socket):
            asyncio.run(_run(options, config))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except CaromError as error:
        sys.stderr.write(f"caromd: {error}\n")
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="caromd", description="The director's daemon of Carom.")
    add = parser.add_argument
    add("-c", "--config", type=Path, default=Path("/etc/carom/carom.toml"), metavar="FILE", help="the configuration")
    add("--socket", type=Path, default=Path("/run/carom/carom.sock"), metavar="PATH", help="where the API listens")
    add("--pins", type=Path, default=Path("/sys/fs/bpf/carom"), metavar="DIR", help="where the data plane is pinned")
    add("--detach", action="store_true", help="take everything out of the kernel again, and end")
    add("--log", type=Style, choices=list(Style), default=Style.TEXT, help="how events are written to stderr")
    add("--version", action="store_true", help="say which version this is, and end")
    return Options(**vars(parser.parse_args(arguments)))


def _detach(options: Options) -> int:
    with claim(options.socket):
        removed = XdpDataPlane("", options.pins).detach()
        released = release()
    if removed:
        sys.stdout.write(f"removed from {options.pins}: {', '.join(removed)}\n")
    if released:
        sys.stdout.write(f"forgot {released} neighbours\n")
    if not removed and not released:
        sys.stdout.write(f"nothing to remove: no data plane is pinned in {options.pins}\n")
    return 0


async def _run(options: Options, config: Config) -> None:
    interface = config.director.interface
    with ExitStack() as held:
        neighbours = held.enter_context(closing(KernelNeighbours(interface)))
        plane = XdpDataPlane(interface, options.pins)
        engine = Engine(config, plane, neighbours, PacketAnnouncer(interface))
        nic = held.enter_context(closing(InterfaceWatch(interface, engine.tell)))
        signals = _Signals()
        await engine.start()
        try:
            with listening(options.socket) as listener:
                await _serve(options, config, engine, nic, signals, listener)
        finally:
            await engine.close()
    log.info("ended; packets go on")


async def _serve(
    options: Options, config: Config, engine: Engine, nic: InterfaceWatch, signals: _Signals, listener: socket.socket
) -> None:
    """Everything that runs side by side, until a signal ends it."""
    app = create_app(lambda: engine.snapshot, _about(options))
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(engine.run()),
            tasks.create_task(nic.run()),
            tasks.create_task(_reload_forever(options.config, config, engine, signals.reload)),
            tasks.create_task(serve(app, listener)),
        ]
        log.info("ready", extra={"config": str(options.config), "socket": str(options.socket)})
        _notify("READY=1")
        await signals.stop.wait()
        _notify("STOPPING=1")
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


async def _reload_forever(file: Path, running: Config, engine: Engine, asked: asyncio.Event) -> None:
    while True:
        await asked.wait()
        asked.clear()
        _notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        fact = await asyncio.to_thread(_reload, file, running)
        if isinstance(fact, ConfigRefused):
            for fault in fact.faults:
                log.error("configuration refused, the earlier one runs on: %s", fault)
        engine.tell(fact)
        _notify("READY=1")


def _reload(file: Path, running: Config) -> ConfigLoaded | ConfigRefused:
    try:
        config = load_file(file)
    except ConfigError as error:
        return ConfigRefused(tuple(str(fault) for fault in error.faults))
    except Exception as error:
        log.exception("the configuration meets a defect of the loader")
        return ConfigRefused((f"{file}: a defect, please report it: {type(error).__name__}: {error}",))
    if config.director != running.director:
        return ConfigRefused((f"{file}: [director] has changed: restart caromd to carry that out",))
    return ConfigLoaded(config)


def _about(options: Options) -> About:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return About(version("carom"), str(options.config.absolute()), os.getpid(), since)


def _notify(state: str) -> None:
    """Tell the service manager that started us, if one did: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        try:
            manager.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            manager.send(state.encode())
        except OSError as error:
            log.warning("the service manager does not listen: %s", error)


if __name__ == "__main__":
    raise SystemExit(main())

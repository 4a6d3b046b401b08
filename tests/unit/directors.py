"""A whole director without a kernel: the real engine, changes, store and API, over the data plane in memory.

It runs in a thread of its own and answers on a unix socket, so that tests can talk to it as its users do.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from carom.api.app import Api
from carom.api.events import Events
from carom.api.peer import Tokens
from carom.api.serve import listening, serve
from carom.api.status import About
from carom.api.tcp import listening_on
from carom.change import Changes
from carom.client import Client
from carom.config.store import Store
from carom.core.plan import Plan
from carom.dataplane.fake.plane import FakeDataPlane
from carom.engine import Engine
from carom.errors import DataPlaneError
from carom.hooks.hooks import Hooks
from carom.looking import Looking
from carom.model import Address, Config
from carom.opening import opening, write_down
from carom.outcome import Checked, Outcome, Reason
from carom.ports import Reading
from tests.unit.checks.certificates import certificate, serving

Result = TypeVar("Result")
OWN = bytes.fromhex("020000000001")
CONFIG = """\
# The shop's front door.
[director]
interface = "eth0"

[[service]]
name = "web"
vip = "192.168.76.24"
ports = ["tcp/80"]
scheduler = "wrr"
reals = ["192.168.76.31", { address = "192.168.76.32", weight = 2 }]  # the second is stronger
"""
LESS = CONFIG.replace(', { address = "192.168.76.32", weight = 2 }', "")
FAULTY = CONFIG.replace("tcp/80", "80")
ONE, TWO = ip_address("192.168.76.31"), ip_address("192.168.76.32")


class Plane(FakeDataPlane):
    """The data plane in memory, which can be made to refuse, and to have flows."""

    def __init__(self) -> None:
        super().__init__(OWN, "eth0")
        self.refusal: Exception | None = None
        self.active: dict[Address, int] = {}

    def apply(self, plan: Plan) -> None:
        if self.refusal:
            raise self.refusal
        super().apply(plan)

    def read(self) -> Reading:
        reading = super().read()
        return replace(
            reading,
            reals=tuple(replace(real, active=self.active.get(real.address, 0)) for real in reading.reals),
            flow_capacity=1024,
        )


class Neighbours:
    """A segment on which everybody answers."""

    async def watch(self, addresses: frozenset[Address], changed: Callable[[Address, bytes | None], None]) -> None:
        for address in addresses:
            changed(address, b"\x02\x00" + address.packed[-4:])


class Announcer:
    def announce(self, vips: tuple[Address, ...]) -> None:
        """Nobody listens."""


class Checks:
    """Everybody is well."""

    async def watch(self, config: Config, report: Callable[[Checked], None]) -> None:
        for service in config.services:
            for real in service.reals if service.check else ():
                report(Checked(service.name, real.address, Outcome(Reason.OK, seconds=0.001)))


@dataclass
class Director:
    """One while it runs."""

    folder: Path
    socket: Path
    file: Path
    plane: Plane = field(default_factory=Plane)
    loop: asyncio.AbstractEventLoop | None = None
    engine: Engine | None = None
    changes: Changes | None = None
    events: Events | None = None
    hooks: Hooks = field(default_factory=lambda: Hooks(tuple))
    clock: Callable[[], float] = time.time
    """What it takes for the time of day."""
    port: int = 0
    """Where it answers over TLS to tokens too, as `caromd --listen`; 0: nowhere."""
    at_work: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered while a configuration is read or carried out."""

    @property
    def client(self) -> Client:
        return Client(self.socket)

    @property
    def store(self) -> Store:
        return Store(self.folder / "state")

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do this in the director's event loop."""
        assert self.loop is not None
        done: Future[Result] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return done.result(30)

    def refuse(self, why: str = "the members are full") -> None:
        self.plane.refusal = DataPlaneError(why)

    async def run(self, started: threading.Event, stop: asyncio.Event) -> None:
        store = self.store
        found = opening(self.file, store, time.time())
        self.engine = engine = Engine(found.config, self.plane, Neighbours(), Announcer(), Checks())
        await engine.start()
        begins, clock = write_down(found, store, time.time()), lambda: self.clock()
        self.changes = Changes(begins, self.file, store, engine, clock, at_work=self.at_work)
        self.events = events = Events()
        self.hooks = Hooks(lambda: engine.snapshot.world.config.hooks)
        engine.listen(self.hooks.hear)
        engine.listen(events.add)
        about = About("0.1.0", str(self.file), 42, "2026-03-01T12:00:00+00:00")
        tokens = Tokens(self.folder / "tokens") if (self.folder / "tokens").exists() else None
        api = Api(lambda: engine.snapshot, self.changes, Looking(engine), about, events, self.hooks, tokens)
        app = api.application()
        with listening(self.socket) as listener, listening_on("127.0.0.1", 0) as remote:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(engine.run()),
                    tasks.create_task(self.changes.watch()),
                    tasks.create_task(serve(app, listener, events.close)),
                ]
                if tokens:
                    tls = serving(certificate(self.folder, "localhost", 1))
                    self.port = remote.getsockname()[1]
                    running.append(tasks.create_task(serve(app, remote, events.close, tls)))
                started.set()
                await stop.wait()
                for task in running:
                    task.cancel()
        await self.hooks.close()
        await engine.close()


@contextmanager
def director(
    folder: Path, text: str = CONFIG, at_work: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[Director]:
    """A director that is ready, in this folder; what it finds there from an earlier one it takes up.

    Where there is a file `tokens`, it answers over TLS too, with the certificate `localhost1.crt`.
    """
    it = Director(folder, folder / "carom.sock", folder / "carom.toml", at_work=at_work)
    if not it.file.exists():
        it.file.write_text(text)
    started, failures = threading.Event(), []
    stop: list[asyncio.Event] = []

    async def main() -> None:
        it.loop = asyncio.get_running_loop()
        stop.append(asyncio.Event())
        await it.run(started, stop[0])

    def body() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - carried over to the test
            failures.append(error)
            started.set()

    thread = threading.Thread(target=body)
    thread.start()
    assert started.wait(20)
    try:
        if not failures:
            yield it
    finally:
        if it.loop and stop and thread.is_alive():
            it.loop.call_soon_threadsafe(stop[0].set)
        thread.join(20)
    if failures:
        raise failures[0]


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline, patience = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        patience.wait(0.01)

"""The XDP data plane as the engine knows it: `carom.ports.DataPlane` over the program and its tables."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Mapping
from pathlib import Path

from carom.core.explain import Question, Sight
from carom.core.flows import Wanted
from carom.core.plan import Plan
from carom.dataplane.xdp import counters, hold, migrate, program
from carom.dataplane.xdp.explain import explain
from carom.dataplane.xdp.features import features_of
from carom.dataplane.xdp.flows import FlowTables
from carom.dataplane.xdp.groups import Groups
from carom.dataplane.xdp.hold import Hold
from carom.dataplane.xdp.layout import FEATURE_MTU
from carom.dataplane.xdp.libbpf import Program
from carom.dataplane.xdp.pins import MAPS, make_folder, pin_maps
from carom.dataplane.xdp.program import Loaded, Nic
from carom.dataplane.xdp.room import lacking
from carom.dataplane.xdp.tables import Tables
from carom.errors import DataPlaneError
from carom.ports import Attachment, FlowCount, FlowSlice, Reading


class XdpDataPlane:
    """Carom's program on one NIC, pinned under `pins`; several directors on one host have pins of their own.

    With `inside`, real servers are reached by that NIC.
    """

    def __init__(self, interface: str, pins: Path, flow_buckets: int = 1 << 18, inside: str | None = None) -> None:
        self._interface, self._inside, self._pins, self._flow_buckets = interface, inside, pins, flow_buckets
        self._groups = Groups(interface)
        self._hold = Hold(interface, pins, inside)
        self._loaded: Loaded | None = None
        self._tables: Tables | None = None
        self._mode = ""
        """`native` or `generic`, once attached."""
        self._explainer: Program | None = None
        """Loaded when somebody asks."""
        self._claimed: int | None = None
        """The descriptor of the pins' folder, whose lock says that they are ours."""

    def attach(self) -> Attachment:
        self._claim()
        mac, inside = program.mac_of(self._interface), self._inside_nic()
        migration = migrate.begin(self._pins, mac, self._flow_buckets, inside)
        if migration:
            migration.prepare()
        loaded = migration.loaded if migration else program.load(mac, self._pins, self._flow_buckets, inside=inside)
        self._loaded, self._tables = loaded, Tables(loaded.maps, time.monotonic)
        program.start_clock(loaded)
        self._mode, taken_over = self._hold.put(loaded)
        self._groups = Groups(self._interface)  # a NIC that came back listens to none of them
        if migration:
            self._loaded = migration.finish()
            self._hold.note_pins()
        return Attachment("xdp", self._interface, self._mode, taken_over, self._inside or "")

    def _inside_nic(self) -> Nic | None:
        return program.nic(self._inside) if self._inside else None

    def apply(self, plan: Plan) -> None:
        """First a program that can do all that the plan needs, then the plan, then one that can do no more."""
        needed = self._needed(plan)
        loaded, _ = self._attached()
        self._refit(loaded.features | needed, lacking(plan, loaded.maps))
        self._groups.listen(service.vip for service in plan.services)
        self._attached()[1].apply(plan)
        self._refit(self._needed(plan))

    def _needed(self, plan: Plan) -> int:
        """The features that this plan needs, and the flows that are left of the one before."""
        needed = features_of(plan) | self._attached()[1].finishing
        if self._inside:
            needed |= FEATURE_MTU
        if self._mode == "generic":  # its frames may be many segments joined (GRO), whose size says nothing
            needed &= ~FEATURE_MTU
        return needed

    def _refit(self, features: int, room: Mapping[str, int] | None = None) -> None:
        """Swaps the program for one with other features, in one step and on the same maps, or on larger ones."""
        loaded, _ = self._attached()
        if features == loaded.features and not room:
            return
        fitted = program.load(
            program.mac_of(self._interface),
            self._pins,
            flow_buckets=self._flow_buckets,
            features=features,
            maps=loaded.maps,
            inside=self._inside_nic(),
            room=room,
        )
        program.start_clock(fitted)
        self._hold.put(fitted)
        self._forget_explainer()
        self._loaded = fitted
        self._tables = Tables(fitted.maps, time.monotonic)
        loaded.close()

    def disturbance(self) -> str:
        return self._hold.disturbance() if self._loaded else ""

    def mend(self) -> None:
        """The maps are held, whatever became of their pins, so no flow is lost."""
        loaded, _ = self._attached()
        self._claim()
        pin_maps(make_folder(self._pins / MAPS), loaded.maps)
        self._mode, _ = self._hold.put(loaded)

    def read(self) -> Reading:
        loaded, tables = self._attached()
        return counters.read(loaded, tables.reals)

    def flows(self, wanted: Wanted, place: int, most: int) -> FlowSlice:
        return self._flow_tables().flows(wanted, place, most)

    def count_flows(self, wanted: Wanted, place: int) -> FlowCount:
        return self._flow_tables().count_flows(wanted, place)

    def _flow_tables(self) -> FlowTables:
        loaded, tables = self._attached()
        return FlowTables(loaded.maps, tables.vips, tables.reals)

    def explain(self, question: Question) -> Sight:
        loaded, tables = self._attached()
        if self._explainer is None:
            self._explainer = program.load_explainer(loaded)
        return explain(loaded, self._explainer, tables, question)

    def _forget_explainer(self) -> None:
        """It knows the constants of the program that it was loaded beside."""
        if self._explainer is not None:
            self._explainer.close()
            self._explainer = None

    def close(self) -> None:
        self._forget_explainer()
        self._hold.close()
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = self._tables = None
        if self._claimed is not None:
            os.close(self._claimed)
            self._claimed = None

    def _claim(self) -> None:
        """One daemon to a folder of pins. The kernel gives the claim back when the daemon dies."""
        make_folder(self._pins)
        if self._claimed is not None:
            if os.path.samestat(os.fstat(self._claimed), self._pins.stat()):
                return
            os.close(self._claimed)  # somebody has removed the folder
            self._claimed = None
        folder = os.open(self._pins, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(folder)
            raise DataPlaneError(
                f"another caromd works on the pins in {self._pins}: stop it, or give --pins"
            ) from error
        self._claimed = folder

    def detach(self) -> tuple[str, ...]:
        self.close()
        self._groups.listen(())
        return hold.detach(self._pins)

    def _attached(self) -> tuple[Loaded, Tables]:
        if self._loaded is None or self._tables is None:
            raise DataPlaneError("the data plane is not attached")
        return self._loaded, self._tables

"""Every error Carom raises on purpose.

    CaromError
    ├── ConfigError          a configuration has faults; carries all of them
    ├── ChangeError          a change is not possible as things stand; what ran runs on
    ├── StoreError           what is kept on disk cannot be read or written
    ├── UnsupportedError     this kernel, or this build, lacks something; names it and the remedy
    ├── DataPlaneError       the data plane refused a wish; the earlier plan stands
    │   └── BpfError         a bpf(2) or libbpf call failed; carries errno and the verifier's log
    ├── NetError             a netlink or socket operation failed
    ├── HookError            a hook could not be told of an event
    ├── LabError             the lab cannot be built, found or taken down
    ├── RealServerError      a real server's host cannot be prepared or restored
    │   └── WishError        what was asked makes no sense on this host; nothing was done
    ├── RefusedError         a director does not do what it is asked; carries the HTTP status
    └── UnreachableError     no director answers on the socket

An error's text is one sentence for a person: what failed, on what, and what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carom.model import Fault


class CaromError(Exception):
    """The root: whoever catches this catches everything Carom raises on purpose."""


class ConfigError(CaromError):
    """A configuration has faults."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults
        """All faults found, in the order of their lines."""


class ChangeError(CaromError):
    """A change is not possible as things stand; what ran before still runs."""


class StoreError(CaromError):
    """What the daemon keeps on disk cannot be read or written."""


class UnsupportedError(CaromError):
    """The kernel or this build lacks a feature; the text names it and the remedy."""


class DataPlaneError(CaromError):
    """The data plane refused a wish; what ran before still runs."""


class BpfError(DataPlaneError):
    """A bpf(2) or libbpf call failed."""

    def __init__(self, message: str, errno: int = 0, log: str = "") -> None:
        super().__init__(message)
        self.errno = errno
        """The positive errno, 0 where there was none."""
        self.log = log
        """What libbpf and the verifier printed, empty where they were silent."""


class NetError(CaromError):
    """A netlink or socket operation failed."""


class HookError(CaromError):
    """A hook could not be told of an event."""


class LabError(CaromError):
    """The lab cannot be built, found or taken down."""


class RealServerError(CaromError):
    """A real server's host cannot be prepared or restored."""


class WishError(RealServerError):
    """What was asked of a real server makes no sense on this host; nothing was done. One reason per line."""


class RefusedError(CaromError):
    """A director does not do what it is asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        """HTTP's; up to 404: the request itself was wrong, or not for whoever made it."""


class UnreachableError(CaromError):
    """No director answers on the socket."""

"""What a check is, and the border at which whatever happens in one becomes an `Outcome`.

A kind of check is a frozen dataclass whose fields are its options and whose one method holds a conversation with a
real server. A conversation may end by returning an outcome, by raising `Unmet`, or by an OSError; `examine` is the one
place that knows what each means. Nothing a real server sends gets past it as an exception.
"""

from __future__ import annotations

import errno
import logging
import ssl
import time
from dataclasses import dataclass, replace
from typing import Protocol

from carom.model import Address
from carom.outcome import Outcome, Reason

log = logging.getLogger(__name__)

OK = Outcome(Reason.OK)


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to check, and by which way."""

    address: Address
    """Where packets are addressed to: the VIP, or the real server's own address."""
    port: int
    """0 where the kind has none."""
    real: Address
    """The real server's own address, whichever way it is checked."""
    mark: int = 0
    """SO_MARK that leads packets for the VIP to this real server (`carom.net.viaroute`); 0: the ordinary way."""
    timeout: float = 1.0
    """Seconds for the whole conversation."""


class Checker(Protocol):
    """One kind of check with its options: frozen and hashable, so that equal checks can be shared."""

    async def check(self, target: Target) -> Outcome:
        """Hold the conversation. Ends by `target.timeout`; raises only what `examine` translates."""


class Unmet(Exception):
    """Something was not as it should be; ends a conversation, and never leaves this package."""

    def __init__(self, reason: Reason, text: str = "") -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


async def examine(checker: Checker, target: Target) -> Outcome:
    """Check, and say in an Outcome how that ended, whatever happened, with the time it took."""
    started = time.perf_counter()
    try:
        outcome = await checker.check(target)
    except Unmet as unmet:
        outcome = Outcome(unmet.reason, printable(unmet.text))
    except TimeoutError:
        outcome = Outcome(Reason.SLOW, f"it answered, but had not finished after {target.timeout:g} s")
    except ssl.SSLError as error:
        outcome = Outcome(Reason.TLS_ERROR, printable(_tls_text(error)))
    except OSError as error:
        outcome = Outcome(reason_of(error), printable(error.strerror or str(error) or "the connection was closed"))
    except Exception as error:
        log.exception("the check %s of %s failed in a way it should not", checker, target)
        outcome = Outcome(Reason.FAULT, f"the check itself broke: {type(error).__name__}")
    return replace(outcome, seconds=time.perf_counter() - started)


_REASONS = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.ENETUNREACH: Reason.UNREACHABLE,
    errno.EHOSTDOWN: Reason.UNREACHABLE,
    errno.ENETDOWN: Reason.UNREACHABLE,
    errno.ENODEV: Reason.UNREACHABLE,
    errno.EACCES: Reason.PROHIBITED,  # what Linux makes of ICMPv6 "administratively prohibited"
    errno.ETIMEDOUT: Reason.SILENT,
    errno.EPERM: Reason.FAULT,
    errno.EMFILE: Reason.FAULT,
    errno.ENFILE: Reason.FAULT,
    errno.ENOMEM: Reason.FAULT,
    errno.ENOBUFS: Reason.FAULT,
    errno.EADDRNOTAVAIL: Reason.FAULT,
    errno.EAFNOSUPPORT: Reason.FAULT,
}


def reason_of(error: OSError) -> Reason:
    """What an errno says; FAULT for those that speak of our own host. Any other ended the connection."""
    return _REASONS.get(error.errno or 0, Reason.CLOSED)


def _tls_text(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not verify: {error.verify_message}"
    return (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()


TEXT_LIMIT = 200


def printable(text: str | bytes) -> str:
    """At most 200 characters of the text that no terminal, log or page can be hurt by."""
    if isinstance(text, bytes):
        text = text[: TEXT_LIMIT + 1].decode("utf-8", "replace")
    short = text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "…"
    return "".join(c if c.isprintable() else "\N{MIDDLE DOT}" for c in short)

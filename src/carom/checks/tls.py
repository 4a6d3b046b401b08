"""tls: the service completes a TLS handshake, with a certificate that will not expire tomorrow."""

from __future__ import annotations

import ssl
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from carom.checks.certificate import not_after
from carom.checks.checker import Target, Unmet
from carom.checks.stream import Conversation, conversation
from carom.outcome import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Tls:
    """How to speak TLS; as a check by itself, the handshake is all of it."""

    sni: str = ""
    """Name asked for, and verified if `verify`; empty: none is asked for, and the address is verified."""
    verify: bool = False
    """Whether the certificate must be valid for the name and signed by a known authority."""
    ca: str = ""
    """File of the authorities that count (PEM); empty: the system's."""
    expiry_warning: float = 14 * 86400.0
    """Warn while the certificate is valid for fewer seconds than this; 0: never."""

    async def check(self, target: Target) -> Outcome:
        async with self.open(target) as talk:
            return Outcome(Reason.OK, warnings=self.warnings(talk))

    def open(self, target: Target, name: str = "") -> AbstractAsyncContextManager[Conversation]:
        """A conversation in TLS; `name` stands in for an `sni` left empty."""
        asked = self.sni or name or (str(target.address) if self.verify else "")
        try:
            return conversation(target, _context(self.verify, self.ca), asked)
        except (OSError, ssl.SSLError) as error:
            raise Unmet(Reason.FAULT, f"the authorities in {self.ca} cannot be read: {error}") from error

    def warnings(self, talk: Conversation) -> tuple[str, ...]:
        """What a certificate that was accepted has against it."""
        der = talk.tls.getpeercert(binary_form=True) if talk.tls else None
        if not der or not self.expiry_warning:
            return ()
        try:
            left = not_after(der) - datetime.now(UTC)
        except ValueError as error:
            return (f"the certificate's expiry cannot be read: {error}",)
        if left < timedelta():
            return ("the certificate has expired",)
        if left < timedelta(seconds=self.expiry_warning):
            return (f"the certificate expires in {left.days} days",)
        return ()


@lru_cache(maxsize=64)
def _context(verify: bool, ca: str) -> ssl.SSLContext:
    """One context per set of options: making one takes milliseconds, and with the system's authorities megabytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if verify:
        context.load_verify_locations(ca) if ca else context.load_default_certs()
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

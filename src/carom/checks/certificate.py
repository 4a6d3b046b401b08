"""When a certificate expires, read from its DER (X.690) by walking to the one field (RFC 5280 section 4.1).

Python's ssl names the field only for certificates it verified; a check must warn about the others too.
"""

from __future__ import annotations

from datetime import UTC, datetime

_CONTEXT_0 = 0xA0
_UTC_TIME = 0x17
_GENERALIZED_TIME = 0x18


def not_after(der: bytes) -> datetime:
    """The end of the certificate's validity. Raises ValueError if the bytes are no certificate."""
    try:
        return _not_after(der)
    except IndexError as error:
        raise ValueError("a certificate that ends too early") from error


def _not_after(der: bytes) -> datetime:
    _, at, _ = _element(der, 0)  # Certificate
    _, at, _ = _element(der, at)  # TBSCertificate
    if der[at] == _CONTEXT_0:  # version, absent in version 1
        at = _after(der, at)
    for _ in ("serialNumber", "signature", "issuer"):
        at = _after(der, at)
    _, at, _ = _element(der, at)  # Validity
    at = _after(der, at)  # notBefore
    kind, start, end = _element(der, at)
    return _time(kind, der[start:end])


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """The element at `at`: its tag, where its content starts, and where it ends."""
    length = der[at + 1]
    start = at + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[start : start + size], "big")
        start += size
    if start + length > len(der):
        raise ValueError("a certificate whose parts are longer than itself")
    return der[at], start, start + length


def _after(der: bytes, at: int) -> int:
    return _element(der, at)[2]


def _time(kind: int, text: bytes) -> datetime:
    """RFC 5280 section 4.1.2.5: always in Zulu; two-digit years from 50 on are of the twentieth century."""
    if kind not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError(f"a time of the unknown kind {kind:#x}")
    if kind == _UTC_TIME:
        text = (b"19" if text[:2] >= b"50" else b"20") + text
    return datetime.strptime(text.decode("ascii", "replace"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)

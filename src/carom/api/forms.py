"""Which form a text has that a request says, as far as a JSON Schema can tell; who reads it has the last word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Form = Mapping[str, Any]
"""The part of a JSON Schema that says it."""

_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"({_BYTE}\.){{3}}{_BYTE}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_SHORTENED = "|".join(f"({_GROUP}:){{{left}}}(:{_GROUP}){{1,{7 - left}}}" for left in range(1, 7))
_IPV6 = f"(({_GROUP}:){{7}}{_GROUP}|({_GROUP}:){{1,7}}:|:(:{_GROUP}){{1,7}}|::|{_SHORTENED})"
"""RFC 4291 section 2.2, forms 1 and 2; IPv4 addresses in IPv6 are no real servers' and no clients'."""
_PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
_END = rf"({_IPV4}|\[{_IPV6}\]):{_PORT}"

ADDRESS: Form = {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
NETWORK: Form = {"pattern": rf"^({_IPV4}(/(3[0-2]|[12]?[0-9]))?|{_IPV6}(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$"}
"""An address, or a network by its prefix length."""
END: Form = {"pattern": f"^{_END}$"}
"""An address and a port, an IPv6 address in brackets."""
CURSOR: Form = {"pattern": "^[0-9a-f]{1,10}$"}


def target(protocols: Iterable[str]) -> Form:
    """An address, a port and perhaps one of these protocols."""
    return {"pattern": f"^{_END}(/({'|'.join(protocols)}))?$"}


def one_of(words: Iterable[str]) -> Form:
    return {"enum": list(words)}

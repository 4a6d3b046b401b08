"""Which kinds of check there are. A kind's module is loaded when the first check of it is built."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from carom.checks.checker import Checker

KINDS: Mapping[str, str] = {
    "tcp": "tcp.Tcp",
    "http": "http.Http",
    "https": "http.Https",
    "tls": "tls.Tls",
    "dns": "dns.Dns",
    "udp": "udp.Udp",
    "icmp": "icmp.Icmp",
    "send-expect": "send_expect.SendExpect",
    "script": "script.Script",
    "smtp": "smtp.Smtp",
    "mysql": "mysql.Mysql",
    "postgres": "postgres.Postgres",
    "redis": "redis.Redis",
}
"""The module and the class of each."""


def kind(name: str) -> type[Checker]:
    """The kind of this name. Raises KeyError if there is none."""
    module, _, class_ = KINDS[name].partition(".")
    found: type[Checker] = getattr(import_module(f"carom.checks.{module}"), class_)
    return found


def build(name: str, options: Mapping[str, object]) -> Checker:
    """A check with its own options, as `carom.config` has validated them."""
    return kind(name)(**options)

"""The kinds of checks, and the fields of each.

Names, values and defaults are those of the kinds' classes in `carom.checks`, which a test holds them to: what is read
here is handed to them as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from carom.config import scalars
from carom.config.shapes import Field, ListOf

_HOST = r"[A-Za-z0-9._:\[\]-]{1,253}"
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}"  # RFC 9110 section 5.6.2


def _pattern(name: str, about: str, example: str) -> Field:
    return Field(name, scalars.pattern(), about, example, "", default_words="any")


def _word(name: str, about: str, example: str, default: str, words: str = "") -> Field:
    shape = scalars.text("text of 1 to 255 characters without control characters", r"[^\x00-\x1f\x7f]{1,255}")
    return Field(name, shape, about, example, default, default_words=words)


_HTTP = (
    Field("method", scalars.choice(("GET", "HEAD", "OPTIONS"), "method"), "What to ask.", 'method = "HEAD"', "GET"),
    Field(
        "path",
        scalars.text("a path that begins with /, without spaces", r"/[!-~]{0,2047}"),
        "What to ask for, with its query.",
        'path = "/health"',
        "/",
    ),
    Field(
        "host",
        scalars.text("a host name or address", _HOST),
        "The Host header.",
        'host = "www.example.com"',
        "",
        default_words="the address checked",
    ),
    Field(
        "headers",
        scalars.headers({"host": 'write host = "www.example.com" beside headers'}),
        "Further headers.",
        'headers = { X-Probe = "carom" }',
        (),
        default_words="none",
    ),
    Field(
        "status",
        ListOf(scalars.statuses(), 'a list of HTTP statuses, each as 204 or "200-399"'),
        "The statuses that are well.",
        'status = [200, "300-399"]',
        ((200, 399),),
        default_words='["200-399"]',
    ),
    _pattern("body", "A regular expression to be found in the body's first MiB.", "body = 'status: (ok|fine)'"),
    Field(
        "weight_header",
        scalars.text("a header's name", _HEADER_NAME),
        'The header of the answer that says what the weight shall be, as "75%", "drain", "ready" or "down".',
        'weight_header = "X-Weight"',
        "",
        default_words="none",
    ),
)
_TLS = (
    Field(
        "sni",
        scalars.text("a host name", _HOST),
        "The server name to ask for; with http, else the name in `host`.",
        'sni = "www.example.com"',
        "",
        default_words="none",
    ),
    Field("verify", scalars.boolean(), "Whether its certificate must be valid for that name.", "verify = true", False),
    Field(
        "ca",
        scalars.text("a file's whole path", r"/[^\x00-\x1f\x7f]{1,4094}"),
        "The file (PEM) of the authorities that may have signed it.",
        'ca = "/etc/carom/ca.pem"',
        "",
        default_words="the system's",
    ),
    Field(
        "expiry_warning",
        scalars.duration(0, 3650 * 86400),
        "Warn when its certificate ends sooner than this; 0: never.",
        'expiry_warning = "30d"',
        14.0 * 86400,
        default_words='"14d"',
    ),
)
_TALK = (
    Field("send", scalars.payload(), "What to send.", r"send = 'PING\r\n'", b"", default_words="nothing"),
    Field(
        "expect", scalars.payload(), '"*": any answer; else what it must contain.', "expect = '+PONG'", b"", "nothing"
    ),
    _pattern("regex", "A regular expression to be found in the answer.", "regex = '^\\+PONG'"),
)
_TYPES = ("A", "AAAA", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "SVCB", "TXT")
_RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
_DNS = (
    Field(
        "query",
        scalars.text("a domain name", r"(?=.{1,253}$)(\.|([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?)"),
        "The name to ask for.",
        'query = "www.example.com"',
        ".",
    ),
    Field("type", scalars.choice(_TYPES, "type of record"), "The type of record to ask for.", 'type = "A"', "NS"),
    Field(
        "rcode",
        ListOf(scalars.choice(_RCODES, "answer code"), f"a list of answer codes, of {', '.join(_RCODES)}"),
        "The answer codes that are well.",
        'rcode = ["NOERROR", "NXDOMAIN"]',
        ("NOERROR",),
        default_words='["NOERROR"]',
    ),
    _pattern("answer", "A regular expression to be found in one of the answer's records.", r"answer = '192\.0\.2\.'"),
    Field("transport", scalars.choice(("udp", "tcp"), "transport of DNS"), "How to ask.", 'transport = "tcp"', "udp"),
)
_SCRIPT = (
    Field(
        "command",
        scalars.command(),
        "The program to run, without a shell; exit code 0 is well. In its arguments `%h` is the real server's address, "
        "`%p` the port, `%v` the address to check, `%m` the mark that leads a packet for the VIP to this real server.",
        'command = "/usr/local/bin/check-app %h %p"',
        required=True,
    ),
    _pattern("output", "A regular expression to be found in its output.", "output = '^OK'"),
    Field("weight", scalars.boolean(), "Whether its output says what the weight shall be.", "weight = true", False),
)

KINDS: Mapping[str, tuple[Field, ...]] = {
    "tcp": (),
    "http": _HTTP,
    "tls": _TLS,
    "https": (*_HTTP, *_TLS),
    "dns": _DNS,
    "udp": _TALK,
    "icmp": (),
    "send-expect": _TALK,
    "script": _SCRIPT,
    "smtp": (_word("helo", "The name we give in EHLO.", 'helo = "carom.example.com"', "carom.invalid"),),
    "mysql": (_word("user", "Log in as this user, who has no password.", 'user = "carom"', "", "greeting only"),),
    "postgres": (
        _word("user", "The user to log in as.", 'user = "check"', "carom"),
        _word("database", "The database to open.", 'database = "app"', "", "the user's"),
    ),
    "redis": (
        _word("password", "The password to log in with.", 'password = "secret"', "", "no login"),
        _word("user", "The user to log in as.", 'user = "check"', "", "the default user"),
    ),
}
"""Every kind of check with its own fields."""

"""Configurations with faults, and what must be said of each: the line, the path, and words of the message.

`WEB` is sound. Most of these are `WEB` with one line written otherwise, or with lines added at its end.
"""

from __future__ import annotations

from dataclasses import dataclass

WEB = """\
[director]
interface = "eth0"
[[service]]
name = "web"
vip = "192.168.76.24"
ports = ["tcp/80"]
reals = ["192.168.76.31", "192.168.76.32"]
"""


@dataclass(frozen=True)
class Said:
    """One fault as it must be reported."""

    line: int
    path: str
    words: tuple[str, ...]
    """All of them stand in the message, in this order; the last is the remedy."""


@dataclass(frozen=True)
class Faulty:
    """A configuration and everything that is wrong with it."""

    what: str
    text: str
    said: tuple[Said, ...]


def said(line: int, path: str, *words: str) -> Said:
    return Said(line, path, words)


def web(*lines: str) -> str:
    """WEB with these lines: in place of the line of the same key, else at the end."""
    text = WEB.splitlines()
    for line in lines:
        key = line.split(" =")[0]
        same = [number for number, old in enumerate(text) if old.startswith(f"{key} =")]
        if same:
            text[same[0]] = line
        else:
            text.append(line)
    return "\n".join(text) + "\n"


def check(*lines: str) -> str:
    return web("[service.check]", *lines)


def one(what: str, text: str, *faults: Said) -> Faulty:
    return Faulty(what, text, faults)


def two(*lines: str) -> str:
    """WEB and a second service, whose own lines begin at line 9."""
    return WEB + "\n".join(["[[service]]", *lines]) + "\n"


SYNTAX = (
    one("text without quotes", "[director]\ninterface = eth0\n", said(2, "syntax", "no value", "quotes")),
    one("an address without quotes", web("vip = 192.168.76.24"), said(5, "syntax", "into quotes")),
    one("a duration without quotes", web("slow_start = 5s"), said(8, "syntax", "into quotes")),
    one(
        "a list that is not closed", web('reals = ["192.168.76.31"'), said(7, "syntax", "list is not closed", "write [")
    ),
    one("a list without a comma", web('ports = ["tcp/80" "tcp/81"]'), said(6, "syntax", "comma", "write [")),
    one("a table over two lines", web("reals = [{ address =\n}]"), said(7, "syntax", "no value", "quotes")),
    one(
        "a table with a last comma", web("reals = [{ weight = 1, }]"), said(7, "syntax", "a key belongs", "last comma")
    ),
    one("a text that is not closed", web('name = "web'), said(4, "syntax", "line break", "close the quote")),
    one(
        "a text in single quotes that is not closed",
        web("name = 'web"),
        said(7, "syntax", "no closing quote", "add it"),
    ),
    one("a text in single quotes over two lines", web("name = 'web\n'"), said(4, "syntax", "line break", "close")),
    one("a literal text to the end", web("name = '''web"), said(7, "syntax", "no closing quote", "add it")),
    one("a long text that is not closed", web('name = """web'), said(7, "syntax", "no closing quote", "add it")),
    one("a key twice", web() + 'vip = "192.168.76.25"\n', said(8, "syntax", "second time", "keep one")),
    one("a table twice", web("[director]"), said(8, "syntax", "opened before", "put its keys together")),
    one(
        "a table that was closed",
        web("check = { }", "check.fall = 3"),
        said(9, "syntax", "closed with its { }", "write"),
    ),
    one("a key without a value", web("scheduler"), said(8, "syntax", "no value", "write key = value")),
    one("a key without a name", web("= 3"), said(8, "syntax", "neither key = value", "comment")),
    one("a header that is not closed", "[director\n", said(1, "syntax", "not closed", "write [table]")),
    one("a backslash in a text", web(r'name = "w\eb"'), said(4, "syntax", "backslash", "'single quotes'")),
    one("a date of no calendar", web("name = 2024-02-31"), said(4, "syntax", "no date", "quotes")),
    one("brackets without end", "a = " + "[" * 100_000, said(1, "syntax", "nested too deeply", "four levels")),
    one("a number of 5000 digits", web(f"minimum = {'9' * 5000}"), said(8, "syntax", "too many digits", "smaller")),
    one("half a character", web('name = "\ud800"'), said(4, "syntax", "half a character", "delete")),
)

KEYS = (
    one("nothing at all", "", said(1, "director", "missing", "[director]")),
    one("no interface", "[director]\n", said(1, "director.interface", "missing", 'write interface = "eth0"')),
    one(
        "a service without anything",
        '[director]\ninterface = "eth0"\n\n[[service]]\n',
        said(4, "service[0].name", "missing", "write name ="),
        said(4, "service[0].ports", "missing", "write ports ="),
        said(4, "service[0].reals", "needs a real server", "write reals ="),
        said(4, "service[0].vip", "missing", "write vip ="),
    ),
    one("a misspelled table", WEB + "[[servise]]\n", said(8, "servise", "unknown key", "write service (see line 3)")),
    one("a misspelled key", web('schedular = "rr"'), said(8, "service[0].schedular", "unknown key", "write scheduler")),
    one(
        "a misspelled key with a faulty value",
        web('schedular = "rrr"'),
        said(8, "service[0].schedular", "no scheduler", 'write "rr"'),
        said(8, "service[0].schedular", "unknown key", "write scheduler"),
    ),
    one(
        "a misspelled key that is required",
        '[director]\nInterface = "eth0"\n',
        said(2, "director.Interface", "unknown key", "write interface"),
    ),
    one("a key in another table", web("weight = 2"), said(8, "service[0].weight", "belongs in reals = [{ }]")),
    one("a check's key in a service", web("every = 5"), said(8, "service[0].every", "belongs in [service.check]")),
    one("a key at the top", 'interface = "eth0"\n' + WEB, said(1, "interface", "belongs in [director]")),
    one(
        "a key that is nothing like any",
        web("zzz = 1"),
        said(8, "service[0].zzz", "unknown", "one of name, vip, ports"),
    ),
    one("a key in quotes", web('"a key" = 1'), said(8, 'service[0]."a key"', "unknown", "one of name")),
    one(
        "a key with a control character",
        web(r'"\u001b[1m" = 1'),
        said(8, r'service[0]."\u001b[1m"', "unknown", "one of"),
    ),
    one(
        "a key of another kind of check",
        check('kind = "tcp"', 'path = "/"'),
        said(10, "service[0].check.path", "tcp", "write kind =", '"http" or "https"', "delete"),
    ),
    one(
        "a key of a kind that is not written",
        check("path = 3"),
        said(9, "service[0].check.path", "tcp", '"http" or "https"', "delete"),
    ),
    one(
        "a service in single brackets", '[director]\ninterface = "eth0"\n[service]\n', said(3, "service", "[[service]]")
    ),
    one("two directors", '[[director]]\ninterface = "eth0"\n', said(1, "director", "takes a table", "[director]")),
    one(
        "a hook of an event that there is not",
        web("[[hook]]", 'on = ["real down"]', 'run = "/bin/true"'),
        said(9, "hook[0].on[0]", "real down", "real server down"),
    ),
    one("a hook in single brackets", web("[hook]"), said(8, "hook", "[[hook]]")),
    one("services that are no tables", WEB.split("[[")[0] + "[service]\na = 1", said(3, "service", "[[service]]")),
    one("a service that is text", 'service = ["web"]\n' + WEB.split("[[")[0], said(1, "service[0]", "[[service]]")),
)

VALUES = (
    one(
        "an interface with a slash",
        '[director]\ninterface = "eth0/1"\n',
        said(2, "director.interface", "without /", "eth0"),
    ),
    one(
        "an interface too long",
        f'[director]\ninterface = "{"e" * 16}"\n',
        said(2, "director.interface", "1 to 15", "eth0"),
    ),
    one("an empty interface", '[director]\ninterface = ""\n', said(2, "director.interface", "1 to 15", "eth0")),
    one(
        "an interface with a space",
        '[director]\ninterface = "eth 0"\n',
        said(2, "director.interface", "spaces", "eth0"),
    ),
    one(
        "an interface that is a number",
        "[director]\ninterface = 0\n",
        said(2, "director.interface", "0 does not", "eth0"),
    ),
    one(
        "a name with a space",
        web('name = "my web"'),
        said(4, "service[0].name", '"my web" does not fit', 'name = "web"'),
    ),
    one("a name with a line break", web(r'name = "web\n"'), said(4, "service[0].name", r'"web\n"', 'name = "web"')),
    one("a name too long", web(f'name = "{"w" * 64}"'), said(4, "service[0].name", "1 to 63", 'name = "web"')),
    one(
        "a VIP with a prefix",
        web('vip = "192.168.76.24/32"'),
        said(5, "service[0].vip", "not an", 'write "192.168.76.24"'),
    ),
    one(
        "a VIP with a port",
        web('vip = "192.168.76.24:80"'),
        said(5, "service[0].vip", "not an", 'write "192.168.76.24"'),
    ),
    one("a VIP with a zone", web('vip = "fd00::1%eth0"'), said(5, "service[0].vip", "zone", 'write "fd00::1"')),
    one(
        "a VIP that is a name",
        web('vip = "www.example.com"'),
        said(5, "service[0].vip", "not looked up", "write the address"),
    ),
    one(
        "a VIP with a zero in front", web('vip = "192.168.76.024"'), said(5, "service[0].vip", "without leading zeros")
    ),
    one(
        "a VIP that is a number", web("vip = 3232254744"), said(5, "service[0].vip", "3232254744 does not fit", "vip =")
    ),
    one(
        "ports that are a text",
        web('ports = "tcp/80"'),
        said(6, "service[0].ports", "takes a list", 'ports = ["tcp/80"'),
    ),
    one("no ports", web("ports = []"), said(6, "service[0].ports", "empty list", 'ports = ["tcp/80"')),
    one("a port without a protocol", web("ports = [80]"), said(6, "service[0].ports[0]", "lacks", 'write "tcp/80"')),
    one("a port as text", web('ports = ["80"]'), said(6, "service[0].ports[0]", "lacks", 'write "tcp/80"')),
    one("a port first", web('ports = ["80/udp"]'), said(6, "service[0].ports[0]", "protocol last", 'write "udp/80"')),
    one("an unknown protocol", web('ports = ["tpc/80"]'), said(6, "service[0].ports[0]", '"tpc"', 'write "tcp/80"')),
    one("a capital protocol", web('ports = ["TCP/80"]'), said(6, "service[0].ports[0]", '"TCP"', 'write "tcp/80"')),
    one("a protocol without ports", web('ports = ["gre/1"]'), said(6, "service[0].ports[0]", "no protocol", "tcp/80")),
    one("a service's name", web('ports = ["tcp/http"]'), said(6, "service[0].ports[0]", "no port number", "tcp/80")),
    one("port 0", web('ports = ["tcp/0"]'), said(6, "service[0].ports[0]", "no port 0", 'write "tcp/*"')),
    one("port 65536", web('ports = ["tcp/65536"]'), said(6, "service[0].ports[0]", "end at 65535", "tcp/80")),
    one(
        "ports backwards",
        web('ports = ["tcp/90-80"]'),
        said(6, "service[0].ports[0]", "backwards", 'write "tcp/80-90"'),
    ),
    one(
        "reals that are text", web('reals = "192.168.76.31"'), said(7, "service[0].reals", "takes a list", "reals = [")
    ),
    one("a real without address", web("reals = [{ }]"), said(7, "service[0].reals[0].address", "missing", "address =")),
    one(
        "faults in a list of several lines",
        web('reals = [ # ]\n  "192.168.76.31",\n  { address = "::g", weight = 70000 }]'),
        said(9, "service[0].reals[1].address", '"::g" is not an', "write the address"),
        said(9, "service[0].reals[1].weight", "70000 is out of range", "0 to 65535", "weight = 2"),
    ),
    one(
        "a weight that is true",
        web('reals = [{ address = "192.168.76.31", weight = true }]'),
        said(7, "service[0].reals[0].weight", "true does not fit", "0 to 65535", "weight = 2"),
    ),
    one(
        "a weight below zero",
        web('reals = [{ address = "192.168.76.31", weight = -1 }]'),
        said(7, "service[0].reals[0].weight", "-1 is out of range", "weight = 2"),
    ),
    one(
        "a weight with a fraction",
        web('reals = [{ address = "192.168.76.31", weight = 1.5 }]'),
        said(7, "service[0].reals[0].weight", "1.5 does not fit", "weight = 2"),
    ),
    one("an unknown scheduler", web('scheduler = "wlcc"'), said(8, "service[0].scheduler", '"wlcc"', 'write "wlc"')),
    one(
        "a scheduler like none",
        web('scheduler = "?"'),
        said(8, "service[0].scheduler", "no scheduler", "one of rr, wrr"),
    ),
    one(
        "an unknown flag",
        web('scheduler = "sh"', 'scheduler_flags = ["sh-ports"]'),
        said(9, "service[0].scheduler_flags[0]", '"sh-ports"', 'write "sh-port"'),
    ),
    one("a duration below zero", web("slow_start = -1"), said(8, "service[0].slow_start", "-1 is out", "slow_start =")),
    one(
        "a duration that is no number",
        web("slow_start = nan"),
        said(8, "service[0].slow_start", "nan is out", "slow_start ="),
    ),
    one(
        "a duration without end",
        web("slow_start = inf"),
        said(8, "service[0].slow_start", "inf is out", "slow_start ="),
    ),
    one(
        "a duration without a unit", web('slow_start = "30"'), said(8, "service[0].slow_start", "no dur", 'write "30s"')
    ),
    one(
        "a duration with two units",
        web('slow_start = "1m30s"'),
        said(8, "service[0].slow_start", "no dur", "slow_start ="),
    ),
    one(
        "a duration of too many digits",
        web(f"slow_start = 0x{'f' * 5000}"),
        said(8, "service[0].slow_start", "out of range"),
    ),
    one(
        "persistence that is true",
        web("persistence = true"),
        said(8, "service[0].persistence", "true", "persistence ="),
    ),
    one(
        "persistence of no time",
        web("persistence = 0"),
        said(8, "service[0].persistence", "out of range", "1 s to 31 d"),
    ),
    one(
        "persistence by half",
        web('persistence = "1500ms"'),
        said(8, "service[0].persistence", "whole number", "write 2"),
    ),
    one(
        "a mask of an address",
        web("persistence = 300", 'persistence_mask = "255.255.255.0"'),
        said(9, "service[0].persistence_mask", "does not fit", "write 24"),
    ),
    one("no minimum", web("minimum = 0"), said(8, "service[0].minimum", "out of range", "minimum = 2")),
    one("an unknown way", web('on_down = "finnish"'), said(8, "service[0].on_down", '"finnish"', 'write "finish"')),
    one(
        "one_packet that is text",
        web('one_packet = "yes"'),
        said(8, "service[0].one_packet", "true or false", "= true"),
    ),
    one("a date", web("slow_start = 2024-01-01"), said(8, "service[0].slow_start", "a date", "slow_start =")),
)

CHECKS = (
    one("a check that is true", web("check = true"), said(8, "service[0].check", "true does not fit", "check = false")),
    one("an unknown kind", check('kind = "htp"'), said(9, "service[0].check.kind", '"htp"', 'write "http"')),
    one(
        "a kind that is a number",
        check("kind = 1"),
        said(9, "service[0].check.kind", "1 does not fit", 'kind = "http"'),
    ),
    one("fall below 1", check("fall = 0"), said(9, "service[0].check.fall", "0 is out of range", "fall = 3")),
    one("rise below 1", check("rise = -2"), said(9, "service[0].check.rise", "-2 is out of range", "rise = 2")),
    one("no time between", check("every = 0"), said(9, "service[0].check.every", "0 is out of range", 'every = "5s"')),
    one("an unknown way of checking", check('via = "rip"'), said(9, "service[0].check.via", '"rip"', 'write "vip"')),
    one(
        "a timeout longer than the time between",
        check("every = 1", 'timeout = "1500ms"'),
        said(10, "service[0].check.timeout", "1.5 s every 1 s", "write timeout = 1 or less", "see line 9"),
    ),
    one(
        "a status out of range",
        check('kind = "http"', 'status = [200, 99, "300-200", "2xx"]'),
        said(10, "service[0].check.status[1]", "99 is out of range", "status ="),
        said(10, "service[0].check.status[2]", '"300-200" is out of range', "status ="),
        said(10, "service[0].check.status[3]", '"2xx" does not fit', "status ="),
    ),
    one(
        "a path that is none",
        check('kind = "http"', 'path = "health"'),
        said(10, "service[0].check.path", '"health" does not fit', "begins with /", 'path = "/health"'),
    ),
    one(
        "a pattern that is none",
        check('kind = "http"', "body = '(ok'"),
        said(10, "service[0].check.body", '"(ok"', "RE2", r"write \ before"),
    ),
    one(
        "an escape that is none",
        check('kind = "send-expect"', r"send = 'a\q'"),
        said(10, "service[0].check.send", "unknown escape", r"write \xNN"),
    ),
    one(
        "a header with a line break",
        check('kind = "http"', r'headers = { X = "a\r\nb" }'),
        said(10, "service[0].check.headers", r'"a\r\nb"', "no header's value", "write ASCII"),
    ),
    one(
        "a script without a command",
        check('kind = "script"'),
        said(8, "service[0].check.command", "missing", 'write command = "/'),
    ),
    one(
        "a command without its path",
        check('kind = "script"', 'command = "check %h"'),
        said(10, "service[0].check.command", '"check %h"', "begin it with /"),
    ),
    one(
        "a command with an open quote",
        check('kind = "script"', 'command = "/bin/check \'"'),
        said(10, "service[0].check.command", "split", "close its quotes"),
    ),
    one(
        "an icmp check of a port",
        check('kind = "icmp"', "port = 80"),
        said(10, "service[0].check.port", "icmp check has no port", "delete it", "see line 9"),
    ),
    one(
        "a check that finds no port",
        web('ports = ["udp/53"]', "[service.check]", 'kind = "http"'),
        said(8, "service[0].check.port", "no single tcp port", "write port = 80", "see line 9"),
    ),
)

RULES = (
    one("a hook that tells nobody", web("[[hook]]"), said(8, "hook[0].run", "a hook tells somebody", "write run")),
    one(
        "headers without a url",
        web("[[hook]]", 'run = "/bin/true"', 'headers = { A = "b" }'),
        said(10, "hook[0].headers", "headers are for a url", "delete"),
    ),
    one(
        "two NICs that are one",
        '[director]\ninterface = "eth0"\ninside = "eth0"\n',
        said(3, "director.inside", "interface already", "name the other NIC", "see line 2"),
    ),
    one(
        "peers of a director with two NICs",
        '[director]\ninterface = "eth0"\ninside = "eth1"\npeers = ["10.0.0.2"]\n',
        said(4, "director.peers", "nothing is balanced anyway", "delete peers", "see line 3"),
    ),
    one(
        "peers that cannot be",
        '[director]\ninterface = "eth0"\npeers = ["224.0.0.1", "10.0.0.2", "10.0.0.2"]\n',
        said(3, "director.peers[0]", "multicast", "write the other director's own address"),
        said(3, "director.peers[2]", "stands twice", "delete one"),
    ),
    one(
        "more peers than can be told apart",
        f'[director]\ninterface = "eth0"\npeers = {[f"10.0.0.{n}" for n in range(1, 10)]}\n',
        said(3, "director.peers", "9 directors", "write at most 8"),
    ),
    one(
        "a real server on two VLANs",
        web('reals = [{ address = "192.168.76.31", vlan = 20 }]')
        + '[[service]]\nname = "b"\nvip = "192.168.76.25"\nports = ["tcp/80"]\nreals = ["192.168.76.31"]\n',
        said(12, "service[1].reals[0]", "another VLAN elsewhere", "write the same vlan"),
    ),
    one(
        "a multicast VIP",
        web('vip = "239.1.2.3"'),
        said(5, "service[0].vip", "multicast", "write the address that clients"),
    ),
    one("a loopback VIP", web('vip = "127.0.0.1"'), said(5, "service[0].vip", "loopback", "write the address")),
    one("an unspecified VIP", web('vip = "0.0.0.0"'), said(5, "service[0].vip", "no host's", "write the address")),
    one("a broadcast VIP", web('vip = "255.255.255.255"'), said(5, "service[0].vip", "broadcast", "write the address")),
    one(
        "a link-local VIP",
        web('vip = "fe80::1"', 'reals = ["fd00::1"]'),
        said(5, "service[0].vip", "link-local", "write the address"),
    ),
    one(
        "an IPv4 VIP in disguise",
        web('vip = "::ffff:192.0.2.1"', 'reals = ["fd00::1"]'),
        said(5, "service[0].vip", "is 192.0.2.1 in disguise", "write the address"),
    ),
    one("no reals", web("reals = []"), said(7, "service[0].reals", "needs a real server", "write reals =", "sorry")),
    one(
        "families mixed",
        web('reals = ["192.168.76.31", "fd00::31"]'),
        said(7, "service[0].reals[1]", "IPv6", "192.168.76.24 is IPv4", "write the server's IPv4", "see line 5"),
    ),
    one(
        "the same real twice",
        web('reals = [\n"192.168.76.31",\n{ address = "192.168.76.31" }]'),
        said(9, "service[0].reals[1].address", "twice", "keep one", "see line 8"),
    ),
    one(
        "a VIP among the reals",
        web('reals = ["192.168.76.24"]'),
        said(7, "service[0].reals[0]", "is a VIP", "write this server's own address", "see line 5"),
    ),
    one(
        "another service's VIP among the reals",
        two('name = "b"', 'vip = "192.168.76.25"', 'ports = ["tcp/80"]', 'reals = ["192.168.76.24"]'),
        said(12, "service[1].reals[0]", "is a VIP", "own address", "see line 5"),
    ),
    one(
        "a loopback real",
        web('reals = ["127.0.0.1"]'),
        said(7, "service[0].reals[0]", "loopback", "write the real server's"),
    ),
    one(
        "a limit without its other half",
        web('reals = [{ address = "192.168.76.31", lower = 5 }]'),
        said(7, "service[0].reals[0].lower", "nothing without upper", "write upper too"),
    ),
    one(
        "lower above upper",
        web('reals = [{ address = "192.168.76.31", upper = 5, lower = 6 }]'),
        said(7, "service[0].reals[0].lower", "6 is above upper 5", "at most that"),
    ),
    one(
        "an MTU below what every link takes",
        web('reals = [{ address = "192.168.76.31", mtu = 60 }]'),
        said(7, "service[0].reals[0].mtu", "takes 68 bytes at least", "write mtu = 68 or more"),
    ),
    one(
        "a way that there is not with clients whom nobody takes",
        web('on_no_real = "reject"'),
        said(8, "service[0].on_no_real", '"reject"', 'write "unreachable"'),
    ),
    one(
        "a timeout longer than a flow can remember",
        web("[timeouts]", 'established = "1d"'),
        said(9, "timeouts.established", "out of range", "18 h"),
    ),
    one("a minimum above the reals", web("minimum = 3"), said(8, "service[0].minimum", "reals (2)", "at most 2")),
    one(
        "fail_open beside a sorry server",
        web('sorry = "192.168.76.40"', "fail_open = true"),
        said(9, "service[0].fail_open", "does nothing", "delete one of the two", "see line 8"),
    ),
    one(
        "a sorry server of another family",
        web('sorry = "fd00::40"'),
        said(8, "service[0].sorry", "IPv6", "write the server's IPv4", "see line 5"),
    ),
    one(
        "a sorry server that is a real",
        web('sorry = "192.168.76.32"'),
        said(8, "service[0].sorry", "is one of the reals", "name another", "see line 7"),
    ),
    one(
        "a flag of another scheduler",
        web('scheduler = "mh"', 'scheduler_flags = ["sh-port"]'),
        said(
            9,
            "service[0].scheduler_flags",
            "flag of the scheduler sh, not of mh",
            'write scheduler = "sh"',
            "see line 8",
        ),
    ),
    one(
        "a mask without persistence",
        web("persistence_mask = 24"),
        said(8, "service[0].persistence_mask", "nothing persists", "write persistence = 300"),
    ),
    one(
        "a mask longer than the address",
        web("persistence = 300", "persistence_mask = 64"),
        said(
            9,
            "service[0].persistence_mask",
            "IPv4 address has 32 bits",
            "write a prefix length from 1 to 32",
            "see line 5",
        ),
    ),
    one(
        "one_packet with TCP",
        web('ports = ["udp/53", "tcp/53"]', "one_packet = true"),
        said(8, "service[0].one_packet", "UDP alone, not tcp/53", "delete it", "see line 6"),
    ),
    one(
        "a port twice",
        web('ports = ["tcp/80", "tcp/80"]'),
        said(6, "service[0].ports[1]", "here already", "delete one"),
    ),
    one(
        "ranges that meet in one service",
        web('ports = ["tcp/80-90", "tcp/90-99"]'),
        said(6, "service[0].ports[1]", "tcp/90-99 overlaps tcp/80-90", "merge"),
    ),
    one(
        "two services of one name",
        two('name = "web"', 'vip = "192.168.76.25"', 'ports = ["tcp/80"]', 'reals = ["192.168.76.31"]'),
        said(9, "service[1].name", '"web" already', "write another name", "see line 4"),
    ),
    one(
        "a port of another service",
        two('name = "b"', 'vip = "192.168.76.24"', 'ports = ["tcp/81", "tcp/80"]', 'reals = ["192.168.76.31"]'),
        said(
            11, "service[1].ports[1]", 'tcp/80 on 192.168.76.24 belongs to service "web"', "another VIP", "see line 6"
        ),
    ),
    one(
        "a range that meets all ports",
        two('name = "b"', 'vip = "192.168.76.24"', 'ports = ["udp/*"]', 'reals = ["192.168.76.31"]').replace(
            '["tcp/80"]', '["udp/53-54"]'
        ),
        said(
            11, "service[1].ports[0]", 'udp/* on 192.168.76.24 overlaps udp/53-54 of service "web"', "write other ports"
        ),
    ),
    one(
        "faults of every sort at once",
        two(
            'name = "b"',
            'vip = "224.0.0.1"',
            'ports = ["tcp/0"]',
            'reals = ["192.168.76.31"]',
            "minimum = 9",
            "foo = 1",
        ),
        said(10, "service[1].vip", "multicast", "write the address"),
        said(11, "service[1].ports[0]", "no port 0", "write"),
        said(13, "service[1].minimum", "reals (1)", "at most 1"),
        said(14, "service[1].foo", "unknown", "write one of"),
    ),
)

FAULTY = (*SYNTAX, *KEYS, *VALUES, *CHECKS, *RULES)

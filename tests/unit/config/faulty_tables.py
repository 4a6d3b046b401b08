"""Faults in the tables beside the services: the director, its defence, its timeouts, its hooks."""

from __future__ import annotations

from tests.unit.config.faulty import WEB, Faulty, one, said, two

DIRECTOR_LINES = '[director]\ninterface = "eth0"\n'


def director(line: str) -> str:
    """A director with one more line, the third."""
    return f"{DIRECTOR_LINES}{line}\n"


def under(header: str, *lines: str) -> str:
    """WEB and one more table, whose header is line 8."""
    return WEB + "\n".join([header, *lines]) + "\n"


def hook(*lines: str) -> str:
    """WEB and a hook, whose own lines begin at line 9."""
    return under("[[hook]]", *lines)


def posted(*lines: str) -> str:
    """The same with a sound URL on line 9."""
    return hook('url = "https://hooks.example.com/carom"', *lines)


DIRECTOR = (
    one(
        "two interfaces", '[director]\ninterface = ["eth0", "eth1"]\n', said(2, "director.interface", "a list", "eth0")
    ),
    one("an interface by another's word", '[director]\nnic = "eth0"\n', said(2, "director.nic", "write interface")),
    one(
        "an inside that is a network",
        director('inside = "10.0.0.0/8"'),
        said(3, "director.inside", "without /", "eth1"),
    ),
    one("an inside that is a list", director('inside = ["eth1"]'), said(3, "director.inside", "a list", "eth1")),
    one("an inside left empty", director('inside = ""'), said(3, "director.inside", '""', "1 to 15", "eth1")),
    one("an inside misspelled", director('insider = "eth1"'), said(3, "director.insider", "unknown", "write inside")),
    one(
        "an inside in a service",
        two('inside = "eth1"').replace("[[service]]\ninside", "inside"),
        said(8, "service[0].inside", "belongs in [director]"),
    ),
    one("peers that are text", director('peers = "10.0.0.2"'), said(3, "director.peers", "takes a list", 'peers = ["')),
    one("no peers", director("peers = []"), said(3, "director.peers", "an empty list", 'peers = ["')),
    one(
        "a peer by name",
        director('peers = ["lb2"]'),
        said(3, "director.peers[0]", "not looked up", "write the address"),
    ),
    one(
        "a peer with its network", director('peers = ["10.0.0.2/24"]'), said(3, "director.peers[0]", 'write "10.0.0.2"')
    ),
    one("a peer with a port", director('peers = ["10.0.0.2:112"]'), said(3, "director.peers[0]", 'write "10.0.0.2"')),
    one(
        "a peer with a zone",
        director('peers = ["fe80::2%eth0"]'),
        said(3, "director.peers[0]", "zone", 'write "fe80::2"'),
    ),
    one(
        "a peer that is a table",
        director('peers = [{ address = "10.0.0.2" }]'),
        said(3, "director.peers[0]", "a table", 'peers = ["'),
    ),
    one(
        "a peer on loopback",
        director('peers = ["127.0.0.1"]'),
        said(3, "director.peers[0]", "loopback", "other director's own"),
    ),
    one(
        "a peer that is nobody",
        director('peers = ["0.0.0.0"]'),
        said(3, "director.peers[0]", "no host's", "other director's own"),
    ),
    one("a single peer", director('peer = ["10.0.0.2"]'), said(3, "director.peer", "unknown key", "write peers")),
    one(
        "a peer that is a VIP",
        WEB.replace('"eth0"', '"eth0"\npeers = ["192.168.76.24"]'),
        said(3, "director.peers[0]", "is a VIP", "other director's own address"),
    ),
    one("a watch below zero", director("watch = -1"), said(3, "director.watch", "-1 is out", 'watch = "10s"')),
    one("a watch once in two days", director('watch = "2d"'), said(3, "director.watch", "out of range", "to 1 d")),
    one("a watch that is true", director("watch = true"), said(3, "director.watch", "true does not", 'watch = "10s"')),
    one("a watch that is off", director('watch = "off"'), said(3, "director.watch", "no duration", "from 0 s")),
    one("a watch in min", director('watch = "10min"'), said(3, "director.watch", "no duration", 'write "10m"')),
    one("a watch with a space", director('watch = "10 s"'), said(3, "director.watch", "no duration", 'write "10s"')),
    one("a watch in capitals", director('watch = "10S"'), said(3, "director.watch", "no duration", 'write "10s"')),
    one("a watch in milliseconds", director('watch = "500 millis"'), said(3, "director.watch", 'write "500ms"')),
    one(
        "a misspelled way with misuse",
        director('on_misuse = "anounce"'),
        said(3, "director.on_misuse", 'write "announce"'),
    ),
    one("another's word for a way", director('on_misuse = "drain"'), said(3, "director.on_misuse", 'write "quiesce"')),
    one("a way that is true", director("on_misuse = true"), said(3, "director.on_misuse", "report, announce, quiesce")),
    one("a way in capitals", director('on_misuse = "Quiesce"'), said(3, "director.on_misuse", 'write "quiesce"')),
    one("a director with a VIP", director('vip = "192.168.76.24"'), said(3, "director.vip", "belongs in [[service]]")),
    one("a director with a VLAN", director("vlan = 20"), said(3, "director.vlan", "belongs in reals = [{ }]")),
    one(
        "refusals for all services",
        director('on_no_real = "drop"'),
        said(3, "director.on_no_real", "belongs in [[service]]"),
    ),
)

DEFENCE = (
    one(
        "a rate with its unit",
        under("[defence]", 'syn_rate = "500/s"'),
        said(9, "defence.syn_rate", "does not fit", "syn_rate = 500"),
    ),
    one(
        "a rate as text",
        under("[defence]", 'syn_rate = "500"'),
        said(9, "defence.syn_rate", "does not fit", "write 500"),
    ),
    one(
        "a rate below zero",
        under("[defence]", "syn_rate = -1"),
        said(9, "defence.syn_rate", "-1 is out of range", "syn_rate = 500"),
    ),
    one(
        "a rate beyond all",
        under("[defence]", "syn_rate = 10000001"),
        said(9, "defence.syn_rate", "out of range", "to 10000000"),
    ),
    one(
        "a rate of a half",
        under("[defence]", "syn_rate = 0.5"),
        said(9, "defence.syn_rate", "0.5 does not fit", "syn_rate = 500"),
    ),
    one(
        "a rate that is false",
        under("[defence]", "syn_rate = false"),
        said(9, "defence.syn_rate", "false", "from 0 to"),
    ),
    one(
        "a rate of connections",
        under("[defence]", "conn_rate = 5"),
        said(9, "defence.conn_rate", "unknown", "write syn_rate"),
    ),
    one(
        "a rate with a dash",
        under("[defence]", "syn-rate = 5"),
        said(9, "defence.syn-rate", "unknown", "write syn_rate"),
    ),
    one(
        "everybody as one network",
        under("[defence]", "syn_prefix = 0"),
        said(9, "defence.syn_prefix", "0 is out of range", "from 1 to 32"),
    ),
    one(
        "IPv6's prefix for IPv4",
        under("[defence]", "syn_prefix = 64"),
        said(9, "defence.syn_prefix", "64 is out of range", "from 1 to 32"),
    ),
    one(
        "a prefix with a slash",
        under("[defence]", 'syn_prefix = "/24"'),
        said(9, "defence.syn_prefix", "does not fit", "write 24"),
    ),
    one(
        "a prefix as a mask",
        under("[defence]", 'syn_prefix = "255.255.255.0"'),
        said(9, "defence.syn_prefix", "does not fit", "from 1 to 32"),
    ),
    one(
        "a prefix longer than IPv6",
        under("[defence]", "syn_prefix6 = 129"),
        said(9, "defence.syn_prefix6", "129 is out", "from 1 to 128"),
    ),
    one(
        "errors below zero",
        under("[defence]", "icmp_rate = -5"),
        said(9, "defence.icmp_rate", "-5 is out", "icmp_rate = 100"),
    ),
    one(
        "errors beyond all",
        under("[defence]", "icmp_rate = 1000001"),
        said(9, "defence.icmp_rate", "out of range", "icmp_rate = 100"),
    ),
    one(
        "errors by the thousand",
        under("[defence]", 'icmp_rate = "1k"'),
        said(9, "defence.icmp_rate", '"1k"', "icmp_rate = 100"),
    ),
    one(
        "a checksum that is yes",
        under("[defence]", 'checksum = "yes"'),
        said(9, "defence.checksum", "true or false", "checksum = true"),
    ),
    one(
        "a checksum that is 1",
        under("[defence]", "checksum = 1"),
        said(9, "defence.checksum", "true or false", "checksum = true"),
    ),
    one(
        "a misspelled checksum",
        under("[defence]", "check_sum = true"),
        said(9, "defence.check_sum", "unknown", "write checksum"),
    ),
    one("defense", under("[defense]", "syn_rate = 5"), said(8, "defense", "unknown key", "write defence")),
    one("two defences", under("[[defence]]", "syn_rate = 5"), said(8, "defence", "takes a table", "[defence]")),
    one(
        "a service's defence",
        under("[service.defence]", "syn_rate = 5"),
        said(8, "service[0].defence", "write [defence]", "table of its own"),
    ),
    one("a service's rate", WEB + "syn_rate = 5\n", said(8, "service[0].syn_rate", "belongs in [defence]")),
    one("a defence that is true", "defence = true\n" + WEB, said(1, "defence", "true does not fit", "[defence]")),
)

TIMEOUTS = (
    one(
        "a timeout of no time",
        under("[timeouts]", "udp = 0"),
        said(9, "timeouts.udp", "0 is out of range", "1 s to 18 h"),
    ),
    one(
        "a timeout by half",
        under("[timeouts]", 'close = "1500ms"'),
        said(9, "timeouts.close", "whole number", "write 2"),
    ),
    one(
        "a timeout of half a second, which is not offered either",
        under("[timeouts]", 'close = "500ms"'),
        said(9, "timeouts.close", '"500ms" is out of range', 'or text as "5s", "2m", "1h", for instance close = 5'),
    ),
    one(
        "a timeout below zero",
        under("[timeouts]", "syn_recv = -1"),
        said(9, "timeouts.syn_recv", "-1 is out", "syn_recv = 10"),
    ),
    one(
        "a timeout without unit",
        under("[timeouts]", 'udp = "30"'),
        said(9, "timeouts.udp", "no duration", 'write "30s"'),
    ),
    one(
        "a timeout in minutes",
        under("[timeouts]", 'fin_wait = "2 minutes"'),
        said(9, "timeouts.fin_wait", "no duration", 'write "2m"'),
    ),
    one(
        "a timeout in hours",
        under("[timeouts]", 'established = "2hours"'),
        said(9, "timeouts.established", 'write "2h"'),
    ),
    one(
        "a timeout that is true",
        under("[timeouts]", "established = true"),
        said(9, "timeouts.established", "true", "established ="),
    ),
    one(
        "a timeout of several",
        under("[timeouts]", "time_wait = [30, 60]"),
        said(9, "timeouts.time_wait", "a list", "time_wait ="),
    ),
    one("ipvsadm's tcp", under("[timeouts]", "tcp = 900"), said(9, "timeouts.tcp", "unknown key", "write established")),
    one(
        "ipvsadm's tcpfin",
        under("[timeouts]", "tcpfin = 120"),
        said(9, "timeouts.tcpfin", "unknown key", "write fin_wait"),
    ),
    one("ipvsadm's three", "timeouts = [900, 120, 300]\n" + WEB, said(1, "timeouts", "takes a table", "[timeouts]")),
    one("a state with a dash", under("[timeouts]", "fin-wait = 30"), said(9, "timeouts.fin-wait", "write fin_wait")),
    one("a state in capitals", under("[timeouts]", "TIME_WAIT = 30"), said(9, "timeouts.TIME_WAIT", "write time_wait")),
    one(
        "a timeout of what has none",
        under("[timeouts]", "icmp = 30"),
        said(9, "timeouts.icmp", "unknown key", "one of established"),
    ),
    one(
        "timeouts of a service",
        under("[service.timeouts]", "udp = 30"),
        said(8, "service[0].timeouts", "write [timeouts]", "table of its own"),
    ),
    one(
        "timeouts of the director",
        "[director]\ninterface = 'eth0'\ntimeouts = { udp = 30 }\n",
        said(3, "director.timeouts", "write [timeouts]"),
    ),
    one(
        "a timeout in the singular", under("[timeout]", "udp = 30"), said(8, "timeout", "unknown key", "write timeouts")
    ),
    one("a state in a service", WEB + "udp = 30\n", said(8, "service[0].udp", "belongs in [timeouts]")),
)

HOOKS = (
    one(
        "events that are text",
        hook('on = "real server down"', 'run = "/bin/true"'),
        said(9, "hook[0].on", "takes a list", 'on = ["'),
    ),
    one("no events", hook("on = []", 'run = "/bin/true"'), said(9, "hook[0].on", "an empty list", 'on = ["')),
    one(
        "all events",
        hook('on = ["*"]', 'run = "/bin/true"'),
        said(9, "hook[0].on[0]", '"*" is no event', "one of real server down"),
    ),
    one(
        "an event with underscores",
        hook('on = ["vip_misused"]', 'run = "/bin/true"'),
        said(9, "hook[0].on[0]", 'write "vip misused"'),
    ),
    one(
        "an event in capitals",
        hook('on = ["Interface Down"]', 'run = "/bin/true"'),
        said(9, "hook[0].on[0]", 'write "interface down"'),
    ),
    one(
        "an event twice",
        hook('on = ["interface up",\n"interface up"]', 'run = "/bin/true"'),
        said(10, "hook[0].on[1]", "stands twice", "delete one", "see line 9"),
    ),
    one(
        "a hook by the word events",
        posted('events = ["interface up"]'),
        said(10, "hook[0].events", "unknown key", "write on"),
    ),
    one(
        "a hook by the word command",
        hook('command = "/bin/true"'),
        said(9, "hook[0].command", "unknown key", "write run"),
    ),
    one("a hook with a name", posted('name = "pager"'), said(10, "hook[0].name", "belongs in [[service]]")),
    one("a program without its path", hook('run = "page-me"'), said(9, "hook[0].run", "whole path", "begin it with /")),
    one("a program at home", hook('run = "~/page-me"'), said(9, "hook[0].run", "whole path", "begin it with /")),
    one("a program that is a list", hook('run = ["/bin/page", "me"]'), said(9, "hook[0].run", "a list", 'run = "/')),
    one("a program left empty", hook('run = ""'), said(9, "hook[0].run", '""', "begin it with /")),
    one(
        "a program with an open quote",
        hook('run = "/bin/page \'me"'),
        said(9, "hook[0].run", "split", "close its quotes"),
    ),
    one(
        "a pipe without a shell",
        hook('run = "/bin/cat | /usr/bin/mail root"'),
        said(9, "hook[0].run", "no shell reads", "heeds its |", "/bin/sh -c"),
    ),
    one(
        "a file without a shell",
        hook('run = "/bin/cat >> /var/log/events"'),
        said(9, "hook[0].run", "heeds its >>", "/bin/sh -c"),
    ),
    one(
        "a variable without a shell",
        hook('run = "/usr/bin/logger $CAROM_EVENT"'),
        said(9, "hook[0].run", "heeds its $CAROM_EVENT", "/bin/sh -c"),
    ),
    one(
        "two programs without a shell",
        hook('run = "/bin/a && /bin/b"'),
        said(9, "hook[0].run", "heeds its &&", "name a script"),
    ),
    one(
        "two programs and a semicolon",
        hook('run = "/bin/a; /bin/b"'),
        said(9, "hook[0].run", "heeds its ;", "name a script"),
    ),
    one("a NUL in an argument", hook(r'run = "/bin/a \u0000"'), said(9, "hook[0].run", "NUL", "delete it")),
    one(
        "a URL without a scheme",
        hook('url = "hooks.example.com/x"'),
        said(9, "hook[0].url", "no URL", 'write "https://hooks.example.com/x"'),
    ),
    one(
        "a URL of FTP",
        hook('url = "ftp://hooks.example.com/"'),
        said(9, "hook[0].url", "no URL of http", "write it as https://"),
    ),
    one(
        "a URL without a host",
        hook('url = "https:///x"'),
        said(9, "hook[0].url", "no URL of http", "write it as https://"),
    ),
    one(
        "a URL with a space",
        hook('url = "https://a.example/b c"'),
        said(9, "hook[0].url", "no URL of http", "write it as https://"),
    ),
    one(
        "a URL with a password",
        hook('url = "https://me:secret@a.example/"'),
        said(9, "hook[0].url", "name and password", "Authorization"),
    ),
    one(
        "a URL with a fragment",
        hook('url = "https://a.example/#ops"'),
        said(9, "hook[0].url", "fragment", "delete it from the #"),
    ),
    one(
        "a URL of a port beyond all",
        hook('url = "https://a.example:70000/"'),
        said(9, "hook[0].url", "Port out of range", "write it as"),
    ),
    one(
        "a URL of IPv6 without brackets",
        hook('url = "http://fd00::1/x"'),
        said(9, "hook[0].url", "no URL", "in brackets", "http://[fd00::1]"),
    ),
    one(
        "two URLs",
        hook('url = ["https://a.example/", "https://b.example/"]'),
        said(9, "hook[0].url", "a list", 'url = "https://'),
    ),
    one("headers that are a list", posted('headers = ["A: b"]'), said(10, "hook[0].headers", "a list", "headers = {")),
    one(
        "headers that are text",
        posted('headers = "A: b"'),
        said(10, "hook[0].headers", "a table of text", "headers = {"),
    ),
    one(
        "a header that is a number",
        posted("headers = { A = 1 }"),
        said(10, "hook[0].headers", "1 does not fit", "headers = {"),
    ),
    one(
        "a header with its colon",
        posted('headers = { "A:" = "b" }'),
        said(10, "hook[0].headers", '"A:" is no', "write letters"),
    ),
    one(
        "a header left empty",
        posted('headers = { A = "" }'),
        said(10, "hook[0].headers", "no header's value", "not empty"),
    ),
    one(
        "a header that frames",
        posted('headers = { Content-Length = "5" }'),
        said(10, "hook[0].headers", "Carom sets itself", "delete it"),
    ),
    one(
        "a header twice",
        posted('headers = { A = "b", a = "c" }'),
        said(10, "hook[0].headers", "stands twice", "keep one"),
    ),
    one("a hook of no time", posted("timeout = 0"), said(10, "hook[0].timeout", "0 is out", 'timeout = "5s"')),
    one("a hook that takes its time", posted('timeout = "10m"'), said(10, "hook[0].timeout", "out of range", "to 5 m")),
    one("retries below zero", posted("retries = -1"), said(10, "hook[0].retries", "-1 is out", "retries = 5")),
    one("retries without end", posted("retries = 1000"), said(10, "hook[0].retries", "from 0 to 10", "retries = 5")),
    one("retries as text", posted('retries = "3"'), said(10, "hook[0].retries", '"3" does not', "write 3")),
    one("a retry", posted("retry = 3"), said(10, "hook[0].retry", "unknown key", "write retries")),
    one("an event by PUT", posted('method = "PUT"'), said(10, "hook[0].method", "sent by POST", "delete it")),
    one(
        "a service's hook",
        under("[[service.hook]]", 'run = "/bin/true"'),
        said(8, "service[0].hook", "write [[hook]]", "table of its own"),
    ),
    one("hooks", under("[[hooks]]", 'run = "/bin/true"'), said(8, "hooks", "unknown key", "write hook")),
)

FAULTY: tuple[Faulty, ...] = (*DIRECTOR, *DEFENCE, *TIMEOUTS, *HOOKS)

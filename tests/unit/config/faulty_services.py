"""Faults in services and real servers: ports, VLAN and MTU, limits, and what does not go together."""

from __future__ import annotations

from tests.unit.config.faulty import Faulty, check, one, said, two, web


def real(text: str) -> str:
    """WEB with one real server as a table, which has this too; it is on line 7."""
    return web(f'reals = [{{ address = "192.168.76.31", {text} }}]')


def ports(*words: str) -> str:
    return web(f"ports = {list(words)}")


PORTS = (
    one("SCTP port 0", ports("sctp/0"), said(6, "service[0].ports[0]", "no port 0", 'write "sctp/*"')),
    one(
        "SCTP backwards", ports("sctp/3868-3860"), said(6, "service[0].ports[0]", "backwards", 'write "sctp/3860-3868"')
    ),
    one(
        "SCTP misspelled",
        ports("stcp/3868"),
        said(6, "service[0].ports[0]", '"stcp" is no protocol', 'write "sctp/3868"'),
    ),
    one(
        "SCTP in capitals",
        ports("SCTP/3868"),
        said(6, "service[0].ports[0]", '"SCTP" is no protocol', 'write "sctp/3868"'),
    ),
    one("SCTP beyond all ports", ports("sctp/70000"), said(6, "service[0].ports[0]", "end at 65535", "ports =")),
    one("SCTP last", ports("3868/sctp"), said(6, "service[0].ports[0]", "protocol last", 'write "sctp/3868"')),
    one(
        "SCTP checked by HTTP",
        web('ports = ["sctp/80"]', "[service.check]", 'kind = "http"'),
        said(8, "service[0].check.port", "no single tcp port", "write port =", "see line 9"),
    ),
    one(
        "SCTP checked by itself",
        web('ports = ["sctp/80"]', "[service.check]", 'kind = "sctp"'),
        said(9, "service[0].check.kind", "no kind of check", 'write "icmp"'),
    ),
    one(
        "SCTP packet by packet",
        web('ports = ["sctp/80"]', "one_packet = true"),
        said(8, "service[0].one_packet", "UDP alone, not sctp/80", "delete it", "see line 6"),
    ),
    one("SCTP twice", ports("sctp/80", "sctp/80"), said(6, "service[0].ports[1]", "here already", "delete one")),
    one("SCTP overlapping", ports("sctp/1-9", "sctp/*"), said(6, "service[0].ports[1]", "overlaps sctp/1-9", "merge")),
    one(
        "ports by commas",
        ports("tcp/80,443"),
        said(6, "service[0].ports[0]", "no port number", 'write "tcp/80", "tcp/443"'),
    ),
    one(
        "a range by a colon", ports("tcp/80:90"), said(6, "service[0].ports[0]", "no port number", 'write "tcp/80-90"')
    ),
    one("a range by dots", ports("udp/80..90"), said(6, "service[0].ports[0]", "no port number", 'write "udp/80-90"')),
    one(
        "a range without end",
        ports("tcp/1024-"),
        said(6, "service[0].ports[0]", "no port number", 'write "tcp/1024-65535"'),
    ),
    one("all by a word", ports("tcp/all"), said(6, "service[0].ports[0]", "no port number", 'write "tcp/*"')),
    one("all without protocol", ports("*"), said(6, "service[0].ports[0]", "lacks its protocol", 'write "tcp/*"')),
    one(
        "a range without protocol",
        ports("80-90"),
        said(6, "service[0].ports[0]", "lacks its protocol", 'write "tcp/80-90"'),
    ),
    one(
        "a protocol with a colon",
        ports("udp:53"),
        said(6, "service[0].ports[0]", "lacks its protocol", 'write "udp/53"'),
    ),
    one(
        "a space after the slash", ports("tcp/ 80"), said(6, "service[0].ports[0]", "no port number", 'write "tcp/80"')
    ),
    one("TCP of IPv6", ports("tcp6/80"), said(6, "service[0].ports[0]", '"tcp6" is no protocol', 'write "tcp/80"')),
    one("all ports from 0", ports("tcp/0-65535"), said(6, "service[0].ports[0]", "no port 0", 'write "tcp/*"')),
    one(
        "three ranges that meet",
        ports("tcp/80-90", "tcp/85-95", "tcp/95-99"),
        said(6, "service[0].ports[1]", "overlaps tcp/80-90", "merge"),
        said(6, "service[0].ports[2]", "overlaps tcp/85-95", "merge"),
    ),
    one(
        "services whose ranges meet",
        two('name = "b"', 'vip = "192.168.76.24"', 'ports = ["tcp/90-99"]', 'reals = ["192.168.76.33"]').replace(
            '"tcp/80"', '"tcp/80-90"'
        ),
        said(11, "service[1].ports[0]", 'overlaps tcp/80-90 of service "web"', "write other ports", "see line 6"),
    ),
    one(
        "a service's protocol",
        web('protocol = "udp"'),
        said(8, "service[0].protocol", "delete it", 'ports = ["udp/53"]'),
    ),
)

REALS = (
    one("a VLAN beyond all", real("vlan = 4095"), said(7, "service[0].reals[0].vlan", "4095 is out", "from 0 to 4094")),
    one("a VLAN below zero", real("vlan = -1"), said(7, "service[0].reals[0].vlan", "-1 is out", "vlan = 20")),
    one("a VLAN as text", real('vlan = "20"'), said(7, "service[0].reals[0].vlan", '"20" does not', "write 20")),
    one("a VLAN's interface", real('vlan = "eth0.20"'), said(7, "service[0].reals[0].vlan", '"eth0.20"', "vlan = 20")),
    one("a VLAN that is true", real("vlan = true"), said(7, "service[0].reals[0].vlan", "true", "vlan = 20")),
    one("a VLAN's ID", real("vlan_id = 20"), said(7, "service[0].reals[0].vlan_id", "unknown", "write vlan")),
    one("a service's VLAN", web("vlan = 20"), said(8, "service[0].vlan", "belongs in reals = [{ }]")),
    one(
        "a real server on VLANs 20 and 30",
        real("vlan = 20").removesuffix("\n")
        + '\n[[service]]\nname = "b"\nvip = "192.168.76.25"\nports = ["tcp/80"]\n'
        + 'reals = [{ address = "192.168.76.31", vlan = 30 }]\n',
        said(12, "service[1].reals[0].vlan", "another VLAN elsewhere", "write the same vlan", "see line 7"),
    ),
    one(
        "an MTU below IPv6's least",
        web('vip = "fd00::1"', 'reals = [{ address = "fd00::2", mtu = 1279 }]'),
        said(7, "service[0].reals[0].mtu", "takes 1280 bytes", "write mtu = 1280", "see line 5"),
    ),
    one(
        "an MTU beyond a packet", real("mtu = 65536"), said(7, "service[0].reals[0].mtu", "out of range", "mtu = 1400")
    ),
    one("an MTU below zero", real("mtu = -1"), said(7, "service[0].reals[0].mtu", "-1 is out", "mtu = 1400")),
    one("an MTU as text", real('mtu = "1400"'), said(7, "service[0].reals[0].mtu", '"1400"', "write 1400")),
    one("an MTU with a point", real("mtu = 1400.0"), said(7, "service[0].reals[0].mtu", "1400.0", "write 1400")),
    one("a service's MTU", web("mtu = 1400"), said(8, "service[0].mtu", "belongs in reals = [{ }]")),
    one(
        "another port of a real",
        real("port = 8080"),
        said(7, "service[0].reals[0].port", "leaves the port", "delete it"),
    ),
    one(
        "a real with its port",
        web('reals = ["192.168.76.31:8080"]'),
        said(7, "service[0].reals[0]", "not an IP", 'write "192.168.76.31"'),
    ),
    one(
        "a real by name", web('reals = ["web1"]'), said(7, "service[0].reals[0]", "not looked up", "write the address")
    ),
    one(
        "reals by a range",
        web('reals = ["192.168.76.31-35"]'),
        said(7, "service[0].reals[0]", "not an IP", "write the address"),
    ),
    one(
        "a real with a space",
        web('reals = ["192.168.76.31 "]'),
        said(7, "service[0].reals[0]", "not an IP", 'write "192.168.76.31"'),
    ),
    one("a real in a list", web('reals = [["192.168.76.31"]]'), said(7, "service[0].reals[0]", "a list", "reals =")),
    one("a real by its last number", web("reals = [31]"), said(7, "service[0].reals[0]", "31 does not fit", "reals =")),
    one(
        "a real by another's word",
        web('reals = [{ ip = "192.168.76.31" }]'),
        said(7, "service[0].reals[0].ip", "unknown", "write address"),
    ),
    one(
        "a backup real",
        real("backup = true"),
        said(7, "service[0].reals[0].backup", "last resort", "write its address as sorry"),
    ),
    one("a check of one real", real("check = false"), said(7, "service[0].reals[0].check", "belongs in [[service]]")),
    one("a misspelled weight", real("wieght = 2"), said(7, "service[0].reals[0].wieght", "unknown", "write weight")),
    one("a limit by another's word", real("maxconn = 100"), said(7, "service[0].reals[0].maxconn", "write upper")),
    one("a limit below zero", real("upper = -1"), said(7, "service[0].reals[0].upper", "-1 is out", "upper = 10000")),
    one(
        "a limit of 33 bits",
        real("upper = 4294967296"),
        said(7, "service[0].reals[0].upper", "out of range", "upper ="),
    ),
    one(
        "a lower limit as text", real('upper = 9, lower = "5"'), said(7, "service[0].reals[0].lower", '"5"', "write 5")
    ),
    one(
        "IPv4 reals of an IPv6 VIP",
        web('vip = "fd00::1"'),
        said(7, "service[0].reals[0]", "is IPv4", "write the server's IPv6", "see line 5"),
        said(7, "service[0].reals[1]", "is IPv4", "make a second service", "see line 5"),
    ),
)

TOGETHER = (
    one(
        "persistence of single datagrams",
        web('ports = ["udp/53"]', "one_packet = true", "persistence = 60"),
        said(8, "service[0].one_packet", "nothing persists", "delete one of the two", "see line 9"),
    ),
    one(
        "a sorry server that is the VIP",
        web('sorry = "192.168.76.24"'),
        said(8, "service[0].sorry", "is a VIP", "own address", "see line 5"),
    ),
    one(
        "a sorry server that is another VIP",
        two(
            'name = "b"',
            'vip = "192.168.76.25"',
            'ports = ["tcp/80"]',
            'reals = ["192.168.76.33"]',
            'sorry = "192.168.76.24"',
        ),
        said(13, "service[1].sorry", "is a VIP", "own address", "see line 5"),
    ),
    one(
        "two sorry servers",
        web('sorry = ["192.168.76.40", "192.168.76.41"]'),
        said(8, "service[0].sorry", "a list", "sorry ="),
    ),
    one("a sorry server that is off", web("sorry = false"), said(8, "service[0].sorry", "false", "sorry =")),
    one(
        "a sorry server with a port",
        web('sorry = "192.168.76.40:81"'),
        said(8, "service[0].sorry", 'write "192.168.76.40"'),
    ),
    one(
        "a sorry page",
        web('sorry = "http://sorry.example.com/"'),
        said(8, "service[0].sorry", "not an IP", "write the address"),
    ),
    one("a sorry server here", web('sorry = "127.0.0.1"'), said(8, "service[0].sorry", "loopback", "own address")),
    one(
        "a misspelled refusal",
        web('on_no_real = "unreachabel"'),
        said(8, "service[0].on_no_real", 'write "unreachable"'),
    ),
    one("a refusal by a reset", web('on_no_real = "reset"'), said(8, "service[0].on_no_real", 'write "unreachable"')),
    one(
        "a refusal that is true", web("on_no_real = true"), said(8, "service[0].on_no_real", "one of unreachable, drop")
    ),
    one("a misspelled key of refusal", web('on_noreal = "drop"'), said(8, "service[0].on_noreal", "write on_no_real")),
    one("keepalived's scheduler", web('lb_algo = "wrr"'), said(8, "service[0].lb_algo", "unknown", "write scheduler")),
    one(
        "keepalived's forwarding", web('lb_kind = "DR"'), said(8, "service[0].lb_kind", "routed directly", "delete it")
    ),
    one(
        "HAProxy's scheduler",
        web('scheduler = "leastconn"'),
        said(8, "service[0].scheduler", "no scheduler", 'write "lc"'),
    ),
    one("a mark", web("fwmark = 1"), said(8, "service[0].fwmark", "no firewall marks", "as one group")),
    one("a check by ping", check('kind = "ping"'), said(9, "service[0].check.kind", "no kind", 'write "icmp"')),
    one(
        "a Host among the headers",
        check('kind = "http"', 'headers = { Host = "a.example" }'),
        said(10, "service[0].check.headers", "Carom sets itself", "write host ="),
    ),
    one(
        "a check by another's word",
        check("interval = 5"),
        said(9, "service[0].check.interval", "unknown", "write every"),
    ),
    one(
        "a script that needs a shell",
        check('kind = "script"', 'command = "/bin/nc -z %h %p > /dev/null"'),
        said(10, "service[0].check.command", "no shell reads", "heeds its >", "/bin/sh -c"),
    ),
    one(
        "a flag of a scheduler that was not written",
        web('scheduler_flags = ["mh-port"]'),
        said(8, "service[0].scheduler_flags", "flag of the scheduler mh, not of wlc", 'write scheduler = "mh"'),
    ),
)

FAULTY: tuple[Faulty, ...] = (*PORTS, *REALS, *TOGETHER)

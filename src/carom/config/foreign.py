"""What other load balancers call things: a key or word of theirs is answered with Carom's.

Keys stand by the title of their table, in small letters. No key here is one of Carom's own in that table.
"""

from __future__ import annotations

from collections.abc import Mapping

FOREIGN: Mapping[tuple[str, str], str] = {
    (title, theirs): ours
    for title, ours, words in (
        ("[director]", "interface", ("nic", "device", "dev", "outside")),
        ("[defence]", "icmp_rate", ("icmp_ratelimit",)),
        ("[timeouts]", "established", ("tcp", "tcp_timeout")),
        ("[timeouts]", "fin_wait", ("tcpfin", "tcp_fin", "fin")),
        ("[[service]]", "vip", ("address", "ip", "bind", "listen")),
        ("[[service]]", "reals", ("servers", "backends", "real_server", "rs")),
        ("[[service]]", "scheduler", ("lb_algo", "algorithm", "balance", "sched")),
        ("[[service]]", "persistence", ("persistence_timeout", "persistent")),
        ("[[service]]", "persistence_mask", ("persistence_granularity", "netmask")),
        ("[[service]]", "sorry", ("sorry_server", "fallback")),
        ("[[service]]", "minimum", ("quorum",)),
        ("[[service]]", "one_packet", ("ops",)),
        ("reals = [{ }]", "address", ("ip", "rip", "host", "server")),
        ("reals = [{ }]", "upper", ("u_threshold", "uthreshold", "maxconn", "max_connections")),
        ("reals = [{ }]", "lower", ("l_threshold", "lthreshold")),
        ("[service.check]", "every", ("interval", "inter", "delay_loop")),
        ("[service.check]", "timeout", ("connect_timeout",)),
        ("[[hook]]", "on", ("events", "event")),
        ("[[hook]]", "run", ("command", "exec", "script", "program")),
        ("[[hook]]", "url", ("webhook", "endpoint")),
    )
    for theirs in words
}
"""The key that says the same."""

ADVICE: Mapping[tuple[str, str], str] = {
    ("reals = [{ }]", "port"): "direct routing leaves the port as it is; delete it, and listen on the service's port",
    ("reals = [{ }]", "backup"): "a service has one server of last resort; write its address as sorry of [[service]]",
    ("[[service]]", "protocol"): 'the protocol stands with the port; delete it, and write ports = ["udp/53"]',
    ("[[service]]", "lb_kind"): "every service is routed directly; delete it",
    ("[[service]]", "forwarding"): "every service is routed directly; delete it",
    ("[[service]]", "fwmark"): 'there are no firewall marks; write vip, and ports = ["tcp/80", "tcp/443"] as one group',
    ("[[hook]]", "method"): "an event is sent by POST; delete it",
}
"""For what Carom has not: what to do."""

SCHEDULERS: Mapping[str, str] = {
    "roundrobin": "rr",
    "round-robin": "rr",
    "leastconn": "lc",
    "least-connection": "lc",
    "maglev": "mh",
    "source": "sh",
}
CHECKS: Mapping[str, str] = {
    "sctp": "icmp",
    "ping": "icmp",
    "connect": "tcp",
    "ssl": "tls",
    "exec": "script",
    "misc": "script",
    "pgsql": "postgres",
}
REFUSALS: Mapping[str, str] = {"reject": "unreachable", "reset": "unreachable", "silent": "drop", "ignore": "drop"}
MISUSES: Mapping[str, str] = {"drain": "quiesce", "log": "report", "warn": "report", "arp": "announce"}

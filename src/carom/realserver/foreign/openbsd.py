"""OpenBSD: the VIPs on a loopback interface of their own."""

from __future__ import annotations

from carom.model import Address, Ports
from carom.realserver.foreign.shell import Recipe, heredoc, render
from carom.realserver.view import is_v6

FILE = "/etc/hostname.lo1"
SAVED = "/var/db/carom-real-server"


def script(vips: tuple[Address, ...], _: tuple[Ports, ...]) -> str:
    lines = [f"inet6 alias {vip} 128" if is_v6(vip) else f"inet alias {vip} 255.255.255.255" for vip in vips]
    keys = [
        key
        for key, wanted in (
            ("net.inet.ip.forwarding", not all(map(is_v6, vips))),
            ("net.inet6.ip6.forwarding", any(map(is_v6, vips))),
        )
        if wanted
    ]
    return render(
        Recipe(
            system="OpenBSD",
            uname="OpenBSD",
            theory=(
                "OpenBSD answers ARP and neighbour solicitations only for addresses of the interface that was asked,\n"
                "so a VIP on lo1 is silent by itself. But since 6.7 it drops what arrives on a NIC for an address of\n"
                "another interface, unless it forwards [3]; so forwarding is switched on here. Keep pf(4) from\n"
                "passing anything on that this host should not route."
            ),
            sources=(
                "hostname.if(5): https://man.openbsd.org/hostname.if.5",
                (
                    "relayd.conf(5), `route to`, direct server return with the address on a loopback interface: "
                    "https://man.openbsd.org/relayd.conf.5"
                ),
                "OpenBSD 6.7, packets for another interface's address: https://www.openbsd.org/67.html",
                "sysctl.conf(5): https://man.openbsd.org/sysctl.conf.5",
            ),
            check=(
                f'if [ -f {FILE} ] && ! grep -q "^# carom$" {FILE}; then',
                f'    stop "{FILE} exists and is not Carom\'s; move these addresses to another loN first"',
                "fi",
            ),
            apply=(
                f"[ -f {SAVED} ] || sysctl {' '.join(keys)} > {SAVED}",
                *(f"sysctl {key}=1  # [3]" for key in keys),
                "touch /etc/sysctl.conf",
                *(
                    f'grep -q "^{key}=1" /etc/sysctl.conf || echo "{key}=1  # carom" >> /etc/sysctl.conf  # [4]'
                    for key in keys
                ),
                *heredoc(FILE, ["# carom", *lines, "up"]),
                "sh /etc/netstart lo1  # [1] [2]",
            ),
            undo=(
                "ifconfig lo1 destroy 2>/dev/null || true",
                f"rm -f {FILE}",
                "sed '/  # carom$/d' /etc/sysctl.conf > /etc/sysctl.conf.carom",
                "cat /etc/sysctl.conf.carom > /etc/sysctl.conf",
                "rm -f /etc/sysctl.conf.carom",
                f"if [ -f {SAVED} ]; then",
                f'    while read -r setting; do sysctl "$setting"; done < {SAVED}',
                f"    rm -f {SAVED}",
                "fi",
            ),
            show=("ifconfig lo1", f"cat {FILE}", f"sysctl {' '.join(keys)}"),
        ),
        vips,
    )

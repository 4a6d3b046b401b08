"""macOS: the VIPs as aliases of lo0, brought back at boot by launchd."""

from __future__ import annotations

from carom.model import Address, Ports
from carom.realserver.foreign.shell import Recipe, heredoc, render
from carom.realserver.view import is_v6

LABEL = "io.carom.real-server"
PLIST = f"/Library/LaunchDaemons/{LABEL}.plist"
PROGRAM = "/usr/local/libexec/carom-real-server"
SAVED = "/var/db/carom-real-server"


def script(vips: tuple[Address, ...], _: tuple[Ports, ...]) -> str:
    add = [
        f"ifconfig lo0 inet6 {vip} prefixlen 128 alias" if is_v6(vip) else f"ifconfig lo0 alias {vip} 255.255.255.255"
        for vip in vips
    ]
    drop = [f"ifconfig lo0 {'inet6 ' if is_v6(vip) else ''}{vip} -alias" for vip in vips]
    return render(
        Recipe(
            system="macOS",
            uname="Darwin",
            theory=(
                "macOS answers ARP and neighbour solicitations only for addresses of the interface that was asked,\n"
                "so a VIP on lo0 is silent by itself [4]. Where net.inet.ip.check_interface is set, it drops what\n"
                "arrives on a NIC for an address of another interface [3]; it is set to 0 here, and put back by undo."
            ),
            sources=(
                "ifconfig(8), `alias`: man ifconfig",
                "launchd.plist(5), RunAtLoad; launchctl(1), bootstrap: man launchd.plist, man launchctl",
                "XNU, ip_input(): https://github.com/apple-oss-distributions/xnu/blob/main/bsd/netinet/ip_input.c",
                (
                    "IBM WebSphere Edge, aliasing the loopback device: "
                    "https://www.ibm.com/docs/en/was/8.5.5?topic=machines-aliasing-network-interface-card-loopback-device"
                ),
            ),
            check=('[ "$(id -u)" = 0 ] || stop "run it with sudo"',),
            apply=(
                f"[ -f {SAVED} ] || sysctl -n net.inet.ip.check_interface > {SAVED} 2>/dev/null || true",
                f"mkdir -p {PROGRAM.rpartition('/')[0]}",
                *heredoc(
                    PROGRAM,
                    (
                        "#!/bin/sh",
                        "sysctl -w net.inet.ip.check_interface=0 2>/dev/null || true",
                        *add,
                    ),
                ),
                f"chmod 755 {PROGRAM}",
                *heredoc(PLIST, _plist()),
                f"chmod 644 {PLIST}",
                f"launchctl bootout system {PLIST} 2>/dev/null || true",
                f"launchctl bootstrap system {PLIST}  # [2] runs it now, and at every boot",
            ),
            undo=(
                f"launchctl bootout system {PLIST} 2>/dev/null || true",
                f"rm -f {PLIST} {PROGRAM}",
                *(f"{line} 2>/dev/null || true  # [1]" for line in drop),
                f"if [ -s {SAVED} ]; then",
                f'    sysctl -w "net.inet.ip.check_interface=$(cat {SAVED})"',
                "fi",
                f"rm -f {SAVED}",
            ),
            show=("ifconfig lo0", f"launchctl print system/{LABEL}"),
        ),
        vips,
    )


def _plist() -> tuple[str, ...]:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
        '<plist version="1.0">',
        "<dict>",
        f"    <key>Label</key><string>{LABEL}</string>",
        f"    <key>ProgramArguments</key><array><string>{PROGRAM}</string></array>",
        "    <key>RunAtLoad</key><true/>",
        "</dict>",
        "</plist>",
    )

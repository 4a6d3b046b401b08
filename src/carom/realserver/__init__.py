"""The real server's side of direct routing: own the VIP, and never say so on the segment.

    steps    the smallest things that can be set on a host, as values that know their command and their undo
    methods  wish -> steps: one cure of the ARP problem per file
    arp      all methods: what must be set, for whom, and which wishes make no sense
    choose   fills in what the operator left open
    view     what a look at a host shows
    verify   view -> findings: one subject per file
    persist  steps -> the system's own boot files: one means per file
    foreign  VIPs -> scripts for hosts that do not run Linux: one system per file

All of these are pure. What touches the host: `host` (reads and does), `look` (one whole view), `files` (boot files),
`record` (what was there before), `netns` (enters a namespace), `apply` (join and leave, as transactions). `session` is
the one door to it all.
"""

from __future__ import annotations

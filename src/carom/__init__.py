"""Carom: a Layer-4 load balancer by direct routing.

The control plane is Python; the packets never touch Python. See `docs/house.md` for where things live.
"""

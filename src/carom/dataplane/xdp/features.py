"""Features: what of the program a plan uses. The rest is left out before the program is loaded, and costs nothing."""

from __future__ import annotations

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.dataplane.xdp.layout import (
    FEATURE_CHECKSUM,
    FEATURE_IP6,
    FEATURE_LIMITS,
    FEATURE_MTU,
    FEATURE_PEERS,
    FEATURE_PERSISTENCE,
    FEATURE_RANGES,
    FEATURE_SYN_RATE,
    FEATURE_UNREACHABLE,
    FEATURE_VLAN,
)
from carom.model import OnNoReal


def features_of(plan: Plan) -> int:
    """`FEATURE_...` of the layout, those that this plan needs."""
    features = FEATURE_PEERS if plan.peers else 0
    features |= FEATURE_SYN_RATE if plan.defence.syn_rate else 0
    features |= FEATURE_CHECKSUM if plan.defence.checksum else 0
    for service in plan.services:
        features |= FEATURE_LIMITS if has_limits(service) else 0
        features |= FEATURE_RANGES if any(ports.first != ports.last for ports in service.ports) else 0
        features |= FEATURE_PERSISTENCE if service.persistence else 0
        features |= FEATURE_VLAN if any(real.vlan is not None for real in everyone(service)) else 0
        features |= FEATURE_IP6 if service.vip.version == 6 else 0
        features |= FEATURE_UNREACHABLE if service.on_no_real is OnNoReal.UNREACHABLE else 0
        features |= FEATURE_MTU if any(real.mtu for real in everyone(service)) else 0
    return features


def has_limits(service: ServicePlan) -> bool:
    return any(real.upper for real in everyone(service))


def everyone(service: ServicePlan) -> tuple[RealPlan, ...]:
    """Its real servers, and the sorry server while that serves."""
    return (*service.reals, service.sorry) if service.sorry else service.reals

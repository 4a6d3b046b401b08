"""IPVS's hashes, by numbers that the kernel agreed to in the vm tier."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from carom.core.hashing import fold, hash_32, hsiphash


@pytest.mark.parametrize(
    ("address", "folded"),
    [
        ("10.64.0.1", 0x0A400001),
        ("192.168.76.24", 0xC0A84C18),
        ("2001:db8::1", 0x20010DB8 ^ 0x1),
        ("2001:db8:1:2:3:4:5:6", 0x20010DB8 ^ 0x00010002 ^ 0x00030004 ^ 0x00050006),
    ],
)
def test_an_address_is_folded_to_32_bits(address: str, folded: int) -> None:
    assert fold(ip_address(address)) == folded


@pytest.mark.parametrize(
    ("value", "upper_eight_bits"), [(0, 0), (1, 0x61), (2, 0xC3), (0xDEADBEEF, 109), (0xFFFFFFFF, 158)]
)
def test_hash_32_is_the_top_of_the_product_with_the_golden_ratio(value: int, upper_eight_bits: int) -> None:
    assert hash_32(value, 8) == upper_eight_bits


@pytest.mark.parametrize(
    ("value", "key", "expected"),
    [
        (0, 2654435761, 0x1D5A77C2),
        (1, 2654435761, 0x16EC66B2),
        (0xDEADBEEF, 2654435761, 0xF605CD1F),
        (0xDEADBEEF, 2654446892, 0x37DD7B7E),
        (0xFFFFFFFF, 2654446892, 0xF75A0F5D),
    ],
)
def test_hsiphash_gives_what_the_vm_tier_found_the_kernel_to_give(value: int, key: int, expected: int) -> None:
    assert hsiphash(value, key) == expected


def test_hsiphash_looks_at_32_bits_only() -> None:
    assert hsiphash(1 << 32 | 5, 2654435761) == hsiphash(5, 2654435761)

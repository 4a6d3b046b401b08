"""When a certificate expires, read from its bytes."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.checks.certificate import not_after
from tests.unit.checks.certificates import certificate


def der(tmp_path: Path, days: int) -> bytes:
    pem = certificate(tmp_path, "www.example.com", days).read_text()
    return ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :])


@pytest.mark.parametrize("days", [-1, 1, 365, 20_000, 200_000], ids="{} days".format)
def test_it_agrees_with_openssl(tmp_path: Path, days: int) -> None:
    """From 2050 on the year has four digits."""
    left = not_after(der(tmp_path, days)) - datetime.now(UTC)
    assert abs(left - timedelta(days=days)) < timedelta(minutes=1)


def test_every_shortened_certificate_is_refused(tmp_path: Path) -> None:
    whole = der(tmp_path, 1)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match="certificate"):
            not_after(whole[:length])


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_a_certificate_or_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"certificate|time"):
        not_after(data)

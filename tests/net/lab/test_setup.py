"""A lab set to work: ready when it says so, and why not when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from carom.errors import LabError
from carom.lab import director, standing, traffic
from carom.lab.network import VIP, VIP6
from carom.lab.setup import OWN_ENDPOINTS, serve, set_to_work
from carom.lab.standing import Lab


def test_once_it_is_ready_the_first_request_is_answered(working: Lab) -> None:
    assert traffic.send(working.namespace("client"), VIP, 80, 1).failed == 0
    assert director.waiting_for(director.status(working.socket)) == []


def test_a_daemon_that_cannot_run_is_quoted() -> None:
    with standing.temporary(standing.fresh_name("setup"), (VIP,), "[directr]\n") as lab:
        with pytest.raises(LabError, match="caromd ended with status 1 before it was ready\n") as refused:
            set_to_work(lab, OWN_ENDPOINTS[:1])
        assert "  caromd: " in str(refused.value)
        assert "carom.toml:1: directr" in str(refused.value)


def test_it_works_on_a_kernel_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carom.lab.build.IPV6", Path("/nowhere"))
    with standing.temporary(standing.fresh_name("setup"), (VIP, VIP6), director.configuration((1, 1, 1))) as lab:
        set_to_work(lab, OWN_ENDPOINTS)
        assert traffic.send(lab.namespace("client"), VIP, 80, 3).failed == 0


def test_a_web_server_that_cannot_listen_is_quoted() -> None:
    with (
        standing.temporary(standing.fresh_name("setup"), (), "") as lab,  # without a VIP on lo
        pytest.raises(LabError, match=r"web server of real1 ended with status 1: OSError:.* Cannot assign"),
    ):
        serve(lab, OWN_ENDPOINTS[:1])

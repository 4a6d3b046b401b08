"""Telling: who listens hears all news, whatever others do with them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import pytest

from carom import telling
from carom.core.news import News
from carom.core.world import World, begin
from carom.model import Config, Director
from carom.telling import Telling

BEFORE = begin(Config(Director("eth0")))
AFTER = replace(BEFORE, refused=("carom.toml:1: syntax: no TOML",))


def broken(*_: object) -> None:
    raise ZeroDivisionError("a defect")


def test_what_has_happened_is_noted_and_logged_grave_things_as_warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert [one.event for one in Telling.note(BEFORE, AFTER, 0.0)] == ["configuration refused"]
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, "configuration refused")
    ]


@pytest.mark.parametrize("after", [BEFORE, replace(BEFORE)], ids=["the same", "an equal one"])
def test_where_nothing_has_happened_there_is_no_news(after: World) -> None:
    assert Telling.note(BEFORE, after, 0.0) == ()


def test_a_defect_in_noting_loses_the_news_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(telling, "news", broken)
    assert Telling.note(BEFORE, AFTER, 0.0) == ()
    assert "a defect lost news" in caplog.text


def test_all_who_listen_hear_in_their_order_though_one_fails(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[tuple[str, Sequence[News]]] = []
    some = (News("real server up"),)
    told = Telling()
    told.listen(lambda found: heard.append(("first", found)))
    told.listen(broken)
    told.listen(lambda found: heard.append(("last", found)))
    told.spread(some)
    assert heard == [("first", some), ("last", some)]
    assert "a defect keeps one who listens from the news" in caplog.text

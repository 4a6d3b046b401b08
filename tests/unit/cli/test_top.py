"""`carom top`: what is on the screen, what keys do, and that a terminal shows it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from carom.cli.top import HELP, View, moved, pressed, rows, screen
from tests.unit.cli.directors import run
from tests.unit.directors import CONFIG, Director, director, until

ONE, TWO = ("web", "192.168.76.31"), ("web", "192.168.76.32")


def view(it: Director) -> View:
    return moved(View(it.client.get("/v1/status")), 0)


def test_every_real_server_is_a_line_and_one_is_chosen(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        seen = view(it)
        assert rows(seen.status) == [ONE, TWO]
        lines = screen(seen)
        assert lines[0].text == "carom on eth0  fake  active  version 1"
        assert [line.row for line in lines if line.row] == [ONE, TWO]
        assert [line.text[0] for line in lines if line.row] == [">", " "]
        assert lines[-1].text == HELP


def test_the_arrows_choose_and_stop_at_the_ends(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        seen = view(it)
        for key, chosen in (("KEY_UP", ONE), ("KEY_DOWN", TWO), ("j", TWO), ("k", ONE)):
            seen = pressed(seen, key, it.client)
            assert seen.chosen == chosen


def test_a_drain_is_asked_about_first(tmp_path: Path) -> None:
    with director(tmp_path) as it:

        def state() -> Any:
            return it.client.get("/v1/status")["services"][0]["reals"][0]["state"]

        seen = pressed(view(it), "d", it.client)
        assert screen(seen)[-1].text == "drain web 192.168.76.31? y/n"
        assert pressed(seen, "n", it.client).said == "not drained"
        assert state() == "up"
        assert pressed(seen, "y", it.client).said == "drain web 192.168.76.31"
        until(lambda: state() == "draining")
        assert pressed(view(it), "u", it.client).said == "undrain web 192.168.76.31"
        until(lambda: state() == "up")


def test_plus_and_minus_set_the_weight(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert pressed(view(it), "+", it.client).said == "weight web 192.168.76.31 2"
        until(lambda: it.client.get("/v1/status")["services"][0]["reals"][0]["effective_weight"] == 2)
        assert "2 by hand" in "\n".join(line.text for line in screen(view(it)))
        assert pressed(view(it), "-", it.client).said == "weight web 192.168.76.31 1"


def test_what_the_director_refuses_is_said(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        seen = replace(view(it), chosen=("shop", "192.168.76.31"))
        assert pressed(seen, "u", it.client).said == "there is no service shop; there are web"


def test_however_small_the_terminal_what_is_asked_is_in_sight(tmp_path: Path) -> None:
    many = CONFIG + "".join(
        CONFIG[CONFIG.index("[[service]]") :].replace('"web"', f'"web{n}"').replace(".24", f".{n}")
        for n in range(40, 60)
    )
    with director(tmp_path, many) as it:
        seen = pressed(view(it), "KEY_NPAGE", it.client)
        assert seen.chosen == ("web44", "192.168.76.31")
        seen = pressed(pressed(seen, "\t", it.client), "d", it.client)
        for height in (8, 12, 24):
            shown = screen(seen, height)
            assert len(shown) == height
            assert shown[0].text.startswith("carom on eth0")
            assert shown[-1].text == "drain web45 192.168.76.31? y/n"
            assert [line.row for line in shown if line.look == "chosen"] == [("web45", "192.168.76.31")]
        last = pressed(replace(seen, asking="", chosen=rows(seen.status)[-1]), "\t", it.client)
        assert last.chosen == ONE, "behind the last service comes the first"


def test_r_shows_rates_over_a_minute_and_back(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        seen = view(it)
        [real, *_] = seen.status["services"][0]["reals"]
        real["rates"], real["rates_minute"] = ({"new_flows": n, "packets": n, "bytes": n} for n in (7.0, 5.5))
        assert " 7  " in line_of(seen, ONE)
        slow = pressed(seen, "r", it.client)
        assert " 5.5  " in line_of(slow, ONE)
        assert screen(slow)[1].text.endswith("flows  over 60 s")
        assert pressed(slow, "r", it.client) == seen


def line_of(seen: View, row: tuple[str, str]) -> str:
    return next(line.text for line in screen(seen) if line.row == row)


def test_packets_that_end_in_an_odd_way_are_on_top(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        seen = view(it)
        rates = {"packets": 12.0, "bytes": 700.0}
        odd = {"name": "no_real", "normal": False, "rates": rates, "rates_minute": rates}
        seen = replace(seen, status=seen.status | {"reasons": [odd, odd | {"name": "forwarded", "normal": True}]})
        [line] = [line for line in screen(seen) if line.text.startswith("not as usual")]
        assert (line.text, line.look) == ("not as usual: no_real 12/s", "bad")


def test_without_real_servers_no_key_does_harm(tmp_path: Path) -> None:
    with director(tmp_path, '[director]\ninterface = "eth0"\n') as it:
        seen = view(it)
        for key in ("KEY_UP", "d", "u", "+", "x"):
            assert pressed(seen, key, it.client) == replace(seen, chosen=None)
        assert screen(seen)[-1].text == HELP


def test_without_a_terminal_it_says_what_to_use_instead(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        result = run(it, "top")
    assert result.exit_code == 2
    assert "top needs a terminal to draw on; for a pipe or a file there is carom status" in result.output


def test_a_terminal_that_nobody_knows_is_named(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "carom", "top", "--socket", str(it.socket)]
        environment = os.environ | {"TERM": "nosuch"}
        done = subprocess.run(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=environment, text=True)
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert "nothing is known of the terminal 'nosuch': set TERM" in done.stderr


def test_a_terminal_shows_it_until_q(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "carom", "top", "--socket", str(it.socket)]
        environment = os.environ | {"TERM": "xterm", "LINES": "30", "COLUMNS": "120"}
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as top:
            os.close(theirs)
            shown, end = b"", time.monotonic() + 15
            while b"192.168.76.32" not in shown and time.monotonic() < end:
                if select.select([ours], [], [], 0.1)[0]:
                    shown += os.read(ours, 65536)
            os.write(ours, b"q")
            while top.poll() is None and time.monotonic() < end:
                if select.select([ours], [], [], 0.1)[0]:
                    try:
                        os.read(ours, 65536)
                    except OSError:
                        break
            assert top.wait(5) == 0
        os.close(ours)
        assert b"192.168.76.31" in shown

"""A look at a lab at work, and at an idle one."""

from __future__ import annotations

import json

from carom.lab import survey, traffic
from carom.lab.network import NODES, VIP, Wire
from carom.lab.standing import Lab


def test_everything_that_runs_and_crossed_is_seen(working: Lab) -> None:
    traffic.send(working.namespace("client"), VIP, 80, 6)
    seen = survey.take(working)
    assert {node for node, pids in seen.processes.items() if pids} == {"director", "real1", "real2", "real3"}
    assert seen.legs[Wire.SEGMENT, "director"].received_packets >= 6 * 4
    assert seen.leaked_bytes == 0
    assert seen.status is not None
    assert seen.status["director"]["mode"] == "native"


def test_its_document_names_every_node_and_is_json(working: Lab) -> None:
    document = json.loads(json.dumps(survey.document(survey.take(working))))
    assert list(document["nodes"]) == list(NODES)
    assert document["nodes"]["gateway1"]["nics"]["internet"]["addresses"] == ["203.0.113.2/24", "fd00:113::2/64"]
    assert document["nodes"]["real1"]["namespace"] == working.namespace("real1")
    assert document["director"]["services"][0]["name"] == "web"


def test_an_idle_lab_has_no_director_that_answers(wired: Lab) -> None:
    seen = survey.take(wired)
    assert seen.status is None
    assert survey.document(seen)["director"] is None
    assert not any(seen.processes.values())

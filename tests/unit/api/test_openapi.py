"""The OpenAPI document: it is one, and the director does what it says."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from carom.api.call import refusal
from carom.errors import ChangeError, ConfigError, DataPlaneError, NetError, StoreError
from tests.unit.api.test_app import ask
from tests.unit.directors import CONFIG, LESS, Director, director


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Director]:
    with director(tmp_path_factory.mktemp("director")) as one:
        yield one


def described(it: Director) -> dict[str, Any]:
    found: dict[str, Any] = ask(it, "GET", "/v1/openapi.json")[1]
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def validate(document: dict[str, Any], operation: dict[str, Any], status: int, found: Any) -> None:
    """That this answer is one of those that the document promises."""
    assert str(status) in operation["responses"], f"{status} is not promised: {found}"
    [schema] = [content["schema"] for content in operation["responses"][str(status)]["content"].values()]
    Draft202012Validator({**schema, "components": document["components"]}).validate(found)


EXAMPLES = {"number": "1", "from": "203.0.113.7:1", "to": "192.168.76.24:80"}


def asked(path: str, operation: dict[str, Any]) -> str:
    """The path with everything that has to be said."""
    needed = [one for one in operation.get("parameters", ()) if one["required"]]
    said = [f"{one['name']}={EXAMPLES[one['name']]}" for one in needed if one["in"] == "query"]
    for one in needed:
        path = path.replace(f"{{{one['name']}}}", EXAMPLES[one["name"]])
    return f"{path}?{'&'.join(said)}"


def test_every_schema_in_it_is_a_schema(it: Director) -> None:
    document = described(it)
    assert document["openapi"] == "3.1.0"
    for _, _, operation in operations(document):
        assert operation["summary"].endswith("."), "every call says what it does"
        for response in operation["responses"].values():
            for content in response["content"].values():
                Draft202012Validator.check_schema(content["schema"])


def test_every_answer_is_as_it_says(it: Director) -> None:
    """The document is walked: each call that looks is made, in a state in which there is something to see."""
    ask(it, "POST", "/v1/apply", json.dumps({"text": LESS, "confirm_within": 600}).encode())
    ask(it, "POST", "/v1/drain", b'{"service": "web", "real": "192.168.76.31", "within": 600}')
    document = described(it)
    looked = 0
    for method, path, operation in operations(document):
        if method == "GET" and path != "/v1/events":
            status, found, _ = ask(it, method, asked(path, operation))
            assert status == 200, path
            validate(document, operation, status, found)
            looked += 1
    assert looked >= 7
    ask(it, "POST", "/v1/rollback")


WORDS = st.text(string.printable, max_size=20) | st.sampled_from(
    [CONFIG, LESS, "web", "192.168.76.31", "192.168.76.32", "\x00", "é", "\ud800"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
NAMES = st.sampled_from(["text", "file", "confirm_within", "to", "service", "real", "within", "weight", "other"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_whatever_is_asked_is_answered_as_it_says(it: Director, data: st.DataObject) -> None:
    document = described(it)
    method, path, operation = data.draw(
        st.sampled_from([one for one in operations(document) if one[0] == "POST"]), label="call"
    )
    body = data.draw(st.dictionaries(NAMES, VALUES, max_size=5), label="body")
    raw = data.draw(st.just(json.dumps(body).encode()) | st.binary(max_size=40), label="raw")
    status, found, _ = ask(it, method, path, raw)
    assert status != 500, found
    validate(document, operation, status, found)
    ask(it, "POST", "/v1/rollback", b'{"to": 1}')


REFUSALS = (ChangeError("no"), DataPlaneError("no"), StoreError("no"), NetError("no"))


def test_every_way_to_be_refused_is_promised(it: Director) -> None:
    """400, 401, 500 and 503 can come of everything, the others of calls that do work."""
    told = {"/v1/status", "/v1/openapi.json", "/v1/events", "/metrics"}
    for method, path, operation in operations(described(it)):
        statuses = {"400", "401", "500", "503"}
        if path not in told:
            statuses |= {str(refusal(error)[0]) for error in REFUSALS}
        if method == "POST":
            statuses |= {"413", str(refusal(ConfigError(()))[0])}
        assert statuses <= operation["responses"].keys(), path


def test_the_page_of_the_api_has_every_call(it: Director) -> None:
    page = (Path(__file__).parents[3] / "docs/api.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("|") and "/" in line.split("|")[1]]
    named = {path for row in rows for path in re.findall(r"/[\w./]+", row)}
    paths = {re.sub(r"\{\w+\}", "N", path) for path in described(it)["paths"]}
    assert named - {"/v1/openapi.json"} == paths - {"/v1/openapi.json"}

"""The schemas themselves; that answers keep to them is tested in `test_openapi`."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator, ValidationError

from carom.api.schemas import COUNT, TEXT, optional, record


def test_a_record_has_all_of_its_properties_and_no_others() -> None:
    validator = Draft202012Validator(record("A thing.", name=TEXT, size=optional(COUNT)))
    validator.validate({"name": "web", "size": None})
    for wrong in ({"name": "web"}, {"name": "web", "size": -1}, {"name": "web", "size": 1, "more": 1}):
        with pytest.raises(ValidationError):
            validator.validate(wrong)

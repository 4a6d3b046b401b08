"""The keys of the configuration file for people: the lists in `docs/configuration.md`.

`python -m carom.config.reference docs/configuration.md` writes them anew, between the page's own words.
"""

from __future__ import annotations

import re
import sys
from itertools import takewhile
from pathlib import Path

from carom.config.kinds import KINDS
from carom.config.schema import default
from carom.config.shapes import Field, Table
from carom.config.tables import CHECK, DEFENCE, DIRECTOR, HOOK, REAL, SERVICE, TIMEOUTS
from carom.core.flaw import shown

_BLOCK = re.compile(r"(<!-- keys: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def rewritten(page: str) -> str:
    """The page with the lists between its marks made anew. Raises KeyError at a mark for a list that there is not."""
    made = lists()
    return _BLOCK.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n\n{found[3]}", page)


def lists() -> dict[str, str]:
    """Every list of keys, by what a page calls it."""
    tables = {
        "director": DIRECTOR,
        "defence": DEFENCE,
        "timeouts": TIMEOUTS,
        "service": SERVICE,
        "real": REAL,
        "check": CHECK,
        "hook": HOOK,
    }
    made = {name: "\n".join(_item(field, table) for field in table.fields) for name, table in tables.items()}
    return {**made, "kinds": "\n\n".join(_kind(kind) for kind in KINDS)}


def _kind(kind: str) -> str:
    """The keys that only this kind has, after the kinds whose keys it has as well."""
    fields = KINDS[kind]
    alike = [other for other in takewhile(lambda one: one != kind, KINDS) if _includes(fields, KINDS[other])]
    own = [field for field in fields if not any(field in KINDS[other] for other in alike)]
    shared = f" has the keys of {' and '.join(f'`{other}`' for other in alike)}" if alike else ""
    items = "".join(f"\n{_item(field, CHECK)}" for field in own)
    if items:
        return f"`{kind}`{shared}{' and' if shared else ''}:\n{items}"
    return f"`{kind}`{shared or ' has no keys of its own'}."


def _includes(fields: tuple[Field, ...], others: tuple[Field, ...]) -> bool:
    return bool(others) and all(field in fields for field in others)


def _item(field: Field, table: Table) -> str:
    parts = [f"`{field.name}`{unless(field, table)}: {field.about}", f"Takes {field.shape.noun}: `{field.example}`"]
    return f"- {' '.join(parts)}"


def unless(field: Field, table: Table) -> str:
    """What it is where it is not written, in brackets."""
    if field.required:
        return " (required)"
    value = default(field, table)
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    words = field.default_words or ("" if value is None else f"`{shown(value)}`")
    return f" ({words})" if words else ""


def main() -> None:
    """Rewrite the page that is named."""
    page = Path(sys.argv[1])
    page.write_text(rewritten(page.read_text()))


if __name__ == "__main__":
    main()

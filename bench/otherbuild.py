"""Other builds of Carom, to be upgraded to: a copy of the sources with changes in it, and its packet program compiled.

Its daemon runs with `PYTHONPATH` set to the folder `src` of what is returned.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import hatch_build

LAYOUT = "src/carom/dataplane/xdp/layout.py"
_DECLARATIONS = r"(int direct\(struct xdp_md \*frame, bool succeeds\)\n\{\n(?:\t[^\n]*;\n)+\n)"
"""How the program begins; what is added behind it makes it another."""
_WIDER_FLOWS = (
    ("bpf/maps/flows.h", "struct flow4 {\n\t__u64 key;\n", "struct flow4 {\n\t__u64 key;\n\t__u64 more;\n"),
    ("bpf/flow.h", "#define FLOW_WORDS(ip6) ((ip6) ? 4 : 2)", "#define FLOW_WORDS(ip6) ((ip6) ? 4 : 3)"),
    (
        "bpf/room.h",
        "\treturn room_insert(false, &key, word,",
        "\tconst __u64 wide[2] = { key, 0 };\n\n\treturn room_insert(false, wide, word,",
    ),
    (
        LAYOUT,
        'class Flow4(c.Structure):\n    _fields_ = (("key", c.c_uint64), ',
        'class Flow4(c.Structure):\n    _fields_ = (("key", c.c_uint64), ("more", c.c_uint64), ',
    ),
)
_OTHER_BITS = (
    ("bpf/flow.h", "FLOW_BEING_WRITTEN << 36)", "FLOW_BEING_WRITTEN << 16)"),
    ("bpf/flow.h", "(__u64)(real) << 16 | (__u64)(state) << 36", "(__u64)(real) << 28 | (__u64)(state) << 16"),
    ("bpf/flow.h", "((__u32)((word) >> 16) & ((1u << REAL_BITS)", "((__u32)((word) >> 28) & ((1u << REAL_BITS)"),
    ("bpf/flow.h", "((__u32)((word) >> 36) & 0x1f)", "((__u32)((word) >> 16) & 0x1f)"),
    ("bpf/flow.h", "((__u32)((word) >> 41) & 0x7f)", "((__u32)((word) >> 21) & 0x7f)"),
    ("bpf/flow.h", "((__u64)(generation) << 41)", "((__u64)(generation) << 21)"),
    (LAYOUT, "FLOW_REAL_AT, FLOW_REAL_MASK = 16,", "FLOW_REAL_AT, FLOW_REAL_MASK = 28,"),
    (LAYOUT, "FLOW_STATE_AT, FLOW_STATE_MASK = 36,", "FLOW_STATE_AT, FLOW_STATE_MASK = 16,"),
    (LAYOUT, "FLOW_TEMPLATE_AT, FLOW_TEMPLATE_MASK = 41,", "FLOW_TEMPLATE_AT, FLOW_TEMPLATE_MASK = 21,"),
)
_OTHER_RECORDS = (
    ("bpf/maps/reals.h", "struct real {\n", "struct real {\n\t__u32 more;\n"),
    (
        LAYOUT,
        "class Real(c.Structure):\n    _fields_ = (\n",
        'class Real(c.Structure):\n    _fields_ = (\n        ("more", c.c_uint32),\n',
    ),
    ("bpf/maps/templates.h", "struct template {\n", "struct template {\n\t__u32 more;\n"),
    (
        LAYOUT,
        "class Template(c.Structure):\n    _fields_ = (\n",
        'class Template(c.Structure):\n    _fields_ = (\n        ("more", c.c_uint32),\n',
    ),
    ("bpf/maps/settings.h", "\t__u32 answering; /*", "\t__u32 more[3];\n\t__u32 answering; /*"),
    (
        LAYOUT,
        '        ("answering", c.c_uint32),\n',
        '        ("more", c.c_uint32 * 3),\n        ("answering", c.c_uint32),\n',
    ),
    ("bpf/maps/labels.h", "struct real_label {\n\tchar service[64];", "struct real_label {\n\tchar service[96];"),
    (
        LAYOUT,
        'class RealLabel(c.Structure):\n    _fields_ = (\n        ("service", c.c_char * 64),',
        'class RealLabel(c.Structure):\n    _fields_ = (\n        ("service", c.c_char * 96),',
    ),
)
OTHER_LAYOUT = 999
_OTHER_NUMBER = (
    ("bpf/maps.h", r"#define LAYOUT_VERSION \d+", f"#define LAYOUT_VERSION {OTHER_LAYOUT}"),
    (LAYOUT, r"\nLAYOUT_VERSION = \d+", f"\nLAYOUT_VERSION = {OTHER_LAYOUT}"),
)


def with_another_program(folder: Path) -> Path:
    """A build whose packet program is another, on the same maps; its root."""
    return _made(
        folder, [(f"bpf/{hatch_build.PROGRAM.name}", _DECLARATIONS, r'\1\tasm volatile("r0 = 7" ::: "r0");\n')]
    )


def with_another_layout(folder: Path) -> Path:
    """A build whose maps have wider flows, whose bits have other places, and wider records of other kinds; its root."""
    written = (*_WIDER_FLOWS, *_OTHER_BITS, *_OTHER_RECORDS)
    changes = [(name, re.escape(old), new.replace("\\", "\\\\")) for name, old, new in written]
    return _made(folder, [*changes, *_OTHER_NUMBER])


def _made(tree: Path, changes: list[tuple[str, str, str]]) -> Path:
    shutil.copytree(hatch_build.ROOT / "src", tree / "src", ignore=shutil.ignore_patterns("__pycache__", "*.o"))
    shutil.copytree(hatch_build.SOURCES, tree / "bpf")
    for name, pattern, new in changes:
        text, count = re.subn(pattern, new, (tree / name).read_text())
        if count != 1:
            raise SystemExit(f"{name} has {count} of what was to be changed: {pattern}")
        (tree / name).write_text(text)
    made = tree / hatch_build.OBJECT.relative_to(hatch_build.ROOT)
    command = hatch_build.command(made, tree / "bpf" / hatch_build.PROGRAM.name)
    subprocess.run([word.replace(str(hatch_build.SOURCES), str(tree / "bpf")) for word in command], check=True)
    return tree

"""The stage's code and style sheet as text, joined from the files in `static`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from .style import css_variables

_MODULES = (
    "decode",
    "words",
    "facts",
    "terms",
    "clock",
    "svg",
    "histories",
    "scene",
    "fleet",
    "packets",
    "reigns",
    "timeline",
    "lamport",
    "ink",
    "pointer",
    "spacetime",
    "picture",
    "drawers",
    "controls",
    "causes",
    "fate",
    "lineage",
    "verdict",
    "stale",
    "ring_layout",
    "ring_facts",
    "ring_packets",
    "ring_side",
    "ring",
    "ring_targets",
    "ring_diagram",
    "ring_fate",
    "tapes_facts",
    "tapes",
    "tapes_more",
    "topology",
    "follow",
    "chain",
    "story",
    "forks",
    "targets",
    "menu",
    "faults",
    "compare",
    "keep",
    "tools",
    "stage",
)

_SHEETS = ("stage", "edit", "story", "keep", "ring", "tapes")


@cache
def module() -> str:
    """Return the stage as one ES module without imports; it exports ``default {render}``."""
    return "\n".join(static(f"{name}.js") for name in _MODULES)


@cache
def bare_module() -> str:
    """Return the module without the comments that have lines of their own: a fifth less for each page to carry."""
    without_blocks = re.sub(r"^[ \t]*/\*\*.*?\*/[ \t]*\n", "", module(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^[ \t]*//.*\n", "", without_blocks, flags=re.MULTILINE)


@cache
def styles() -> str:
    """Return the stage's style sheet, the colours of both themes included."""
    return css_variables() + "".join(static(f"{name}.css") for name in _SHEETS)


def static(name: str) -> str:
    """Return one file of the folder `static`."""
    return (files(__package__) / "static" / name).read_text(encoding="utf-8")

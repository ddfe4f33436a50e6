"""Values seen on real servers or derived elsewhere, with their sources: what this project is judged against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "reference.json").read_text("utf-8"))


def cases(area: str, name: str = "") -> list[dict[str, Any]]:
    """Return the cases of an area whose name begins so, without those that their source says not to judge on."""
    found = [c for c in CASES if c["area"] == area and c["name"].startswith(name)]
    assert found, f"no reference case in {area} begins with {name!r}"
    return [c for c in found if "do not judge" not in str(c.get("note", ""))]


def case_id(case: dict[str, Any]) -> str:
    """Return what a parametrized test calls a case."""
    return str(case["id"])

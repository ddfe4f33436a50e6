"""One clear sentence for input that cannot be right: what, which value, what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError


class ScenarioError(ValueError):
    """A scenario, or a text that should hold one, is not valid. Its text is one sentence."""


def one_sentence(error: ValidationError, fields: Sequence[str]) -> str:
    """Return the first problem of a pydantic error as one sentence that names the field.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    fields : sequence of str
        The names that a misspelt field is compared with.
    """
    first = error.errors(include_url=False)[0]
    where = _path(first["loc"])
    kind, value, context = first["type"], first.get("input"), first.get("ctx", {})
    if kind == "extra_forbidden":
        close = get_close_matches(where, fields, n=1)
        hint = f"did you mean {close[0]}?" if close else f"fields are {', '.join(fields)}"
        return f"{where} is not a field here: {hint}."
    allowed = _allowed(kind, context)
    if allowed:
        return f"{where} is {value!r}: it must be {allowed}."
    if kind == "missing":
        return f"{where} is missing."
    if kind == "value_error":
        return str(context.get("error", first["msg"]))
    return f"{where} is {value!r}: {first['msg'].lower()}."


def _path(loc: Sequence[Any]) -> str:
    """Return ``("faults", 0, "crash", "at_ms")`` as ``faults[0].at_ms``."""
    text = ""
    for i, part in enumerate(loc):
        if isinstance(part, int):
            text += f"[{part}]"
        elif i >= 2 and isinstance(loc[i - 1], int) and i < len(loc) - 1:
            continue  # the tag of a union: which kind of fault
        else:
            text += f".{part}" if text else str(part)
    return text or "the scenario"


def _allowed(kind: str, context: dict[str, Any]) -> str:
    sentences = {
        "greater_than_equal": "at least {ge}",
        "greater_than": "greater than {gt}",
        "less_than_equal": "at most {le}",
        "less_than": "less than {lt}",
        "finite_number": "a finite number",
        "literal_error": "{expected}",
        "int_parsing": "a whole number",
        "int_from_float": "a whole number",
        "int_type": "a whole number",
        "float_parsing": "a number",
        "float_type": "a number",
        "string_type": "a text",
        "union_tag_invalid": "one of the kinds {expected_tags}",
    }
    return sentences[kind].format(**context) if kind in sentences else ""

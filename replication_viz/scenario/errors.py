"""One clear sentence for input that cannot be right: what, which value, what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

_LONGEST_VALUE = 60
_MANY = 20


class ScenarioError(ValueError):
    """A scenario, or a text that should hold one, is not valid. Its text is one sentence."""


class Checked(BaseModel):
    """A frozen record that says in one sentence what is wrong with its input.

    Raises
    ------
    ScenarioError
        If any value is not allowed, naming the field, the value and what is allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ScenarioError(one_sentence(error, list(type(self).model_fields))) from None

    @classmethod
    def model_validate(cls, *args: Any, **kwargs: Any) -> Self:
        try:
            return super().model_validate(*args, **kwargs)
        except ValidationError as error:
            raise ScenarioError(one_sentence(error, list(cls.model_fields))) from None

    @classmethod
    def model_validate_json(cls, *args: Any, **kwargs: Any) -> Self:
        try:
            return super().model_validate_json(*args, **kwargs)
        except ValidationError as error:
            raise ScenarioError(one_sentence(error, list(cls.model_fields))) from None

    @model_validator(mode="before")
    @classmethod
    def _no_guessing(cls, values: Any) -> Any:
        """Refuse a text or a truth value in place of a number; pydantic would make a number of it."""
        for name, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, str | bool) and name in cls.model_fields:
                kinds = _plain_types(cls.model_fields[name].annotation)
                if not kinds.isdisjoint((int, float)):
                    number = "a whole number" if int in kinds else "a number"
                    raise ScenarioError(f"{name} is {shown(value)}: it must be {number}.")
        return values


def one_sentence(error: ValidationError, fields: Sequence[str]) -> str:
    """Return the first problem of a pydantic error as one sentence that names the field.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    fields : sequence of str
        The names that a misspelt field is compared with.
    """
    problems = error.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])  # misspelt rather than missing
    where = _path(first["loc"])
    kind, value, context = first["type"], first.get("input"), first.get("ctx", {})
    if kind == "extra_forbidden":
        return f"{where} is not a field here: {suggestion(where, fields)}"
    if kind == "missing":
        return f"{where} is missing."
    if kind == "json_invalid":
        return f"the text is not JSON: {context['error']}."
    if kind == "union_tag_not_found":
        return f"{where}.kind is missing."
    if kind == "union_tag_invalid":
        return f"{where}.kind is {context['tag']!r}: it must be one of {context['expected_tags']}."
    if kind == "value_error":
        why = str(context["error"])
        return f"{where}.{why}" if first["loc"] else why  # a record in a record has told why
    allowed = _allowed(kind, context)
    return f"{where or 'the scenario'} is {shown(value)}: it must be {allowed or first['msg'].lower()}."


def suggestion(wrong: str, names: Sequence[str]) -> str:
    """Return the end of a sentence about a name that does not exist: the nearest that does, or all, or many."""
    close = get_close_matches(wrong, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return f"there are {', '.join(names[:_MANY])}{more}."


def shown(value: Any) -> str:
    """Return a value as a sentence may hold it: short."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _path(loc: Sequence[Any]) -> str:
    """Return ``("faults", 0, "crash", "at_ms")`` as ``faults[0].at_ms``."""
    text = ""
    for i, part in enumerate(loc):
        if isinstance(part, int):
            text += f"[{part}]"
        elif i and isinstance(loc[i - 1], int):
            continue  # the tag of a union: which kind of fault
        else:
            text += f".{part}" if text else str(part)
    return text


def _allowed(kind: str, context: dict[str, Any]) -> str:
    sentences = {
        "greater_than_equal": "at least {ge:,.12g}",
        "greater_than": "greater than {gt:,.12g}",
        "less_than_equal": "at most {le:,.12g}",
        "less_than": "less than {lt:,.12g}",
        "finite_number": "a finite number",
        "literal_error": "{expected}",
        "int_parsing": "a whole number",
        "int_parsing_size": "a whole number that is not as large",
        "int_from_float": "a whole number",
        "int_type": "a whole number",
        "float_parsing": "a number",
        "float_type": "a number",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "string_type": "a text",
        "string_unicode": "a text of whole Unicode characters",
        "string_too_long": "at most {max_length} characters long",
        "too_short": "at least {min_length} long",
        "too_long": "at most {max_length} long",
        "tuple_type": "a list",
        "dict_type": "a mapping from names to settings",
        "model_type": "a mapping from field names to values",
        "model_attributes_type": "a mapping from field names to values",
    }
    return sentences[kind].format(**context) if kind in sentences else ""


def _plain_types(annotation: Any) -> set[Any]:
    """Return the types that an annotation is made of, its options and metadata opened."""
    inside = get_args(annotation)
    if inside:
        return set().union(*map(_plain_types, inside))
    return {annotation} if isinstance(annotation, type) else set()

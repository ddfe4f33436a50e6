"""A number of a scenario, described once: unit, allowed range, slider, one line of help."""

from __future__ import annotations

from typing import Any

from pydantic import Field


def knob(
    title: str,
    default: float,
    allowed: tuple[float, float],
    slider: tuple[float, float, float],
    unit: str,
    text: str,
    *,
    log: bool = False,
) -> Any:
    """Describe a number: name, default, allowed range, slider (from, to, step), unit, help, logarithmic or not."""
    lo, hi, step = slider
    extra: dict[str, Any] = {"unit": unit, "slider": [lo, hi], "step": step, "log": log}
    return Field(
        default,
        title=title,
        ge=allowed[0],
        le=allowed[1],
        allow_inf_nan=False,
        description=text,
        json_schema_extra=extra,
    )

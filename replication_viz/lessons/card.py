"""What a lesson tool shows: one face, told as text, as HTML, and as a live card where a kernel runs.

A `Face` is plain data. Texts may hold `code` between backticks; everything is escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .book import is_unattended

if TYPE_CHECKING:
    from .widget import Card

STATIC = Path(__file__).parent / "static"
Tone = Literal["plain", "good", "bad", "wait", "why"]
SIGNS: dict[Tone, str] = {"plain": "", "good": "✓", "bad": "✗", "wait": "…", "why": "→"}


@dataclass(frozen=True)
class Line:
    """A sentence and how it is meant; the sign says it without colour."""

    text: str
    tone: Tone = "plain"

    def __str__(self) -> str:
        return f"{SIGNS[self.tone]} {self.text}".lstrip()


@dataclass(frozen=True)
class Form:
    """A field for a number with its unit or, where there are choices, one of these."""

    unit: str = ""
    choices: tuple[str, ...] = ()
    example: str = ""


@dataclass(frozen=True)
class Face:
    """A label such as "Prediction", a heading, sentences, a form and buttons (id, caption)."""

    label: str
    title: str
    lines: tuple[Line, ...] = ()
    form: Form | None = None
    buttons: tuple[tuple[str, str], ...] = ()
    table: tuple[tuple[str, ...], ...] = ()

    def text(self) -> str:
        """Return the face as plain text."""
        widths = [max(map(len, column)) for column in zip(*self.table, strict=True)]
        rows = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in self.table
        ]
        heading = f"{self.label}: {self.title}" if self.title else self.label
        return "\n".join([heading, *map(str, self.lines), *rows])

    def html(self) -> str:
        """Return the face as HTML that needs no kernel and no script."""
        parts = [f'<div class="rv-label">{_rich(self.label)}</div>'] if self.label else []
        if self.title:
            parts.append(f'<div class="rv-title">{_rich(self.title)}</div>')
        for line in self.lines:
            sign = f'<span class="rv-sign" aria-hidden="true">{SIGNS[line.tone]}</span>'
            sign = sign if SIGNS[line.tone] else ""
            parts.append(f'<p class="rv-line rv-{line.tone}">{sign}<span>{_rich(line.text)}</span></p>')
        if self.table:
            head, *rows = ("".join(_cells(row, i == 0)) for i, row in enumerate(self.table))
            body = "".join(f"<tr>{row}</tr>" for row in rows)
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        return f'<style>{css()}</style><div class="rv-lesson">{"".join(parts)}</div>'

    def state(self) -> dict[str, Any]:
        """Return the face as JSON-ready data for the live card."""
        return {**asdict(self), "signs": SIGNS}


class Shown:
    """Something with a face: text everywhere, HTML in notebooks, live where a reader sits."""

    _card: Card | None = None

    def face(self) -> Face:
        """Return what is to be seen now."""
        raise NotImplementedError

    def heard(self, kind: str, value: str) -> None:
        """Act on the reader's button or answer; nothing to do unless overridden."""

    def refresh(self) -> None:
        """Bring the live card, if there is one, up to date."""
        if self._card is not None:
            self._card.state = self.face().state()

    def __repr__(self) -> str:
        return self.face().text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        bundle = {"text/plain": self.face().text(), "text/html": self.face().html()}
        if is_unattended() or not _has_kernel():
            return bundle
        if self._card is None:
            from .widget import Card

            self._card = Card(self.face().state(), self.heard)
        live: Any = self._card._repr_mimebundle_()
        data, metadata = live if isinstance(live, tuple) else (live or {}, {})
        return {**data, **bundle}, metadata


class Result(Shown):
    """A face that does not change."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def face(self) -> Face:
        return self._face


@cache
def css() -> str:
    """Return the cards' style sheet."""
    return (STATIC / "card.css").read_text(encoding="utf-8")


def _has_kernel() -> bool:
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def _rich(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _cells(row: Sequence[str], is_head: bool) -> list[str]:
    tag = 'th scope="col"' if is_head else "td"
    return [f"<{tag}>{_rich(cell)}</{tag.split()[0]}>" for cell in row]


Heard = Callable[[str, str], None]

"""A report as text of at most 100 columns, and as an accessible page without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import wrap

from .sections import Section

WIDTH = 100
_GAP = "  "
_STYLE = (
    "<style>.rv-report table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:0 0 .5em}"
    ".rv-report caption{text-align:left;font-weight:600;padding:.8em 0 .3em}"
    ".rv-report th,.rv-report td{text-align:left!important;vertical-align:top;padding:4px 18px 4px 0!important}"
    ".rv-report p,.rv-report ul{max-width:75em;margin:.2em 0}</style>"
)


def as_text(sections: Sequence[Section]) -> str:
    """Return sections as aligned text, at most 100 characters wide."""
    return "\n\n".join("\n".join(_text(section)) for section in sections)


def as_page(sections: Sequence[Section]) -> str:
    """Return sections as HTML; everything is escaped."""
    return f'{_STYLE}<div class="rv-report">{"".join(map(_html, sections))}</div>'


def as_document(title: str, sections: Sequence[Section]) -> str:
    """Return sections as a whole HTML file, light or dark as the reader likes it."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title></head>"
        f'<body style="font:16px/1.5 system-ui,sans-serif;margin:2em"><main><h1>{escape(title)}</h1>'
        f"{as_page(sections)}</main></body></html>\n"
    )


def _text(section: Section) -> list[str]:
    lines = wrap(section.title, WIDTH)
    lines.append("-" * len(lines[0]))
    if section.is_wordy:
        lines += [line for row in section.rows for line in _wordy(row)]
    elif section.rows:
        lines += _aligned([section.columns, *section.rows])
    for sentence in section.sentences:
        lines += wrap(sentence, WIDTH, initial_indent="- ", subsequent_indent=_GAP)
    return lines


def _wordy(row: Sequence[str]) -> list[str]:
    """Return a row whose last cell holds sentences: below the others, or beside them where there is one other."""
    if len(row) == 2:
        return wrap(f"{row[0]}: {row[1]}", WIDTH, subsequent_indent=2 * _GAP)
    head, name, *found = row[:-1]
    first = wrap(f"{head:<9} {name}: {_GAP.join(found)}", WIDTH, subsequent_indent=" " * 10)
    return [*first, *wrap(row[-1], WIDTH, initial_indent=" " * 10, subsequent_indent=" " * 10)]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table; what would be too wide has the rest of each row on a line of its own."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    if sum(widths) + len(_GAP) * (len(widths) - 1) <= WIDTH:
        return [_GAP.join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    names, lines = rows[0], []
    for row in rows[1:]:
        said = [f"{name} {cell}".strip() for name, cell in zip(names, row, strict=True) if cell]
        lines += wrap("; ".join(said), WIDTH, subsequent_indent=2 * _GAP)
    return lines


def _html(section: Section) -> str:
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in section.sentences)
    below = f"<ul>{sentences}</ul>" if sentences else ""
    if not section.rows:
        return f"<p><strong>{escape(section.title)}</strong></p>{below}"
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in section.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in section.rows
    )
    caption = f"<caption>{escape(section.title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{below}"

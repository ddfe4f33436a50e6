"""Colour and shape for each meaning, once: browser, posters and charts all take them from here.

A meaning is never told by colour alone; `Meaning.shape` says what goes with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Theme = Literal["light", "dark"]
Shape = Literal[
    "crown",
    "ring",
    "pale bar",
    "bar",
    "narrow bar",
    "tick",
    "hatch",
    "triangle",
    "bolt",
    "cross",
    "square",
    "diamond",
    "disc",
    "wedge",
    "",
]


@dataclass(frozen=True)
class Meaning:
    """What one thing looks like."""

    shape: Shape
    light: str
    dark: str

    def on(self, theme: Theme) -> str:
        """Return the colour, as ``#rrggbb``."""
        return self.light if theme == "light" else self.dark


@dataclass(frozen=True)
class Style:
    """Every meaning that a picture of a trace may show."""

    leader: Meaning = Meaning("crown", "#1f5fa8", "#8fc1f5")
    replica: Meaning = Meaning("ring", "#1f5fa8", "#8fc1f5")
    appended: Meaning = Meaning("pale bar", "#c9d6e6", "#33475f")
    flushed: Meaning = Meaning("bar", "#5b8fc7", "#4f86c0")
    replayed: Meaning = Meaning("narrow bar", "#1f5fa8", "#8fc1f5")
    safe: Meaning = Meaning("tick", "#00795a", "#3ccf9e")
    risk: Meaning = Meaning("hatch", "#c24a00", "#ff8a4c")
    stale: Meaning = Meaning("triangle", "#9a4d86", "#e59bcf")
    fault: Meaning = Meaning("bolt", "#7a5c00", "#ffd75e")
    fault_ground: Meaning = Meaning("bolt", "#ffe9a8", "#4a3d10")
    down: Meaning = Meaning("cross", "#667080", "#98a2b0")

    # With several leaders: a leader's writes, wherever they are.
    origin_1: Meaning = Meaning("square", "#1f5fa8", "#8fc1f5")
    origin_2: Meaning = Meaning("diamond", "#6d3fb3", "#c7a8f7")
    origin_3: Meaning = Meaning("disc", "#0b6f7d", "#5fd0df")
    origin_4: Meaning = Meaning("triangle", "#8a4f14", "#e0ad77")
    origin_5: Meaning = Meaning("wedge", "#55661f", "#bccd78")

    # What carries no meaning of its own: text, its quieter kind, hair lines, the ground,
    # and a raised ground.
    ink: Meaning = Meaning("", "#1b1f24", "#e8ecf1")
    quiet: Meaning = Meaning("", "#5d6675", "#98a2b0")
    hair: Meaning = Meaning("", "#d5dae1", "#333a44")
    ground: Meaning = Meaning("", "#ffffff", "#111418")
    raised: Meaning = Meaning("", "#f6f8fa", "#1a1f26")

    def colours(self, theme: Theme) -> dict[str, str]:
        """Return the colour of each meaning by name."""
        meanings: dict[str, Meaning] = vars(self)
        return {name: meaning.on(theme) for name, meaning in meanings.items()}


@dataclass(frozen=True)
class Type:
    """Sizes of text in pixels at 980 wide, and the families in order of wish."""

    title: float = 18
    name: float = 17
    number: float = 22
    note: float = 12
    sans: str = 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'
    mono: str = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'


STYLE = Style()
TYPE = Type()


def css_variables(style: Style = STYLE, type_: Type = TYPE, scope: str = ".rv-stage") -> str:
    """Return the CSS that defines ``--rv-…`` for both themes, within what a selector names.

    JupyterLab says which one holds; elsewhere the reader's system does.

    `stage.css` and `stage.js` use these names and hold no colour of their own.
    """

    def block(theme: Theme) -> str:
        names = style.colours(theme).items()
        return "".join(f"--rv-{name.replace('_', '-')}:{colour};" for name, colour in names) + (
            f"color-scheme:{theme};"
        )

    fonts = f"--rv-sans:{type_.sans};--rv-mono:{type_.mono};"
    dark = block("dark")
    return (
        f"{scope}{{{fonts}{block('light')}}}\n"
        f"@media (prefers-color-scheme:dark){{{scope}{{{dark}}}}}\n"
        f"body[data-jp-theme-light='true'] {scope},[data-theme='light'] {scope},{scope}.rv-light{{{block('light')}}}\n"
        f"body[data-jp-theme-light='false'] {scope},[data-theme='dark'] {scope},{scope}.rv-dark{{{dark}}}\n"
    )

"""The theme of the page, as the browser tells it: pictures that are made here take its colours."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class PageTheme(anywidget.AnyWidget):
    """Shows nothing; ``theme`` is that of the element around it, see `style.css_variables`."""

    _esm = Path(__file__).parent / "static" / "theme.js"
    theme = traitlets.Enum(("light", "dark"), "light").tag(sync=True)

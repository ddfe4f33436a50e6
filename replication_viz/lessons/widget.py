"""The live card: a browser widget that shows a face and sends back what the reader does."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from .card import STATIC, Heard


class Card(anywidget.AnyWidget):
    """Shows ``state``; calls ``heard(kind, value)`` with "answer" and a text, or "press" and an id."""

    _esm = STATIC / "card.js"
    _css = STATIC / "card.css"
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, state: dict[str, Any], heard: Heard) -> None:
        super().__init__(state=state)
        self._heard = heard
        self.on_msg(self._hear)

    def _hear(self, widget: Any, content: Any, buffers: Any) -> None:
        if isinstance(content, dict) and content.get("kind") in ("answer", "press"):
            self._heard(content["kind"], str(content.get("value", "")))

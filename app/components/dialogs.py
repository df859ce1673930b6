"""Dialogs and toasts. A dialog is the browser's own: focus goes in, stays in, and returns to where it came from."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from nicegui import ui

from app.components.controls import button
from app.components.elements import set_attributes, tag


class Dialog:
    """Made once per page; filled on opening and emptied on closing, so that nothing lingers in a closed one.

    `is_persistent` closes by its own buttons alone, neither by Escape nor by a click outside. `is_side` stands at the
    right edge, in full height.
    """

    def __init__(
        self,
        *,
        is_wide: bool = False,
        is_side: bool = False,
        is_persistent: bool = False,
        on_close: Callable[[], Any] | None = None,
    ) -> None:
        kinds = {"s-dialog-wide": is_wide, "s-dialog-side": is_side}
        self._box = tag(
            "dialog", "", " ".join(["s-dialog", *(kind for kind, is_so in kinds.items() if is_so)])
        )
        self._on_close = on_close
        self._is_side = is_side
        self.is_open = False
        if is_persistent:
            set_attributes(self._box, data_persistent="true", closedby="none")
        self._box.on("close", self._closed, args=[])
        with self._box:
            self._body = tag("div", "", "s-dialog-body")

    @contextmanager
    def filled(self, title: str) -> Iterator[ui.element]:
        """Draws anew what the dialog holds, under its title, and opens it."""
        self._body.clear()
        with self._body:
            heading = tag("h2", title)
            set_attributes(self._box, aria_labelledby=heading.html_id)
            if self._is_side:  # long ones would open at their first button, far below
                set_attributes(heading, tabindex="-1", autofocus="")
            yield self._body
        self.is_open = True
        ui.run_javascript(f"starscoo.open({self._box.id})")

    def close(self) -> None:
        ui.run_javascript(f"starscoo.close({self._box.id})")

    def _closed(self) -> Any:
        self.is_open = False
        self._body.clear()
        return self._on_close() if self._on_close else None


def dialog(
    *, is_wide: bool = False, is_persistent: bool = False, on_close: Callable[[], Any] | None = None
) -> Dialog:
    return Dialog(is_wide=is_wide, is_persistent=is_persistent, on_close=on_close)


def cancel_button(text: str = "Cancel") -> ui.element:
    """Closes the dialog around it, in the browser alone."""
    element = button(text, kind="plain")
    set_attributes(element, data_close_dialog="")
    return element


def toast(text: str, kind: Literal["good", "bad"] = "good") -> None:
    """A short notice at the lower edge, spoken too. Gone after 5 seconds, so never the only place of a fact."""
    ui.run_javascript(f"starscoo.toast({json.dumps(text)}, {json.dumps(kind)})")


def toast_box() -> ui.element:
    """Where toasts appear; once per page, by the frame."""
    return tag("div", "", "s-toasts", role="status", aria_live="polite")

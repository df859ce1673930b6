"""An answer that arrives word by word: the words go straight to the browser, which follows them unless its reader has
scrolled up. The server keeps none of them.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Final

from markupsafe import Markup
from nicegui import ui

from app import words
from app.components.controls import copy_button
from app.components.elements import html, set_attributes, tag
from app.components.figures import PillKind, pill
from models.ledger import RequestRow

_GATHER_S: Final = 0.05
_OUTCOMES: Final[Mapping[str, tuple[PillKind, str]]] = {
    "ok": ("good", "OK"),
    "client_abort": ("caution", "Stopped"),
    "cut": ("bad", "Cut off"),
    "error": ("bad", "Failed"),
    "interrupted": ("bad", "Interrupted"),
}
_BOUNDS: Final = {
    "model": "The answer ended at this model's usual bound. Set “Max tokens” to get a longer one.",
    "monthly_tokens": "The answer ended because the monthly token cap of this key or account has no more left.",
}


class Words(ui.element):
    """The text itself. `on_gone` is called when it leaves the page, however that happens."""

    def __init__(self, *, on_gone: Callable[[], None]) -> None:
        super().__init__("div")
        self.classes("y-words")
        set_attributes(self, role="region", tabindex="0", dir="auto", aria_label="Words of the answer")
        self._on_gone = on_gone
        self._gathered: list[tuple[str, bool]] = []
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """An empty page for the next answer."""
        self._gathered.clear()
        self.client.run_javascript(f"starscoo.words({self.id})")

    def add(self, text: str, *, is_thought: bool = False) -> None:
        """Shown within a twentieth of a second, together with what comes until then."""
        self._gathered.append((text, is_thought))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_GATHER_S, self.flush)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._gathered = self._gathered, []
        if gathered and not self.is_deleted:
            self.client.run_javascript(f"starscoo.words({self.id}, {json.dumps(gathered)})")

    def _handle_delete(self) -> None:
        self._on_gone()
        super()._handle_delete()


class AnswerCard:
    """State above, words in the middle, figures below. `is_busy` while an answer is on its way."""

    def __init__(self, *, on_gone: Callable[[], None]) -> None:
        with tag("section", "", "s-card y-answer") as card:
            with tag("div", "", "s-head"):
                heading = tag("h2", "Answer")
                self._state = html(Markup(""), "y-state", "span")
                set_attributes(self._state, role="status")
                place = tag("span")
            self._error = html(Markup(""), "y-error")
            set_attributes(self._error, role="alert")
            self.words = Words(on_gone=on_gone)
            with place:
                self._copy = copy_button(copies_from=f"#{self.words.html_id}")
                self._copy.classes("s-slim").visible = False
            self._figures = html(Markup('<p class="s-faint">{}</p>').format(_EMPTY), "y-figures")
        set_attributes(card, aria_labelledby=heading.html_id)

    def start(self) -> None:
        self.words.start()
        self._copy.visible = False
        self._error.set_content("")
        self._figures.set_content(
            str(Markup('<p class="s-faint">{}</p>').format("Sent. Waiting for the first word."))
        )
        self.say("note", "Waiting")

    def say(self, kind: PillKind, text: str) -> None:
        said = str(pill(kind, text))
        if said != self._state.content:
            self._state.set_content(said)

    def fail(self, message: str, *, advice: str = "", facts: Mapping[str, str]) -> None:
        """`message` and `facts` as the gateway gave them."""
        shown = Markup(" ").join(
            Markup("<span>{} <code>{}</code></span>").format(name, fact)
            for name, fact in facts.items()
            if fact
        )
        self.say("bad", "Refused" if facts.get("Status", "").startswith("4") else "Failed")
        self._error.set_content(
            str(
                Markup('<p><strong>{}</strong></p>{}<p class="y-facts">{}</p>').format(
                    message, Markup("<p>{}</p>").format(advice) if advice else "", shown
                )
            )
        )
        self._figures.set_content("")

    def finish(self, row: RequestRow, finish_reason: str) -> None:
        """What the ledger says of the request."""
        self.say(*_OUTCOMES.get(row.outcome or "", ("plain", row.outcome or "Ended")))
        self._copy.visible = row.output_tokens > 0
        self._figures.set_content(str(_figures(row, finish_reason)))


_EMPTY: Final = "Write a message and choose Send. The answer arrives here word by word."


def _figures(row: RequestRow, finish_reason: str) -> Markup:
    prompt, total = row.total_tokens - row.output_tokens, row.total_tokens
    tokens = f"{words.exact(prompt)} in, {words.exact(row.output_tokens)} out"
    if row.reasoning_tokens:
        tokens += f" ({words.exact(row.reasoning_tokens)} of them reasoning)"
    facts = {
        "Tokens": f"{words.exact(total)}: {tokens}" + (", estimated" if row.is_estimated else ""),
        "First token": "none" if row.first_token_ms is None else words.duration(row.first_token_ms),
        "Total time": words.duration(row.total_ms or 0),
        "Cost": words.dollars(row.cost_nusd),
        "Finish reason": finish_reason or "none, it did not end by itself",
        "Request": row.id,
    }
    cells = Markup("").join(
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, fact) for name, fact in facts.items()
    )
    note = _BOUNDS.get(row.bound_by or "")
    return Markup("<dl>{}</dl>{}").format(
        cells, Markup('<p class="s-small s-faint">{}</p>').format(note) if note else ""
    )

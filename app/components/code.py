"""Code to be copied: coloured on the server once, copied in the browser."""

import itertools
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from markupsafe import Markup
from nicegui import ui
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from app import theme
from app.components.elements import html, set_attributes, tag

_LEXERS: Final = {
    "curl": "bash",
    "shell": "bash",
    "python": "python",
    "javascript": "javascript",
    "json": "json",
}
_TITLES: Final = {
    "curl": "curl",
    "shell": "Terminal",
    "python": "Python",
    "javascript": "JavaScript",
    "json": "JSON",
}
_LONGEST_COLOURED: Final = 10_000
"""Characters. Colouring takes about a millisecond for each thousand, and everybody waits for it."""
_ids = itertools.count()


@lru_cache(maxsize=512)
def coloured(text: str, language: str) -> Markup:
    """Spans with classes; a language that is not known stays plain. For what is shown again and again."""
    return _coloured(text, language)


def _coloured(text: str, language: str) -> Markup:
    lexer = _LEXERS.get(language)
    if lexer is None or len(text) > _LONGEST_COLOURED:
        return Markup("{}").format(text)
    # The formatter escapes the text.
    formatter = HtmlFormatter(nowrap=True, classprefix="h-")
    return Markup(highlight(text, get_lexer_by_name(lexer, stripnl=False), formatter).rstrip("\n"))  # noqa: S704


def render_code(text: str, language: str, *, title: str | None = None) -> Markup:
    return _block(coloured(text, language), language, title)


def _block(shown: Markup, language: str, title: str | None = None) -> Markup:
    named = _TITLES.get(language, "Text") if title is None else title
    return Markup(
        '<div class="s-code"><div class="s-code-head"><span>{0}</span><button type="button" class="s-copy" '
        'aria-label="Copy: {0}"><span class="s-icon">{1}</span><span data-text>Copy</span></button></div>'
        '<pre tabindex="0" role="group" aria-label="{0}"><code>{2}</code></pre></div>'
    ).format(named, theme.icon("copy"), shown)


def code_block(text: str, language: str, *, title: str | None = None) -> ui.html:
    """`language`: curl, shell, python, javascript, json or anything else for plain text."""
    return html(render_code(text, language, title=title))


def code_tabs(samples: Mapping[str, str], *, label: str) -> ui.html:
    """The same thing in several languages. The last chosen one is remembered by the browser."""
    return html(render_tabs(samples, label=label))


class LiveCode:
    """Tabs whose programs change while they are looked at: the tabs stay, and with them the focus."""

    def __init__(self, languages: Sequence[str], *, label: str) -> None:
        with tag("div", "", "s-stack s-tight"):
            with tag("div"), tag("div", "", "s-segments", role="tablist", aria_label=label):
                tabs = {
                    language: tag("button", _TITLES[language], type="button", role="tab", data_tab=language)
                    for language in languages
                }
            self._panels = {language: self._panel(language, tabs[language]) for language in languages}
        for place, tab in enumerate(tabs.values()):
            set_attributes(tab, aria_selected=str(place == 0).lower(), tabindex="0" if place == 0 else "-1")

    def show(self, programs: Mapping[str, str]) -> None:
        for language, panel in self._panels.items():
            panel.set_content(str(_block(_coloured(programs[language], language), language)))

    def _panel(self, language: str, tab: ui.element) -> ui.html:
        is_first = tab.props["data-tab"] == next(iter(_TITLES))
        with tag(
            "div", "", role="tabpanel", aria_labelledby=tab.html_id, hidden=None if is_first else True
        ) as box:
            panel = html(Markup(""))
        set_attributes(tab, aria_controls=box.html_id)
        return panel


def render_tabs(samples: Mapping[str, str], *, label: str, name: str = "") -> Markup:
    """`name` is its own on the page; without one it gets a number."""
    group = name or next(_ids)
    tabs, panels = [], []
    for index, (language, text) in enumerate(samples.items()):
        name = _TITLES.get(language, language)
        tabs.append(
            Markup(
                '<button type="button" role="tab" id="tab-{0}-{1}" data-tab="{1}" aria-controls="panel-{0}-{1}" '
                'aria-selected="{2}" tabindex="{3}">{4}</button>'
            ).format(group, language, "true" if index == 0 else "false", 0 if index == 0 else -1, name)
        )
        panels.append(
            Markup(
                '<div role="tabpanel" id="panel-{0}-{1}" aria-labelledby="tab-{0}-{1}"{2}>{3}</div>'
            ).format(
                group, language, Markup("") if index == 0 else Markup(" hidden"), render_code(text, language)
            )
        )
    return Markup(
        '<div class="s-stack s-tight"><div><div class="s-segments" role="tablist" aria-label="{}">{}</div></div>'
        "{}</div>"
    ).format(label, Markup("").join(tabs), Markup("").join(panels))

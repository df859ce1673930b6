"""A plotly chart on a page, in the colours of the theme that the visitor sees, also after he changed it.

Only the browser knows the theme of a system, so it tells the first time too, and the figure is sent then:
nobody sees the wrong colours flash. The library is our own copy of plotly's basic bundle (assets/vendor).
"""

from typing import Any, Final, Protocol

from nicegui import ui
from nicegui.dependencies import register_importmap_override
from nicegui.events import GenericEventArguments

from app import assets
from app.components.elements import set_attributes, tag

Figure = dict[str, Any]


class FigureOf(Protocol):
    """The figure in the colours of a theme; asked again when the theme changes."""

    def __call__(self, *, is_dark: bool) -> Figure: ...


_EMPTY: Final[Figure] = {"data": [], "layout": {}, "config": {}}
# A theme change is a change of the body's classes. The watcher ends with the element.
_WATCH: Final = """
requestAnimationFrame(() => requestAnimationFrame(() => {
  const box = getHtmlElement(%d);
  if (!box) return;
  let told = null;
  const tell = () => {
    if (!box.isConnected) return watcher.disconnect();
    const isDark = document.body.classList.contains("body--dark");
    if (told !== isDark) box.dispatchEvent(new CustomEvent("shade", { detail: (told = isDark) }));
  };
  const watcher = new MutationObserver(tell);
  watcher.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  tell();
}));
"""


def use_own_bundle() -> None:
    """Once, before the server starts: pages then load 0.4 MB instead of NiceGUI's 1.35 MB."""
    register_importmap_override("nicegui-plotly", assets.url("vendor/plotly.mjs"))


class Chart:
    """`summary` is what a screen reader says."""

    def __init__(self, figure_of: FigureOf, *, summary: str) -> None:
        self._figure_of = figure_of
        self._is_dark: bool | None = None
        with tag("div", "", "c-chart", role="img", aria_label=summary) as self._box:
            self._plot = ui.plotly(dict(_EMPTY))
        self._box.on("shade", self._paint, js_handler="(e) => emit(e.detail)")
        ui.run_javascript(_WATCH % self._box.id)

    def show(self, figure_of: FigureOf, *, summary: str) -> None:
        """Another figure, in place."""
        self._figure_of = figure_of
        set_attributes(self._box, aria_label=summary)
        if self._is_dark is not None:
            self._plot.update_figure(figure_of(is_dark=self._is_dark))

    def _paint(self, event: GenericEventArguments) -> None:
        self._is_dark = event.args is True
        self._plot.update_figure(self._figure_of(is_dark=self._is_dark))

"""A plotly chart on a page, in the colours of the theme that the visitor sees, also after he changed it.

Only the browser knows the theme of a system, so it tells the first time too, and the figure is sent then:
nobody sees the wrong colours flash. The library is our own copy of plotly's basic bundle (assets/vendor).
"""

from collections.abc import Awaitable, Callable
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
    if (told === isDark) return;
    told = isDark;
    const isTouch = matchMedia("(pointer: coarse)").matches;
    box.dispatchEvent(new CustomEvent("shade", { detail: { isDark, isTouch } }));
  };
  const watcher = new MutationObserver(tell);
  watcher.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  tell();
}));
"""


def use_own_bundle() -> None:
    """Once, before the server starts: pages then load 0.4 MB instead of NiceGUI's 1.35 MB."""
    register_importmap_override("nicegui-plotly", assets.url("vendor/plotly.mjs"))


# The ends of what was dragged over, in places on the axis; of a click the trace and the bucket's name.
_DRAGGED: Final = (
    "(e) => { const from = e['xaxis.range[0]'], to = e['xaxis.range[1]']; "
    "if (from !== undefined && to !== undefined) emit(from, to); }"
)
_CLICKED: Final = "(e) => { const p = e.points?.[0]; if (p) emit(p.curveNumber, String(p.x)); }"


class Chart:
    """`summary` is what a screen reader says. `on_drag` hears the first and the last place that was dragged over, where
    there is a mouse: on a touch screen dragging scrolls. `on_pick` hears which series and which bucket was clicked."""

    def __init__(
        self,
        figure_of: FigureOf,
        *,
        summary: str,
        on_drag: Callable[[float, float], Awaitable[None]] | None = None,
        on_pick: Callable[[int, str], None] | None = None,
    ) -> None:
        self._figure_of = figure_of
        self._is_dark: bool | None = None
        self._is_touch = False
        with tag("div", "", "c-chart", role="img", aria_label=summary) as self._box:
            self._plot = ui.plotly(dict(_EMPTY))
        self._box.on("shade", self._paint, js_handler="(e) => emit(e.detail)")
        if on_drag is not None:
            self._listen_to_drags(on_drag)
        if on_pick is not None:
            self._listen_to_clicks(on_pick)
        ui.run_javascript(_WATCH % self._box.id)

    def show(self, figure_of: FigureOf, *, summary: str) -> None:
        """Another figure, in place."""
        self._figure_of = figure_of
        set_attributes(self._box, aria_label=summary)
        self._draw()

    def _paint(self, event: GenericEventArguments) -> None:
        told = event.args if isinstance(event.args, dict) else {}
        self._is_dark = told.get("isDark") is True
        self._is_touch = told.get("isTouch") is True
        self._draw()

    def _draw(self) -> None:
        if self._is_dark is None:
            return
        figure = self._figure_of(is_dark=self._is_dark)
        if self._is_touch:
            figure["layout"]["dragmode"] = False
        self._plot.update_figure(figure)

    def _listen_to_drags(self, on_drag: Callable[[float, float], Awaitable[None]]) -> None:
        async def dragged(event: GenericEventArguments) -> None:
            ends = event.args if isinstance(event.args, list) else []
            if len(ends) == 2 and all(isinstance(end, int | float) for end in ends):
                await on_drag(float(min(ends)), float(max(ends)))

        self._plot.on("plotly_relayout", dragged, js_handler=_DRAGGED)

    def _listen_to_clicks(self, on_pick: Callable[[int, str], None]) -> None:
        def clicked(event: GenericEventArguments) -> None:
            found = event.args if isinstance(event.args, list) else []
            if len(found) == 2 and isinstance(found[0], int):
                on_pick(found[0], str(found[1]))

        self._plot.on("plotly_click", clicked, js_handler=_CLICKED)

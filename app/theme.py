"""Names of the look that Python needs: icons, the series colours of charts, and the theme that a visitor chose.

Every other colour and distance is a variable in assets/starscoo.css.
"""

from typing import Final, Literal, get_args

from fastapi import Request
from markupsafe import Markup

Theme = Literal["system", "light", "dark"]
THEME_COOKIE: Final = "starscoo_theme"

SERIES_LIGHT: Final = ("#3D43D6", "#0E8A7D", "#C26A00", "#B83280", "#2B7FC2", "#7A4FD0", "#5B6B82")
SERIES_DARK: Final = ("#98A2FF", "#3CC9B5", "#F0A63C", "#F078B5", "#5CB3F0", "#B99AF5", "#93A1B8")

# Text, faint text and grid lines as charts need them.
INK_LIGHT: Final = {"text": "#465166", "faint": "#5E6A80", "line": "#DFE4EC", "surface": "#FFFFFF"}
INK_DARK: Final = {"text": "#AEB8CA", "faint": "#8E99AE", "line": "#262E3F", "surface": "#131824"}

STAR: Final = Markup(
    '<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path fill="currentColor" stroke="currentColor" '
    'stroke-width="1.6" stroke-linejoin="round" d="M12 3.2l2.7 5.5 6.1.9-4.4 4.3 1 6.1-5.4-2.9L6.6 20l1-6.1L3.2 '
    '9.6l6.1-.9z"/></svg>'
)

# Outlines on a 24 px ground, 1.75 px strokes.
_PATHS: Final = {
    "overview": "M4 4h7v7H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 13h7v7H4z",
    "keys": "M15.5 8.5h.01M21 9a6 6 0 0 1-7.7 5.7L11 17H8.5v2.5H6V22H3v-3.2l6.3-6.1A6 6 0 1 1 21 9z",
    "usage": "M4 20h16M7 20v-7M12 20V5M17 20v-10",
    "limits": "M4.9 19a9 9 0 1 1 14.2 0M12 14l4-5M12 14h.01",
    "playground": "M4 5h16v11H9.5L5.5 20v-4H4zM8.5 9h7M8.5 12h4",
    "stop": "M6.5 6.5h11v11h-11z",
    "docs": "M5 4.5A2.5 2.5 0 0 1 7.5 2H19v17H7.5A2.5 2.5 0 0 0 5 21.5zM5 21.5A2.5 2.5 0 0 0 7.5 22H19v-3M9 7h6M9 11h4",
    "admin": "M12 2.8l7.5 2.8v5.6c0 4.6-3.1 8.4-7.5 10-4.4-1.6-7.5-5.4-7.5-10V5.6zM9 11.8l2.2 2.2 4-4.3",
    "account": "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20.5a7.5 7.5 0 0 1 15 0",
    "sun": "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 "
    "1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
    "moon": "M20.5 14.2A8.6 8.6 0 0 1 9.8 3.5a8.6 8.6 0 1 0 10.7 10.7z",
    "screen": "M3 4.5h18v12H3zM8.5 20.5h7M12 16.5v4",
    "logout": "M14.5 4H6.5A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20h8M10 12h11M17.5 8l4 4-4 4",
    "menu": "M4 6.5h16M4 12h16M4 17.5h16",
    "close": "M6 6l12 12M18 6L6 18",
    "copy": "M9 9h11v11H9zM5 15H4V4h11v1",
    "check": "M4.5 12.5l5 5 10-11",
    "download": "M12 4v11M7 10.5l5 5 5-5M5 20h14",
    "plus": "M12 5v14M5 12h14",
    "more": "M4.6 12a.9.9 0 1 0 1.8 0 .9.9 0 1 0-1.8 0zM11.1 12a.9.9 0 1 0 1.8 0 .9.9 0 1 0-1.8 0z"
    "M17.6 12a.9.9 0 1 0 1.8 0 .9.9 0 1 0-1.8 0z",
    "search": "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20",
    "alert": "M12 3.5l9.5 16.5h-19zM12 10v4.5M12 17.3h.01",
    "info": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5.5M12 7.7h.01",
    "arrow": "M5 12h14M13 6l6 6-6 6",
    "clock": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5.3l3.4 2",
    "undo": "M4 9h10.5a5.5 5.5 0 0 1 0 11H9M8 4.5L3.5 9 8 13.5",
    "bolt": "M13 2.5L4.5 14H11l-1 7.5L18.5 10H12z",
    "book": "M12 6.5C10 5 7 4.5 3.5 4.5v14c3.5 0 6.5.5 8.5 2 2-1.5 5-2 8.5-2v-14c-3.5 0-6.5.5-8.5 2zM12 6.5v14",
    "ledger": "M6 3h12v18l-3-2-3 2-3-2-3 2zM9.5 8h5M9.5 12h5",
    "up": "M12 19V5M6 11l6-6 6 6",
    "down": "M6 9.5l6 6 6-6",
    "requests": "M4 6h3M4 12h3M4 18h3M10 6h10M10 12h10M10 18h6",
    "left": "M14.5 6l-6 6 6 6",
    "right": "M9.5 6l6 6-6 6",
    "swap": "M4 8h15M15 4l4 4-4 4M20 16H5M9 12l-4 4 4 4",
}
Icon = str


def icon(name: Icon) -> Markup:
    """The drawing alone, hidden from screen readers: a word beside it or a label on its button says what it means."""
    return Markup(
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" '
        'stroke-linejoin="round" aria-hidden="true" focusable="false"><path d="{}"/></svg>'
    ).format(_PATHS[name])


def of(request: Request) -> Theme:
    """What the visitor chose; `system` unless the cookie says one of the others."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return next((theme for theme in get_args(Theme) if theme == chosen), "system")

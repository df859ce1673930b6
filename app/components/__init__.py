"""Parts that pages are made of. What only shows is markup (pure, escaped); what listens is an element."""

from app.components import meter
from app.components.code import LiveCode, code_block, code_tabs, render_code
from app.components.controls import Kind, button, copy_button, segmented
from app.components.dialogs import Dialog, cancel_button, dialog, toast
from app.components.elements import html, set_attributes, tag
from app.components.facets import Facet
from app.components.fields import Field, choice, field, form, form_error, search_field, text_area
from app.components.figures import PillKind, card, figure, joined, pill
from app.components.notices import banner, empty_card, failure_card
from app.components.tables import Column, act, clipped, table

__all__ = [
    "Column",
    "Dialog",
    "Facet",
    "Field",
    "Kind",
    "LiveCode",
    "PillKind",
    "act",
    "banner",
    "button",
    "cancel_button",
    "card",
    "choice",
    "clipped",
    "code_block",
    "code_tabs",
    "copy_button",
    "dialog",
    "empty_card",
    "failure_card",
    "field",
    "figure",
    "form",
    "form_error",
    "html",
    "joined",
    "meter",
    "pill",
    "render_code",
    "search_field",
    "segmented",
    "set_attributes",
    "table",
    "tag",
    "text_area",
    "toast",
]

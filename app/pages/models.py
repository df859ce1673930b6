"""/models: what can be called here, what it holds and costs, and whether an upstream stands behind it."""

from typing import Final

from fastapi import FastAPI, Request
from nicegui import ui

from app import components, frame, login
from app.components import model_table, tables, tag
from app.services import Services

_ABOUT: Final = (
    "Sizes are tokens, prices are dollars for a million tokens. A model that is not connected has no upstream "
    "credential on this server and answers 503 upstream_unavailable."
)
_EMPTY: Final = "No models are configured. The operator of this server lists them in its catalog file."


def register(services: Services, outer: FastAPI) -> None:
    @ui.page("/models")
    async def models(request: Request) -> None:
        viewer = await login.viewer_of(services, request)
        ui.page_title("Models · Starscoo")
        with frame.public(services, viewer=viewer, here="/models"), tag("div", "", "s-page"):
            with tag("div", "", "s-title"), tag("div"):
                tag("h1", "Models")
                tag("p", _ABOUT)
            with frame.card(is_flush=True):
                if services.catalog.models:
                    table = model_table.filled(services.catalog.models.values(), services.is_available)
                    columns, rows, caption = table
                    components.html(tables.render(columns, rows, caption=caption))
                else:
                    tag("p", _EMPTY)

"""The pages. Each module has `register(services, outer)` for its own routes, or `show(services, viewer)` when it
lives inside the signed-in shell."""

from typing import Final

from fastapi import FastAPI
from nicegui import app as nicegui_app
from starlette.types import ASGIApp

from app import account_forms, assets, failures, forms, headers, own_data, requests_file
from app.components import chart
from app.pages import docs, landing, models, reset, shell, signing
from app.services import Services

FAVICON: Final = assets.ROOT / "icons" / "star.svg"


def register_all(services: Services, outer: FastAPI) -> None:
    """Every route of the dashboard. Pages themselves go to NiceGUI's app, which `ui.run_with` mounts."""
    # Quasar's bar over the page at each request: it says nothing, and screen readers hear a nameless progress bar.
    nicegui_app.config.quasar_config["loadingBar"]["skipHijack"] = True
    assets.register(outer)
    work = forms.PasswordWork()
    forms.register(services, outer, work)
    account_forms.register(services, outer, work)
    own_data.register(services, outer)
    requests_file.register(services, outer)
    failures.register(outer)
    chart.use_own_bundle()
    for module in (landing, signing, reset, shell, docs, models):
        module.register(services, outer)


def guard(app: ASGIApp, services: Services) -> ASGIApp:
    """The layer around it all: security headers, and the check of origins."""
    return headers.Guard(app, public_url=services.public_url, is_secure=services.is_secure)

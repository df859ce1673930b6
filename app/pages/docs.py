"""/docs: the documentation of the product, with this server's address, models and prices filled in."""

from typing import Final

from fastapi import FastAPI, Request
from markupsafe import Markup
from nicegui import ui

from app import address, components, frame, login
from app.components import docs_article, tag
from app.components.docs_article import Server
from app.services import Services

# The browser looks for the anchor of its address before scripts have drawn it.
_GO_TO_ANCHOR: Final = "document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView()"


def register(services: Services, outer: FastAPI) -> None:
    @ui.page("/docs")
    async def docs(request: Request) -> None:
        viewer = await login.viewer_of(services, request)
        ui.page_title("Documentation · Starscoo")
        server = Server(
            base_url=address.base_url(services, request),
            models=tuple(services.catalog.models.values()),
            is_available=services.is_available,
            sample_model=address.sample_model(services),
            is_logged_in=viewer is not None,
        )
        with frame.public(services, viewer=viewer, here="/docs"), tag("div", "", "d-page"):
            components.html(_contents(), "d-contents", "nav").props["aria-label"] = "On this page"
            with tag("div", "", "d-article"):
                tag("h1", "Documentation")
                components.html(docs_article.article(server))
        ui.run_javascript(_GO_TO_ANCHOR)


def _contents() -> Markup:
    return Markup("<ul>{}</ul>").format(
        Markup("").join(
            Markup('<li><a href="#{}">{}</a></li>').format(anchor, heading)
            for anchor, heading in docs_article.contents()
        )
    )

"""Model name to targets: which vendor, which of its ids, over which wire.

The client's own wire is taken where the target speaks it (nothing but the envelope is parsed then), else the
first wire of the target that is not Chat, since the richer one loses less.
"""

from collections.abc import Mapping, Sequence

from api.errors import GatewayError
from api.providers.base import Provider
from api.types import Target, WireName
from models.catalog import Catalog, Model


class Router:
    def __init__(self, catalog: Catalog, providers: Mapping[str, Provider]) -> None:
        self._catalog = catalog
        self._providers = providers
        self._routes: dict[tuple[str, WireName], list[Target]] = {}

    def route(self, name: str, front: WireName) -> list[Target]:
        """Targets in order of choice, at least one. Raises `model_not_found`, or `upstream_unavailable` while
        no credential or no price is configured for any target."""
        targets = self._routes.get((name, front))
        if targets is None:
            targets = self._resolve(self.model(name), front)
            self._routes[name, front] = targets
        return targets

    def model(self, name: str) -> Model:
        model = self._catalog.models.get(name)
        if model is None:
            shown = name if len(name) <= 80 else name[:80] + "…"
            raise GatewayError(
                "model_not_found",
                f"The model '{shown}' does not exist here. GET /v1/models lists the models that this key may use.",
                "model",
            )
        return model

    def is_available(self, name: str) -> bool:
        """Whether a credential and a price stand behind this model."""
        model = self._catalog.models.get(name)
        return model is not None and any(self._is_usable(model, target.provider) for target in model.targets)

    def _is_usable(self, model: Model, provider: str) -> bool:
        has_price = any(entry.price is not None for entry in model.targets if entry.provider == provider)
        return has_price and provider in self._providers and self._providers[provider].is_available

    def _resolve(self, model: Model, front: WireName) -> list[Target]:
        targets = [
            Target(
                provider=entry.provider,
                upstream_model=entry.upstream_id,
                wire=choose_wire(entry.wires, front),
                model=model,
                price=entry.price,
            )
            for entry in model.targets
            if entry.price is not None and self._is_usable(model, entry.provider)
        ]
        if not targets:
            raise GatewayError(
                "upstream_unavailable",
                f"The model '{model.id}' is not available on this server: no upstream credential or price is "
                "configured for it. Choose another model, or ask the operator of this server.",
                "model",
            )
        return targets


def choose_wire(offered: Sequence[str], front: WireName) -> WireName:
    """The client's own wire if it is offered, else the first that is not Chat, else what there is."""
    if front in offered:
        return front
    ordered = sorted(offered, key=lambda wire: wire == "openai_chat")
    return ordered[0]  # type: ignore[return-value]  # the catalog's loader admits wire names only

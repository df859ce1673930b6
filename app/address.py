"""What this server is called by those who use it."""

from collections.abc import Collection

from fastapi import Request

from app.services import Services


def origin(services: Services, request: Request) -> str:
    """Scheme, host and port without a slash at the end: what the operator says, else as the visitor came."""
    return (services.public_url or f"{request.url.scheme}://{request.url.netloc}").rstrip("/")


def base_url(services: Services, request: Request) -> str:
    """What OpenAI's libraries call `base_url`."""
    return f"{origin(services, request)}/v1"


def sample_model(services: Services, allowed: Collection[str] = ()) -> str:
    """A model for samples: the first that can be called, small before large where the catalog says so. Where a key is
    for some models only, one of them."""
    models = [model for model in services.catalog.models if not allowed or model in allowed]
    models = models or list(services.catalog.models)
    callable_ones = [model for model in models if services.is_available(model)] or models
    small = [model for model in callable_ones if "mini" in model]
    return (small or callable_ones)[0]

"""The pages of staff, for the shell, which adds them for admins alone."""

from collections.abc import Awaitable, Callable
from typing import Final

from app.pages import admin_audit, admin_customer, admin_customers, admin_health, admin_plans, admin_requests
from app.services import Services
from models.logins import Viewer

ROUTES: Final[dict[str, Callable[[Services, Viewer], Awaitable[None]]]] = {
    "/admin": admin_customers.show,
    "/admin/c/{id}": admin_customer.show,
    "/admin/requests": admin_requests.show,
    "/admin/plans": admin_plans.show,
    "/admin/audit": admin_audit.show,
    "/admin/health": admin_health.show,
}

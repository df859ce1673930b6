"""What can be done to a key, from the list and from its own page: asked in a dialog, done, told.

Whatever changes something reads the login again. A secret that is made here is shown at once, in `KeyReveal`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from markupsafe import Markup

from app import components, login, words
from app.binding import bind_now
from app.components import key_limits, tag
from app.components.key_limits import Values
from app.components.key_reveal import KeyReveal
from app.pages import key_forms
from app.pages.limits_view import changed
from app.pages.overview import issue
from app.services import Services
from models import key_settings, keys, limits, rotation
from models.database import Refused
from models.key_overview import OneKey, ShownKey, read_key
from models.keys import ApiKey, Issued
from models.limits_overview import Ladders
from models.logins import Viewer
from models.windows import DAY, HOUR

OVERLAPS: Final = {
    "0": "No time: it stops at once",
    str(HOUR): "1 hour",
    str(DAY): "24 hours",
    str(7 * DAY): "7 days",
}


class KeyActs:
    """One per page, made where the page's dialogs may stand. `on_done` draws the page anew."""

    def __init__(self, services: Services, viewer: Viewer, *, on_done: Callable[[], Awaitable[None]]) -> None:
        self._services = services
        self._viewer = viewer
        self._on_done = on_done
        self._place = tag("div")
        with self._place:
            self._dialog = components.dialog()
            self._wide = components.dialog(is_wide=True)
            self._reveal = KeyReveal(services, on_close=on_done)
        self._is_busy = False

    @property
    def is_open(self) -> bool:
        """Whether a dialog stands open, under which nothing should move."""
        return self._dialog.is_open or self._wide.is_open or self._reveal.is_open

    async def do(self, act: str, one: OneKey) -> None:
        """What a button of that name asks for."""
        key = one.key
        asks: dict[str, Callable[[], None]] = {
            "rotate": lambda: self.ask_rotate(key),
            "rename": lambda: self.ask_rename(key),
            "limits": lambda: self.ask_limits(one.shown),
            "models": lambda: self.ask_models(key),
            "expiry": lambda: self.ask_expiry(key),
            "revoke": lambda: self.ask_revoke(one),
        }
        does: dict[str, Callable[[ApiKey], Awaitable[None]]] = {
            "rest": self.rest,
            "reissue": self.reissue,
            "end-old": self.end_old,
        }
        if act in asks:
            asks[act]()
        elif act in does:
            await does[act](key)

    def ask_name(self, *, suggestion: str = "") -> None:
        """For a new key."""

        async def create(name: str) -> None:
            self._show(await self._once(lambda: issue(self._services, self._viewer, name)))

        with self._dialog.filled("Create a key"):
            key_forms.name(create, value=suggestion, button="Create key")

    def ask_rename(self, key: ApiKey) -> None:
        async def rename(name: str) -> None:
            await self._change(key_settings.rename, key, name)
            await self._done("The key is renamed")

        with self._dialog.filled("Rename this key"):
            key_forms.name(rename, value=key.name, button="Rename")

    def ask_rotate(self, key: ApiKey) -> None:
        async def rotate(overlap_s: int) -> None:
            self._show(await self._once(lambda: self._change(rotation.rotate, key, overlap_s)))

        has_old = rotation.has_old(key, self._services.now())
        with self._dialog.filled("Rotate this key"):
            components.html(_named(key))
            tag(
                "p",
                "You get a new secret. Name, limits, models and figures stay with the key, and both secrets "
                "count as one for as long as the old one stays.",
                "s-quiet",
            )
            if has_old and key.used_at is not None:
                components.banner("caution", f"The older secret …{key.old_last4} stops at once.")
            elif has_old:
                components.banner(
                    "note",
                    f"The secret …{key.last4} was never used, so it is taken for lost and replaced. "
                    f"…{key.old_last4} stays for as long as you choose.",
                )
            key_forms.overlap(rotate, OVERLAPS, value=str(DAY))

    async def reissue(self, key: ApiKey) -> None:
        """For a secret that was lost before its first use: one click."""
        try:
            self._show(await self._once(lambda: self._change(rotation.reissue, key)))
        except Refused as reason:
            components.toast(str(reason), "bad")
            await self._on_done()

    async def end_old(self, key: ApiKey) -> None:
        await self._change(rotation.end_old, key)
        await self._done("The old secret stops with the next request")

    async def rest(self, key: ApiKey) -> None:
        """Pause it, or let it in again."""
        if key.paused_at is None:
            await self._change(key_settings.pause, key)
            await self._done(f"{key.name} is paused, from the next request on")
        else:
            await self._change(key_settings.resume, key)
            await self._done(f"{key.name} works again, from the next request on")

    def ask_models(self, key: ApiKey) -> None:
        async def save(names: list[str] | None) -> None:
            await self._change(key_settings.set_models, key, names)
            await self._done("Saved, from the next request on")

        with self._dialog.filled("Models of this key"):
            key_forms.models(save, offered=list(self._services.catalog.models), allowed=key.models)

    def ask_expiry(self, key: ApiKey) -> None:
        async def save(expires_at: int | None) -> None:
            await self._change(key_settings.set_expiry, key, expires_at)
            await self._done("Saved, from the next request on")

        with self._dialog.filled("Expiry of this key"):
            key_forms.expiry(save, current=key.expires_at, now=self._services.now())

    def ask_limits(self, shown: ShownKey) -> None:
        key = shown.key

        async def save(wanted: Values, expected: Values) -> None:
            changes = await self._change(limits.set_key_limits, key, wanted, expected=expected)
            said = "; ".join(changed(name, change) for name, change in changes.items())
            await self._done(f"{key.name}: {said}, from the next request" if said else "Nothing changed")

        async def look_again() -> Ladders:
            viewer = await login.still(self._services, self._viewer)
            one = await self._services.database.read(
                read_key, viewer.account_id, key.public_id, now=self._services.now()
            )
            return one.shown.ladders

        with self._wide.filled(f"Limits of “{key.name}”"):
            tag("p", "A new value binds from the next request.", "s-quiet")
            key_limits.draw(shown.ladders, save=save, look_again=look_again)

    def ask_revoke(self, one: OneKey) -> None:
        """A key in use is only revoked by whoever writes its name."""
        key, used_at, now = one.key, one.shown.line.last_used_at, self._services.now()

        async def revoke() -> None:
            await self._change(keys.revoke, key)
            await self._done(f"{key.name} is revoked, from the next request on")

        with self._dialog.filled("Revoke this key?"):
            components.html(_breaks(one, now))
            key_forms.revoke(revoke, name=key.name if used_at is not None and now - used_at < DAY else "")

    async def _change(
        self, operation: Callable[..., Any], key: ApiKey, *arguments: object, **options: object
    ) -> Any:
        """Any of the owner's operations, binding at once. Raises what it refuses, and `LoggedOut`."""
        viewer = await login.still(self._services, self._viewer)
        done = await self._services.database.run(
            operation,
            viewer.account_id,
            key.public_id,
            *arguments,
            actor=viewer.email,
            now=self._services.now(),
            **options,
        )
        await bind_now(self._services, viewer.account_id)
        return done

    async def _once(self, make: Callable[[], Awaitable[Issued]]) -> Issued | None:
        """A second click while the first is under way would make a second secret, and lose the first one."""
        if self._is_busy or self._reveal.is_open:
            return None
        self._is_busy = True
        try:
            return await make()
        finally:
            self._is_busy = False

    def _show(self, issued: Issued | None) -> None:
        if issued is not None:
            with self._place:
                self._dialog.close()
                self._reveal.show(issued)

    async def _done(self, told: str) -> None:
        # Closing a dialog deletes the form in which the handler began, so it goes on in a place that stays.
        with self._place:
            self._dialog.close()
            self._wide.close()
            await self._on_done()
            components.toast(told)


def _named(key: ApiKey) -> Markup:
    return Markup('<p><b dir="auto">{}</b> <span class="s-mono s-faint">{}</span></p>').format(
        key.name, keys.masked(key)
    )


def _breaks(one: OneKey, now: int) -> Markup:
    """What stops working."""
    line = one.shown.line
    if line.last_used_at is not None:
        used = Markup("It was used {}, {} today.").format(
            words.ago(line.last_used_at, now), words.plural(max(one.today, line.requests_hour), "request")
        )
    else:
        used = (
            Markup("It was never used.") if not line.is_used else Markup("It was not used for a long time.")
        )
    return _named(one.key) + Markup(
        "<p class='s-quiet'>{} Programs that use it are refused with 401 from their next request on. "
        "This cannot be undone; to stop it for a while, pause it.</p>"
    ).format(used)

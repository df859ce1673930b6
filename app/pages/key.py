"""/app/keys/{id}: one key: how it does, what binds it, its secrets, what was changed, and everything that can be."""

from typing import Final
from urllib.parse import urlsplit

from markupsafe import Markup
from nicegui import ui

from app import components, frame, key_changes, key_words, live_view, words
from app.components import ladder, meter, sparkline, tables, tag
from app.pages.key_acts import KeyActs
from app.services import Services
from models import key_overview, keys, rotation
from models.key_overview import SHOWN_CHANGES, OneKey
from models.keys import ApiKey, NoSuchKey
from models.live import Standing
from models.logins import Viewer

_MOST_CHANGES: Final = 1_000


async def show(services: Services, viewer: Viewer) -> None:
    """The key whose id ends the address. Draws into the current slot."""
    address = ui.context.client.sub_pages_router.current_path
    page = _Page(services, viewer, urlsplit(address).path.rstrip("/").rpartition("/")[2])
    await page.load()


class _Page:
    def __init__(self, services: Services, viewer: Viewer, public_id: str) -> None:
        self._services = services
        self._viewer = viewer
        self._public_id = public_id
        self._most = SHOWN_CHANGES
        self._one: OneKey
        self._standings: tuple[Standing, Standing]
        self._body: ui.html
        self._place = tag("div")
        self._acts = KeyActs(services, viewer, on_done=self.load)
        services.arrivals.follow(viewer.account_id, self._place, live_view.Throttled(self._refresh))

    async def load(self) -> None:
        try:
            await self._read()
        except NoSuchKey:
            self._place.clear()
            with self._place:
                frame.nothing_here()
            return
        if self._place.is_deleted:
            return
        self._place.clear()
        with self._place:
            components.html(Markup('<a class="k-back" href="/app/keys">← API keys</a>'))
            with frame.title(self._one.key.name):
                tables.listen(components.html(self._buttons(), "s-actions"), self._act)
            self._body = components.html(self._drawn())
            tables.listen(self._body, self._act)

    async def _refresh(self) -> None:
        """Follows the account's requests. Buttons keep the focus: they are found again by their names."""
        if self._acts.is_open or self._place.is_deleted:
            return
        try:
            await self._read()
        except NoSuchKey:
            return
        if not self._place.is_deleted:
            self._body.set_content(str(self._drawn()))

    async def _read(self) -> None:
        services, account_id = self._services, self._viewer.account_id
        self._now = services.now()
        self._one = one = await services.database.read(
            key_overview.read_key, account_id, self._public_id, now=self._now, most=self._most
        )
        self._standings = await services.live.standing(account_id, one.key.id, one.shown.limits)

    async def _act(self, act: str, _: str) -> None:
        if act == "more":
            self._most = _MOST_CHANGES
            await self.load()
            return
        await self._read()
        if self._one.key.revoked_at is not None:
            components.toast("This key was revoked meanwhile.", "bad")
            await self.load()
            return
        await self._acts.do(act, self._one)

    def _button(self, act: str, word: str, *, kind: str = "plain") -> Markup:
        return components.act(act, self._public_id, word, kind=kind)

    def _buttons(self) -> Markup:
        key = self._one.key
        if key.revoked_at is not None:
            return Markup("")
        return Markup("").join(
            [
                self._button("rename", "Rename", kind="quiet-button"),
                self._button("rest", "Pause" if key.paused_at is None else "Resume"),
                self._button("rotate", "Rotate", kind="primary"),
            ]
        )

    def _drawn(self) -> Markup:
        """All of it as one piece, so that an open page changes at once and nothing jumps."""
        one = self._one
        is_revoked = one.key.revoked_at is not None
        parts = [self._line()]
        if not is_revoked:
            parts.append(self._meters())
        parts.append(components.joined([self._week(), self._secrets()], "k-two-cards"))
        if not is_revoked:
            parts += [
                self._limits(),
                components.joined([self._models(), self._end()], "s-grid2"),
            ]
        parts.append(self._history())
        if not is_revoked:
            parts.append(self._danger())
        return components.joined(parts, "s-stack")

    def _line(self) -> Markup:
        key, line = self._one.key, self._one.shown.line
        used = (
            Markup("<span>last used {}</span>").format(key_words.last_used(line, self._now))
            if line.is_used
            else Markup("")
        )
        return Markup(
            '<p class="k-line">{}<span class="s-mono">{}</span><span>created {}</span>{}'
            "<span>id <code>{}</code></span></p>"
        ).format(
            key_words.state(line, self._now),
            keys.masked(key),
            words.local(key.created_at),
            used,
            key.public_id,
        )

    def _meters(self) -> Markup:
        cards = [
            components.card(
                "",
                meter.render(
                    standing,
                    label=f"{ladder.NAMES[standing.name]}, {_whose(standing)}",
                    now=self._now,
                    origin=self._one.shown.ladders[standing.name].origin,
                ),
            )
            for standing in self._standings
        ]
        return components.joined(cards, "s-grid2")

    def _week(self) -> Markup:
        hours = self._one.hours
        total = Markup('<span class="s-quiet">{} · {} today</span>').format(
            words.plural(sum(hours), "request"), words.exact(self._one.today)
        )
        if not sum(hours):
            return components.card(
                "Last 7 days", Markup('<p class="s-quiet">No requests yet in this time.</p>')
            )
        return components.card("Last 7 days", sparkline.render(hours, now=self._now), more=total)

    def _secrets(self) -> Markup:
        """The present secret, and beside it the one before, with the last use of each."""
        key, uses = self._one.key, self._services.uses
        if key.rotated_at is None:
            body = _secret(
                "Secret",
                key.last4,
                [("Made", words.ago(key.created_at, self._now)), ("Last used", self._last_used())],
            )
            return components.card("Secret", components.joined([body], "k-secrets"), more=self._again())
        new = _secret(
            "New secret",
            key.last4,
            [
                ("Made", words.ago(key.rotated_at, self._now)),
                ("Last used", words.ago(_later(key.used_at, uses.seen(key.digest)), self._now)),
            ],
        )
        stands = rotation.has_old(key, self._now) and key.revoked_at is None
        old_used = words.ago(_later(key.old_used_at, uses.seen(key.old_digest)), self._now)
        old = _secret(
            "Old secret",
            key.old_last4 or "",
            [
                ("Ends" if stands else "Ended", self._old_end(key, stands=stands)),
                ("Last used" if stands else "Last sent", old_used),
            ],
            is_over=not stands,
        )
        end = self._button("end-old", "End old now") if stands else Markup("")
        more = Markup('<span class="s-buttons">{}{}</span>').format(self._again(), end)
        return components.card("Rotation", components.joined([new, old], "k-secrets"), more=more)

    def _again(self) -> Markup:
        """For a secret that was never used."""
        line = self._one.shown.line
        if not key_words.may_reissue(self._services, line):
            return Markup("")
        is_second = rotation.has_old(line.key, self._now)
        return self._button(
            "reissue", "Lost the new one? Issue again" if is_second else "Lost it? Issue again"
        )

    def _old_end(self, key: ApiKey, *, stands: bool) -> Markup:
        until = key.old_until or 0
        return words.until(until, self._now) if stands else words.ago(until, self._now)

    def _last_used(self) -> Markup:
        return key_words.last_used(self._one.shown.line, self._now)

    def _limits(self) -> Markup:
        ladders = [
            Markup("<div><h3>{}</h3>{}</div>").format(ladder.NAMES[name], ladder.render(name, steps))
            for name, steps in self._one.shown.ladders.items()
        ]
        return components.card(
            "Limits", components.joined(ladders, "k-ladders"), more=self._button("limits", "Change limits")
        )

    def _models(self) -> Markup:
        allowed = sorted(self._one.key.models)
        body = (
            components.joined([Markup("<code>{}</code>").format(name) for name in allowed], "k-models")
            if allowed
            else Markup('<p class="s-quiet">All models, also those added later.</p>')
        )
        return components.card("Models allowed", body, more=self._button("models", "Change models"))

    def _end(self) -> Markup:
        at = self._one.key.expires_at
        if at is None:
            body = Markup('<p class="s-quiet">Never expires.</p>')
        else:
            distance = words.within(at, self._now) if at > self._now else words.ago(at, self._now)
            body = Markup('<p>{} <span class="s-faint">({})</span></p>').format(words.utc_date(at), distance)
        return components.card("Expiry", body, more=self._button("expiry", "Change expiry"))

    def _history(self) -> Markup:
        rows = [
            (
                Markup('<span class="lim-when">{}</span>').format(words.local(row.at)),
                Markup('<span class="lim-why" dir="auto">{}</span>').format(key_changes.what(row)),
                key_changes.who(row, self._viewer.email),
            )
            for row in self._one.changes
        ]
        table = tables.render(("When", "What", "Who"), rows, caption="Changes of this key")
        if self._one.has_more:
            table += Markup('<div class="k-more">{}</div>').format(self._button("more", "Show all changes"))
        return components.card("History", table, is_flush=True)

    def _danger(self) -> Markup:
        text = Markup(
            '<p class="s-quiet">Ends the key for good, with both its secrets. To stop it for a while, pause it.</p>'
        )
        return components.card("Revoke", text, more=self._button("revoke", "Revoke key", kind="danger-plain"))


def _whose(standing: Standing) -> str:
    return "this key" if standing.layer == "key" else "whole account"


def _later(*moments: int | None) -> int | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _secret(title: str, last4: str, facts: list[tuple[str, Markup]], *, is_over: bool = False) -> Markup:
    lines = Markup("").join(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(*fact) for fact in facts)
    return Markup(
        '<div class="k-secret{}"><h3>{} <span class="s-mono s-faint">…{}</span></h3><dl>{}</dl></div>'
    ).format(" k-over" if is_over else "", title, last4, lines)

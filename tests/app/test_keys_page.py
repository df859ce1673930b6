"""/app/keys and /app/keys/{id}: what they show, what their acts do, and what they keep from others."""

from pathlib import Path

import pytest
import simulated
from simulated import House

from app import key_changes, words
from app.arrivals import Arrival
from app.components import menu, sparkline
from app.login import LoggedOut
from models import key_settings, keys, limits, logins, rotation
from models.accounts import Account
from models.audit import AuditRow
from models.keys import ApiKey
from models.windows import DAY, HOUR

NOW = simulated.SUNDAY_NOON


def stored(house: House, key: ApiKey) -> ApiKey:
    return house.database.read_now(keys.get, key.account_id, key.public_id)


def rotate(house: House, key: ApiKey, overlap_s: int = DAY) -> keys.Issued:
    return house.database.run_now(
        rotation.rotate, key.account_id, key.public_id, overlap_s, actor="alice@example.com", now=house.now()
    )


def where(key: ApiKey) -> str:
    return f"/app/keys/{key.public_id}"


def test_the_list_says_of_each_key_how_it_is_and_where_its_limit_comes_from(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        made = {name: house.key(alice, name) for name in ("Used", "Fresh", "Resting", "Ended", "Gone")}
        house.used(made["Used"], "gpt-5")
        scope = {"actor": alice.email, "now": house.now()}
        house.database.run_now(
            limits.set_key_limit, alice.id, made["Used"].public_id, "hourly_requests", 7, **scope
        )
        house.database.run_now(key_settings.pause, alice.id, made["Resting"].public_id, **scope)
        house.database.run_now(
            key_settings.set_expiry, alice.id, made["Ended"].public_id, house.now() + 5, **scope
        )
        house.database.run_now(keys.revoke, alice.id, made["Gone"].public_id, **scope)
        house.clock.advance(5)
        user = await house.visit("/app/keys", alice)
        said = simulated.shown(user)
        for word in ("Active", "Never used", "Paused", "Expired", "of 7/h", "set on this key"):
            assert word in said, word
        assert "Gone" not in said
        await simulated.press(user, "Show 1 revoked")
        assert "Revoked" in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_without_keys_the_list_says_what_one_is_for(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        user = await house.visit("/app/keys", house.account("alice@example.com"))
        assert "No keys yet" in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_a_rotation_asks_how_long_and_shows_the_new_secret_once(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        before = house.live.epoch(alice.id)
        user = await house.visit("/app/keys", alice)
        await simulated.press_in_row(user, "rotate", key.public_id)
        await simulated.submit(user, "Rotate key", overlap=str(HOUR))
        after = stored(house, key)
        assert (after.old_digest, after.old_until) == (key.digest, NOW + HOUR)
        assert house.live.epoch(alice.id) > before
        said = simulated.shown(user)
        assert "The old one works until 22 Nov 13:00 UTC." in said
        shown = simulated.the(user, lambda element: "Key" in element._markers)
        assert keys.digest(str(shown.props["^value"])) == after.digest

    simulated.run(tmp_path, story)


@pytest.mark.parametrize("overlap", ["", "17", "nonsense"])
def test_an_overlap_that_is_not_offered_is_refused_in_words(tmp_path: Path, overlap: str) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit(where(key), alice)
        await simulated.press_in_row(user, "rotate", key.public_id)
        await simulated.submit(user, "Rotate key", overlap=overlap)
        assert "none, 1 hour, 24 hours or 7 days" in simulated.shown(user)
        assert stored(house, key).rotated_at is None

    simulated.run(tmp_path, story)


def test_the_first_request_of_the_new_secret_is_told_and_not_one_of_the_old(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit(where(key), alice)
        await simulated.press_in_row(user, "rotate", key.public_id)
        await simulated.submit(user, "Rotate key", overlap=str(HOUR))
        arrival = Arrival(alice.id, key.id, "gpt-5", "ok", 12, 412)
        services = house.services

        async def arrives() -> str:
            for hear in list(services.arrivals.event.callbacks):
                await hear.func([arrival])  # type: ignore[misc]
            return simulated.shown(user)

        services.uses.note(key.id, key.digest, house.now())
        assert "Waiting for the first request" in await arrives()
        services.uses.note(key.id, stored(house, key).digest, house.now())
        assert "First request arrived" in await arrives()

    simulated.run(tmp_path, story)


def test_the_page_of_a_key_shows_both_secrets_and_ends_the_old_one(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        house.used(key, "gpt-5")
        new = rotate(house, key)
        house.database.run_now(rotation.note_uses, {(key.id, keys.digest(new.secret)): NOW - 120})
        house.services.uses.note(key.id, key.digest, NOW - 300)
        user = await house.visit(where(key), alice)
        said = " ".join(simulated.shown(user).split())
        assert f"New secret …{new.secret[-4:]} Made just now Last used 2 min ago" in said
        assert f"Old secret …{key.last4} Ends in 24 h (23 Nov 12:00 UTC) Last used" in said
        await simulated.press_in_row(user, "end-old", key.public_id)
        assert stored(house, key).old_until == NOW
        assert "Ended just now" in " ".join(simulated.shown(user).split())

    simulated.run(tmp_path, story)


def test_a_secret_that_was_lost_is_issued_again_in_one_click(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit("/app/keys", alice)
        await simulated.press_in_row(user, "reissue", key.public_id)
        found = house.database.read_now(keys.authenticate, key.digest, now=NOW)
        assert found is not None
        assert found.replaced_at == NOW
        assert "Save your key now" in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_the_samples_beside_a_new_secret_ask_for_a_model_that_its_key_may_use(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        house.database.run_now(
            key_settings.set_models, alice.id, key.public_id, ["gpt-5"], actor=alice.email, now=NOW
        )
        user = await house.visit("/app/keys", alice)
        await simulated.press_in_row(user, "reissue", key.public_id)
        said = simulated.shown(user)
        assert '"model": "gpt-5"' in said
        assert "gpt-5-mini" not in said

    simulated.run(tmp_path, story)


def test_a_secret_that_is_used_at_this_moment_is_not_taken_for_lost(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        new = rotate(house, key, 0)
        house.services.uses.note(key.id, keys.digest(new.secret), NOW)
        user = await house.visit(where(key), alice)
        assert "Issue again" not in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_pausing_and_resuming_bind_at_once_and_stand_in_the_history(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit(where(key), alice)
        before = house.live.epoch(alice.id)
        await simulated.press_in_row(user, "rest", key.public_id)
        assert stored(house, key).paused_at == NOW
        assert house.live.epoch(alice.id) > before
        await simulated.press_in_row(user, "rest", key.public_id)
        assert stored(house, key).paused_at is None
        said = " ".join(simulated.shown(user).split())
        assert "Resumed you" in said
        assert "Paused you" in said

    simulated.run(tmp_path, story)


def test_models_are_chosen_and_none_is_no_choice(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit(where(key), alice)
        await simulated.press_in_row(user, "models", key.public_id)
        await simulated.submit(user, "Models", which="some")
        assert "Choose at least one model" in simulated.shown(user)
        await simulated.submit(user, "Models", **{"which": "some", "model:gpt-5": "1"})
        assert stored(house, key).models == {"gpt-5"}
        await simulated.press_in_row(user, "models", key.public_id)
        await simulated.submit(user, "Models", which="all")
        assert stored(house, key).models == frozenset()

    simulated.run(tmp_path, story)


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"when": "7"}, NOW - 12 * HOUR + 8 * DAY),
        ({"when": "day", "day": "2026-11-22"}, NOW + 12 * HOUR),
        ({"when": "never"}, None),
        ({"when": "day", "day": "2026-11-21"}, None),
        ({"when": "day", "day": "tomorrow"}, None),
        ({"when": "day", "day": "9999-12-31"}, None),
    ],
)
def test_an_expiry_is_the_end_of_a_day_in_utc(
    tmp_path: Path, fields: dict[str, str], end: int | None
) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit(where(key), alice)
        await simulated.press_in_row(user, "expiry", key.public_id)
        await simulated.submit(user, "Expiry", **fields)
        assert stored(house, key).expires_at == end
        said = simulated.shown(user)
        if fields["when"] == "day" and end is None:
            assert "lies in the past" in said or "Choose a day" in said
        elif end is not None:
            assert words.utc_date(end) in said

    simulated.run(tmp_path, story)


def test_a_key_in_use_is_revoked_by_its_name_and_the_dialog_says_what_breaks(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice, "Production")
        house.used(key, "gpt-5", requests=431)
        house.clock.advance(120)
        user = await house.visit("/app/keys", alice)
        await simulated.press_in_row(user, "revoke", key.public_id)
        assert "used 2 min ago , 431 requests today" in " ".join(simulated.shown(user).split())
        await simulated.submit(user, "Revoke key", name="production")
        assert stored(house, key).revoked_at is None
        await simulated.submit(user, "Revoke key", name="Production")
        assert stored(house, key).revoked_at is not None

    simulated.run(tmp_path, story)


def test_a_key_is_renamed_and_a_bad_name_is_told_at_the_field(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit(where(key), alice)
        await simulated.press_in_row(user, "rename", key.public_id)
        await simulated.submit(user, "Rename", name=" ")
        assert "1 to 60 characters" in simulated.shown(user)
        await simulated.submit(user, "Rename", name="Nightly")
        assert "Renamed from “Laptop” to “Nightly”" in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_the_history_shows_twenty_changes_and_then_all(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        for number in range(25):
            house.database.run_now(
                key_settings.rename,
                alice.id,
                key.public_id,
                f"Name {number}",
                actor=alice.email,
                now=house.now(),
            )
        user = await house.visit(where(key), alice)
        assert simulated.shown(user).count("Renamed") == 20
        await simulated.press_in_row(user, "more", key.public_id)
        assert simulated.shown(user).count("Renamed") == 25

    simulated.run(tmp_path, story)


def test_P_Z2_the_page_of_a_foreign_key_is_that_of_an_unknown_one(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        key = house.key(house.account("alice@example.com"), "Secret plan")
        charlie = house.account("charlie@example.com")

        async def seen(path: str) -> str:
            return simulated.shown(await house.visit(path, charlie))

        foreign = await seen(where(key))
        assert foreign == await seen("/app/keys/AAAAAAAAAAAA") == await seen("/app/keys/%27%20OR%201")
        assert "Nothing here" in foreign
        assert "Secret plan" not in foreign

    simulated.run(tmp_path, story)


@pytest.mark.parametrize("act", ["rest", "end-old", "reissue"])
def test_P_Z1_an_open_page_whose_login_has_ended_changes_no_key(tmp_path: Path, act: str) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        rotate(house, key)
        user = await house.visit(where(key), alice)
        before = stored(house, key)
        house.database.run_now(logins.close_all, alice.id)
        with pytest.raises(LoggedOut):
            await simulated.press_in_row(user, act, key.public_id)
        assert stored(house, key) == before

    simulated.run(tmp_path, story)


def test_an_act_on_a_key_of_somebody_else_finds_none(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        key = house.key(house.account("alice@example.com"))
        charlie: Account = house.account("charlie@example.com")
        own = house.key(charlie)
        user = await house.visit("/app/keys", charlie)
        table = simulated.the(user, lambda element: own.public_id in str(element.props.get("innerHTML", "")))
        for act in ("rest", "revoke", "rotate", "reissue"):
            await simulated.act(user, table, "click", [act, key.public_id])
        assert stored(house, key) == key

    simulated.run(tmp_path, story)


def test_a_week_is_drawn_by_utc_days_and_said_in_one_sentence() -> None:
    hours = [0] * 168
    hours[-1], hours[-13], hours[-14] = 5, 2, 3
    drawn = sparkline.render(hours, now=NOW)
    assert 'aria-label="10 requests in the last 7 days, 7 of them today."' in drawn
    assert drawn.count("<rect") == 3
    assert "Sun 22, 12:00–18:00 UTC: 5 requests" in drawn
    assert "Sat 21, 18:00–24:00 UTC: 3 requests" in drawn
    assert "No requests in the last 7 days." in sparkline.render([0] * 168, now=NOW)


def test_what_a_menu_is_called_stays_text() -> None:
    assert "<script" not in menu.render("m", [], label="<script>")


@pytest.mark.parametrize(
    ("act", "old", "new", "said"),
    [
        ("key.create", "", "Laptop", "Created"),
        ("key.models", "all models", "gpt-5", "Models: all models → gpt-5"),
        ("limit.hourly_requests", "1000", "no limit", "Requests per hour 1,000 → no limit"),
        ("limit.something_new", "1", "2", "something_new 1 → 2"),
        ("key.something_new", "", "", "key.something_new"),
    ],
)
def test_a_change_is_told_in_words(act: str, old: str, new: str, said: str) -> None:
    row = AuditRow(
        at=1,
        actor="boss@example.com",
        account_id=1,
        act=act,
        subject="k",
        old=old,
        new=new,
        reason="",
        address="",
    )
    assert key_changes.what(row) == said
    row.reason = "Launch week"
    assert key_changes.what(row) == f"{said} · “Launch week”"
    assert key_changes.who(row, "alice@example.com") == "staff"
    assert key_changes.who(row, "boss@example.com") == "you"

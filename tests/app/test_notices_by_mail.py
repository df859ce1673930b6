"""Mails about limits: of what staff changed and of alert levels, to proven addresses, once."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import simulated
from simulated import House
from sqlmodel import Session

from app import notices_by_mail
from app.mail import Letter, Outbox, server_of
from models import limits
from models.accounts import Account

NOW = simulated.SUNDAY_NOON
REASON = "Launch week of a shop"


class Kept(Outbox):
    """Keeps letters instead of sending them; the way of a letter has tests of its own."""

    def __init__(self) -> None:
        super().__init__(server_of("smtp://127.0.0.1:9", "no-reply@example.com"))
        self.letters: list[tuple[str, Letter]] = []

    def send(self, letter: Letter, to: str) -> None:
        self.letters.append((to, letter))


def prove(session: Session, account_id: int) -> None:
    session.get_one(Account, account_id).verified_at = NOW


def suspend(session: Session, account_id: int) -> None:
    prove(session, account_id)
    session.get_one(Account, account_id).suspended_at = NOW


def nothing(session: Session, account_id: int) -> None:
    """The address is not proven."""


def play(tmp_path: Path, story: Callable[[House, Account, Kept], Awaitable[None]]) -> None:
    outbox = Kept()

    async def whole(house: House) -> None:
        alice = house.account("alice@example.com")
        house.database.run_now(prove, alice.id)
        await story(house, alice, outbox)

    simulated.run(tmp_path, whole, mail=outbox)


async def lower(house: House, account: Account, value: int = 7) -> None:
    change = house.database.run_now(
        limits.set_account_limit,
        account.id,
        "hourly_requests",
        value,
        actor="boss@example.com",
        reason=REASON,
        now=NOW,
    )
    await notices_by_mail.tell_limit_changed(
        house.services, account.id, "hourly_requests", change, reason=REASON, until=NOW + 86_400
    )


def test_a_limit_that_staff_changed_is_told_with_both_values_and_the_reason(tmp_path: Path) -> None:
    async def story(house: House, alice: Account, outbox: Kept) -> None:
        await lower(house, alice)
        ((to, letter),) = outbox.letters
        assert to == "alice@example.com"
        assert "Requests per hour: 1,000/h before, 7/h now, until 23 Nov 2026 12:00 UTC." in letter.text
        assert REASON in letter.text
        assert "boss@" not in letter.text
        await lower(house, alice)  # no change at all
        assert len(outbox.letters) == 1

    play(tmp_path, story)


@pytest.mark.parametrize("state", [nothing, suspend])
def test_nobody_is_written_to_whose_address_is_not_proven_or_who_is_suspended(
    tmp_path: Path, state: Callable[[Session, int], None]
) -> None:
    async def story(house: House, alice: Account, outbox: Kept) -> None:
        charlie = house.account("charlie@example.com")
        house.database.run_now(state, charlie.id)
        await lower(house, charlie)
        assert outbox.letters == []

    play(tmp_path, story)


def test_an_alert_level_is_told_once_and_to_its_owner_alone(tmp_path: Path) -> None:
    async def story(house: House, alice: Account, outbox: Kept) -> None:
        charlie = house.account("charlie@example.com")
        house.database.run_now(prove, charlie.id)
        house.key(charlie)
        await lower(house, alice, value=10)
        outbox.letters.clear()
        key = house.key(alice)
        house.used(key, "gpt-5", requests=8)
        for _ in range(2):
            await notices_by_mail.tell_alerts(house.services)
        ((to, letter),) = outbox.letters
        assert to == "alice@example.com"
        assert letter.subject == "Requests per hour: 80% used"
        assert "80% of the 10 that your account may use is used." in letter.text
        house.used(key, "gpt-5-mini", requests=2)
        await notices_by_mail.tell_alerts(house.services)
        assert [letter.subject for _, letter in outbox.letters[1:]] == ["Requests per hour: 100% used"]

    play(tmp_path, story)


def test_without_a_mail_server_nothing_is_said_and_nothing_is_taken_for_said(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.database.run_now(prove, alice.id)
        await lower(house, alice)
        await notices_by_mail.tell_alerts(house.services)

    simulated.run(tmp_path, story)

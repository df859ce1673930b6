"""The mails that Starscoo writes: what happened, what to do, and nothing else. Plain text.

Whoever gets one without having asked for it is told what that means.
"""

from app.mail import Letter

_NOT_YOU = "If it was not you, set a new password at once: {url}/forgot"


def verification(link: str) -> Letter:
    """To an address that an account was made with."""
    return Letter(
        "Confirm your email address",
        f"""Confirm that this address is yours:

{link}

The link works for a day. Until then your account has a small limit.
If you did not create an account, ignore this mail.""",
    )


def new_address(link: str) -> Letter:
    """To the address that an account wants to move to."""
    return Letter(
        "Confirm your new email address",
        f"""Your Starscoo account moves to this address once you confirm it:

{link}

The link works for a day. If you did not ask for it, ignore this mail.""",
    )


def password_reset(link: str) -> Letter:
    return Letter(
        "Set a new password",
        f"""Somebody asked for a new password of your Starscoo account. Set it here:

{link}

The link works once, for an hour, and ends every login of the account.
If it was not you, ignore this mail: your password stays as it is.""",
    )


def password_changed(device: str, address: str, url: str) -> Letter:
    return Letter(
        "Your password was changed",
        f"""The password of your Starscoo account was changed, and every other login has ended.

Changed with: {device}
From: {address or "an unknown address"}

{_NOT_YOU.format(url=url)}""",
    )


def email_changed(new: str) -> Letter:
    """To the former address, which cannot log in any more."""
    return Letter(
        "Your email address was changed",
        f"""Your Starscoo account moved from this address to {new}. Log in with the new one.

If it was not you, tell the operator of the server at once.""",
    )


def account_deleted() -> Letter:
    return Letter(
        "Your account was deleted",
        """Your Starscoo account was deleted as you asked. Its keys and logins are dead.

If it was not you, tell the operator of the server.""",
    )


def alert_level(*, what: str, percent: int, of: str, resets: str, url: str) -> Letter:
    """`what` is the limit, e.g. "Tokens per month", `of` its value and whose it is, e.g. "the 5,000,000 that your
    account may use"."""
    return Letter(
        f"{what}: {percent}% used",
        f"""{what}: {percent}% of {of} is used.

It resets at {resets}. At 100% requests are refused until then.
See your limits, or ask for more: {url}/app/limits""",
    )


def limit_changed(*, what: str, old: str, new: str, reason: str, until: str, url: str) -> Letter:
    """Staff changed a limit. `until` is empty for a change without an end."""
    return Letter(
        "A limit of yours was changed",
        f"""The operator of Starscoo changed a limit of yours.

{what}: {old} before, {new} now{f", until {until}" if until else ""}.
Reason: {reason}

See your limits: {url}/app/limits""",
    )

"""How a key is doing, in a pill and a few words: the same on its page and in the list."""

from typing import Final

from markupsafe import Markup

from app import components, words
from app.services import Services
from models import rotation
from models.keys import KeyLine
from models.windows import DAY

SOON_S: Final = 7 * DAY


def state(line: KeyLine, now: int) -> Markup:
    """One pill; a key that is about to end, or has two secrets, says so below."""
    key = line.key
    match key.state(now):
        case "revoked":
            return components.pill("plain", "Revoked")
        case "expired":
            return components.pill("bad", "Expired")
        case "paused":
            return components.pill("caution", "Paused")
    pill = components.pill("good", "Active") if line.is_used else components.pill("note", "Never used")
    notes = []
    if key.expires_at is not None and key.expires_at - now < SOON_S:
        notes.append(Markup("expires {}").format(words.within(key.expires_at, now)))
    if key.old_until is not None and rotation.has_old(key, now):
        notes.append(Markup("old secret ends {}").format(words.within(key.old_until, now)))
    if not notes:
        return pill
    return Markup('<span class="k-two">{}<small>{}</small></span>').format(pill, Markup(", ").join(notes))


def last_used(line: KeyLine, now: int) -> Markup:
    """Rows are kept for a while; after that only that it was used is known."""
    if line.is_used and line.last_used_at is None:
        return Markup("long ago")
    return words.ago(line.last_used_at, now)


def is_lost(services: Services, line: KeyLine, now: int) -> bool:
    """Whether nothing was ever heard of a key's only secret: then it may well be lost."""
    return may_reissue(services, line) and not rotation.has_old(line.key, now)


def may_reissue(services: Services, line: KeyLine) -> bool:
    """Whether the newest secret was never used, this process's last second included."""
    return line.may_reissue and services.uses.seen(line.key.digest) is None

"""What a serving process writes down beside answering, seen from outside."""

from pathlib import Path

import httpx
import running
from sqlmodel import Session

from models import keys
from models.database import Database
from models.keys import ApiKey


def test_the_last_use_of_both_secrets_of_a_rotated_key_is_written_while_and_when_the_server_ends(
    tmp_path: Path,
) -> None:
    with running.server(tmp_path) as starscoo:
        old = starscoo.new_key()
        public_id = keys.public_id(old)
        new = starscoo.command("keys", "rotate", public_id, "--overlap-hours", "1")["key"]
        database = Database(f"sqlite:///{tmp_path}/data/starscoo.db")
        assert models_status(starscoo.url, old) == 200
        until_written(database, starscoo.url, old, public_id)
        before = database.read_now(stored, public_id)
        assert before.used_at is None
        assert models_status(starscoo.url, new) == 200
        starscoo.stop()
        after = database.read_now(stored, public_id)
        database.close()
    assert before.old_used_at is not None
    assert after.used_at is not None
    assert after.used_at >= before.old_used_at


def until_written(database: Database, url: str, secret: str, public_id: str) -> None:
    """A second at most; asking passes the time."""
    for _ in range(2_000):
        if database.read_now(stored, public_id).old_used_at is not None:
            return
        assert models_status(url, secret) == 200
    raise AssertionError("the use was never written")


def stored(session: Session, public_id: str) -> ApiKey:
    return keys.find(session, public_id)


def models_status(url: str, key: str) -> int:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{url}/v1/models", headers=headers, trust_env=False).status_code

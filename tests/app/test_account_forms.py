"""The posts of logins and accounts against a running server with a real mail server beside it."""

import base64
import json
import re
import statistics
import time
from collections.abc import Iterator

import httpx
import pytest
import running
from fakes.mail import MailServer, link_in, mail_server
from running import Running

from models import accounts, keys
from models.accounts import Account
from models.database import Database

PASSWORD = "correct horse battery staple"
OTHER = "another horse battery staple"


@pytest.fixture(scope="module")
def post() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture(scope="module")
def house(post: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    port = running.free_port()
    options = {
        "STARSCOO_PORT": str(port),
        "STARSCOO_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "STARSCOO_SMTP_URL": post.url,
    }
    with running.server(tmp_path_factory.mktemp("house"), **options) as started:
        yield started


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Without a mail server."""
    with running.server(tmp_path_factory.mktemp("silent")) as started:
        yield started


OPEN: list[httpx.Client] = []


@pytest.fixture(autouse=True)
def close_browsers() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


class Browser:
    """A browser's manners without a browser."""

    def __init__(self, house: Running) -> None:
        self.http = httpx.Client(base_url=house.url, headers={"origin": house.url}, trust_env=False)
        OPEN.append(self.http)

    def post(self, path: str, **fields: str) -> str:
        """Where the answer leads, with the number of the try left out."""
        answer = self.http.post(path, data=fields)
        assert answer.status_code == 303, answer.text
        return re.sub("try=[0-9a-f]{8}", "try=X", answer.headers["location"])

    def complaint(self) -> dict[str, str]:
        """What the last refused form came back with."""
        found = json.loads(base64.urlsafe_b64decode(self.http.cookies["starscoo_form"]))
        return {"field": found["field"], "reason": found["reason"], "path": found["path"]}

    @property
    def is_in(self) -> bool:
        return self.http.get("/app").status_code == 200


def member(house: Running, email: str) -> Browser:
    browser = Browser(house)
    assert browser.post("/signup", email=email, password=PASSWORD) == "/app"
    return browser


def log_in(house: Running, email: str, password: str = PASSWORD) -> Browser:
    browser = Browser(house)
    browser.post("/login", email=email, password=password)
    return browser


def known(house: Running, email: str) -> Account | None:
    database = Database(f"sqlite:///{house.directory / 'data' / 'starscoo.db'}")
    try:
        return database.read_now(accounts.find_by_email, email)
    finally:
        database.close()


def test_a_new_account_is_small_until_its_address_is_proven(house: Running, post: MailServer) -> None:
    browser = member(house, "anna@example.com")
    letter = post.next("Confirm your email address")
    assert letter["To"] == "anna@example.com"
    before = known(house, "anna@example.com")
    assert before is not None
    assert before.plan == "unverified"
    path = link_in(letter).removeprefix(house.url)
    assert browser.http.get(path).status_code == 200  # looking at a link proves nothing
    assert known(house, "anna@example.com").plan == "unverified"
    assert browser.post(path) == "/app/account?done=verified"
    after = known(house, "anna@example.com")
    assert after.plan == "starter"
    assert after.verified_at is not None
    assert browser.post(path) == f"{path}?try=X"
    assert "has been used" in browser.complaint()["reason"]


def test_an_address_can_be_proven_in_another_browser(house: Running, post: MailServer) -> None:
    member(house, "phone@example.com")
    link = link_in(post.next("Confirm your email address")).removeprefix(house.url)
    assert Browser(house).post(link) == "/login?done=verified"


def test_another_mail_can_be_asked_for_once_a_minute(house: Running, post: MailServer) -> None:
    browser = member(house, "again@example.com")
    post.next("Confirm your email address")
    assert browser.post("/app/account/verification") == "/app/account?try=X"
    assert "in 1 min" in browser.complaint()["reason"]
    assert post.letters.empty()


def test_an_account_moves_when_the_link_in_the_new_mailbox_is_used(house: Running, post: MailServer) -> None:
    browser = member(house, "old@example.com")
    fields = {"email": "New@Example.com", "email_password": PASSWORD}
    assert browser.post("/app/account/email", **fields) == "/app/account?done=asked"
    letter = post.next("Confirm your new email address")
    assert letter["To"] == "New@Example.com"
    assert known(house, "old@example.com") is not None
    assert browser.post(link_in(letter).removeprefix(house.url)) == "/app/account?done=verified"
    assert known(house, "old@example.com") is None
    told = post.next("Your email address was changed")
    assert told["To"] == "old@example.com"
    assert "new@example.com" in told.get_content()
    assert log_in(house, "new@example.com").is_in


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"email": "x@example.com", "email_password": "wrong"}, "email_password", "not your password"),
        ({"email": "nonsense", "email_password": PASSWORD}, "email", "not an email address"),
        ({"email": "taken@example.com", "email_password": PASSWORD}, "email", "exists"),
        ({"email": "mover@example.com", "email_password": PASSWORD}, "email", "your address already"),
        ({}, "email_password", "not your password"),
    ],
)
def test_a_move_that_cannot_be_is_refused_beside_its_field(
    silent: Running, fields: dict[str, str], field: str, reason: str
) -> None:
    for email in ("taken@example.com", "mover@example.com"):
        if known(silent, email) is None:
            member(silent, email)
    browser = log_in(silent, "mover@example.com")
    assert browser.post("/app/account/email", **fields) == "/app/account?try=X"
    complaint = browser.complaint()
    assert (complaint["field"], complaint["path"]) == (field, "/app/account")
    assert reason in complaint["reason"]


def test_without_a_mail_server_the_password_is_proof_enough(silent: Running) -> None:
    browser = member(silent, "before@example.com")
    assert known(silent, "before@example.com").plan == "starter"
    fields = {"email": "after@example.com", "email_password": PASSWORD}
    assert browser.post("/app/account/email", **fields) == "/app/account?done=email"
    assert log_in(silent, "after@example.com").is_in
    assert browser.is_in
    assert not log_in(silent, "before@example.com").is_in


def test_P_Z4_a_new_password_ends_every_other_login_and_renews_this_one(
    house: Running, post: MailServer
) -> None:
    browser = member(house, "pass@example.com")
    other = log_in(house, "pass@example.com")
    former = browser.http.cookies["starscoo_login"]
    fields = {"current_password": PASSWORD, "new_password": OTHER}
    assert browser.post("/app/account/password", **fields) == "/app/account?done=password"
    assert browser.is_in
    assert not other.is_in
    assert browser.http.cookies["starscoo_login"] != former
    thief = httpx.get(f"{house.url}/app", headers={"cookie": f"starscoo_login={former}"}, trust_env=False)
    assert thief.headers["location"] == "/login"
    assert not log_in(house, "pass@example.com").is_in
    assert log_in(house, "pass@example.com", OTHER).is_in
    assert post.next("Your password was changed")["To"] == "pass@example.com"


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong", OTHER, "current_password"),
        (PASSWORD, "too short", "new_password"),
        (PASSWORD, "x" * 1_001, "new_password"),
        (PASSWORD, "strict@example.com", "new_password"),
    ],
)
def test_a_password_that_will_not_do_changes_nothing(
    silent: Running, current: str, new: str, field: str
) -> None:
    if known(silent, "strict@example.com") is None:
        member(silent, "strict@example.com")
    browser = log_in(silent, "strict@example.com")
    assert browser.post("/app/account/password", current_password=current, new_password=new) == (
        "/app/account?try=X"
    )
    assert browser.complaint()["field"] == field
    assert log_in(silent, "strict@example.com").is_in


def test_a_forgotten_password_is_set_by_the_link_in_a_mail(house: Running, post: MailServer) -> None:
    member(house, "forgetful@example.com")
    visitor = Browser(house)
    assert visitor.post("/forgot", email=" Forgetful@Example.com ") == "/forgot?done=sent"
    letter = post.next("Set a new password")
    assert letter["To"] == "forgetful@example.com"
    path = link_in(letter).removeprefix(house.url)
    assert visitor.post(path, password=OTHER) == "/app"
    assert visitor.is_in
    assert visitor.post(path, password=PASSWORD) == f"{path}?try=X"
    assert post.next("Your password was changed")["To"] == "forgetful@example.com"


def test_P_Z6_a_forgotten_password_tells_nobody_which_accounts_exist(
    house: Running, post: MailServer
) -> None:
    taken = {"there@example.com", "nobody@example.com"}
    member(house, "there@example.com")
    post.next("Confirm your email address")
    answers, times = set(), {}
    for email in sorted(taken):
        visitor, spent = Browser(house), []
        for _ in range(3):
            begin = time.perf_counter()
            answers.add(visitor.post("/forgot", email=email))
            spent.append(time.perf_counter() - begin)
        answers.add(visitor.post("/forgot", email=email))
        times[email] = statistics.median(spent)
        assert "Too many tries" in visitor.complaint()["reason"]
    assert answers == {"/forgot?done=sent", "/forgot?try=X"}
    assert [post.next("Set a new password")["To"] for _ in range(3)] == ["there@example.com"] * 3
    assert post.letters.empty()
    print({email: f"{seconds * 1000:.1f} ms" for email, seconds in times.items()})


def test_without_a_mail_server_nobody_is_promised_a_mail(silent: Running) -> None:
    browser = Browser(silent)
    assert browser.post("/forgot", email="anna@example.com") == "/forgot?try=X"
    assert "sends no mail" in browser.complaint()["reason"]


def test_a_link_in_a_mail_never_begins_with_what_a_visitor_claims(house: Running, post: MailServer) -> None:
    member(house, "poisoned@example.com")
    post.next("Confirm your email address")
    answer = httpx.post(
        f"{house.url}/forgot",
        data={"email": "poisoned@example.com"},
        headers={"origin": "http://evil.example", "host": "evil.example", "x-forwarded-host": "evil.example"},
        trust_env=False,
    )
    assert answer.status_code == 303
    assert link_in(post.next("Set a new password")).startswith(f"{house.url}/reset/")


def test_P_Z6_who_keeps_guessing_does_not_keep_the_owner_out(silent: Running) -> None:
    owner = member(silent, "hunted@example.com")
    owner.post("/logout")
    for _ in range(10):
        log_in(silent, "hunted@example.com", "wrong horse battery")
    stranger = log_in(silent, "hunted@example.com")
    assert not stranger.is_in
    assert "Too many tries" in stranger.complaint()["reason"]
    assert owner.post("/login", email="hunted@example.com", password=PASSWORD) == "/app"
    assert owner.is_in


def test_what_a_browser_is_known_by_opens_nothing(silent: Running) -> None:
    owner = member(silent, "device@example.com")
    device = owner.http.cookies["starscoo_device"]
    for name in ("starscoo_device", "starscoo_login"):
        answer = httpx.get(f"{silent.url}/app", headers={"cookie": f"{name}={device}"}, trust_env=False)
        assert answer.headers["location"] == "/login"


def test_a_deleted_account_is_logged_out_everywhere_and_its_keys_are_refused(
    house: Running, post: MailServer
) -> None:
    browser = member(house, "leaving@example.com")
    other = log_in(house, "leaving@example.com")
    key = house.new_key("leaving@example.com")
    bearer = {"authorization": f"Bearer {key}"}
    assert httpx.get(f"{house.url}/v1/models", headers=bearer, trust_env=False).status_code == 200
    fields = {"delete_email": " Leaving@example.com", "delete_password": PASSWORD}
    assert browser.post("/app/account/delete", **fields) == "/login?done=deleted"
    refused = httpx.get(f"{house.url}/v1/models", headers=bearer, trust_env=False)
    assert refused.status_code == 401
    assert not browser.is_in
    assert not other.is_in
    assert "starscoo_device" not in browser.http.cookies
    assert not log_in(house, "leaving@example.com").is_in
    assert post.next("Your account was deleted")["To"] == "leaving@example.com"
    assert member(house, "leaving@example.com").is_in


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("other@example.com", PASSWORD, "delete_email"),
        ("staying@example.com", "wrong", "delete_password"),
    ],
)
def test_an_account_is_deleted_by_its_address_and_its_password_alone(
    silent: Running, email: str, password: str, field: str
) -> None:
    if known(silent, "staying@example.com") is None:
        member(silent, "staying@example.com")
    browser = log_in(silent, "staying@example.com")
    fields = {"delete_email": email, "delete_password": password}
    assert browser.post("/app/account/delete", **fields) == "/app/account?try=X"
    assert browser.complaint()["field"] == field
    assert browser.is_in


def test_the_last_admin_cannot_delete_himself(silent: Running) -> None:
    member(silent, "boss@example.com")
    silent.command("admin", "grant", "boss@example.com")
    browser = log_in(silent, "boss@example.com")
    fields = {"delete_email": "boss@example.com", "delete_password": PASSWORD}
    assert browser.post("/app/account/delete", **fields) == "/app/account?try=X"
    assert "last admin" in browser.complaint()["reason"]
    assert browser.is_in


@pytest.mark.parametrize("path", ["password", "email", "verification", "delete"])
def test_P_Z1_without_a_login_an_account_cannot_be_changed(silent: Running, path: str) -> None:
    visitor = Browser(silent)
    assert visitor.post(f"/app/account/{path}") == "/login?try=X"
    foreign = httpx.post(
        f"{silent.url}/app/account/{path}", headers={"origin": "https://evil.example"}, trust_env=False
    )
    assert foreign.status_code == 403


def test_the_export_is_a_file_of_its_owner_alone(silent: Running) -> None:
    browser = member(silent, "data@example.com")
    silent.new_key("data@example.com", name="For the export")
    answer = browser.http.get("/app/account/export")
    assert answer.status_code == 200
    assert re.fullmatch(
        r'attachment; filename="starscoo-account-\d+-\d{4}-\d\d-\d\d\.json"',
        answer.headers["content-disposition"],
    )
    found = answer.json()
    assert found["account"]["email"] == "data@example.com"
    assert [key["name"] for key in found["keys"]] == ["For the export"]
    assert keys.PREFIX + "…" in found["keys"][0]["masked"]
    assert Browser(silent).http.get("/app/account/export").headers["location"] == "/login"


def test_accounts_that_waited_for_a_mail_are_lifted_when_the_mail_server_is_gone(
    post: MailServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory, port = tmp_path_factory.mktemp("both"), str(running.free_port())
    url = f"http://127.0.0.1:{port}"
    options = {"STARSCOO_PORT": port, "STARSCOO_PUBLIC_URL": url}
    with running.server(directory, **options, STARSCOO_SMTP_URL=post.url) as house:
        member(house, "waiting@example.com")
        assert known(house, "waiting@example.com").plan == "unverified"
        post.next("Confirm your email address")
    with running.server(directory, **options) as house:
        assert known(house, "waiting@example.com").plan == "starter"

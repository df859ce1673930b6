"""Usage and its requests in a browser: dragging, clicking, going back, the panel, pages, the file, and what is new."""

import csv
import re
from pathlib import Path
from typing import Any

import httpx
from browsing import CUSTOMER, Visit, Visitor, create_key, sign_up
from playwright.sync_api import Page, expect

BAR = ".c-chart .bars path"
ROW = ".l-open"


def plot(page: Page) -> dict[str, float]:
    """Where the bars are, in pixels."""
    expect(page.locator(BAR).first).to_be_visible()
    box: Any = page.locator(".nsewdrag").first.bounding_box()
    return {name: float(figure) for name, figure in box.items()}


def drag(page: Page, begin: float, end: float) -> None:
    """Over the plot, from one share of its width to another."""
    box = plot(page)
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * begin, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (begin + end) / 2, height, steps=4)
    page.mouse.move(box["x"] + box["width"] * end, height, steps=4)
    page.mouse.up()


def test_dragging_over_the_chart_sets_the_range_and_going_back_takes_it_away(visitor: Visitor) -> None:
    visit = visitor.opens("/app/usage", who=CUSTOMER)
    page = visit.page
    drag(page, 0.35, 0.52)
    page.wait_for_url(re.compile(r"range=custom&from=[^&]+T00:00Z&to=[^&]+T00:00Z"))
    zoomed = page.url
    expect(page.get_by_role("button", name="Custom")).to_have_attribute("aria-pressed", "true")
    days = page.locator(".u-summary")
    expect(days).to_contain_text(re.compile(r"requests from \w+ \d+ \w+ to"))
    told = days.inner_text()

    page.reload()
    visit.settled()
    assert page.url == zoomed
    expect(days).to_have_text(told)
    page.get_by_role("button", name="30 days").click()
    page.wait_for_url("**/app/usage?range=30d**")
    page.go_back()
    page.wait_for_url(zoomed)
    expect(days).to_have_text(told)
    page.go_back()
    page.wait_for_url("**/app/usage")
    expect(page.get_by_role("button", name="30 days")).to_have_attribute("aria-pressed", "true")


def test_a_click_on_a_bar_opens_its_requests_with_the_same_filters(visitor: Visitor) -> None:
    page = visitor.opens("/app/usage?by=status&status=ok", who=CUSTOMER).page
    box = plot(page)
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] - 4)
    page.wait_for_url(re.compile(r"/app/requests\?from=[^&]+T00:00Z&to=[^&]+T00:00Z&status=ok$"))
    expect(page.locator(ROW).first).to_be_visible()
    expect(page.locator(".l-log .s-pill").first).to_have_text("OK")
    page.go_back()
    expect(page.locator(BAR).first).to_be_visible()


def test_filters_stand_in_the_address_and_keep_focus_and_list_open(visitor: Visitor) -> None:
    page = visitor.opens("/app/usage", who=CUSTOMER).page
    page.locator("summary", has_text="Model").focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("checkbox").first
    model = box.get_attribute("value")
    box.focus()
    page.keyboard.press("Space")
    page.wait_for_url(f"**&model={model}")
    expect(page.get_by_role("checkbox").first).to_be_checked()
    expect(page.get_by_role("checkbox").first).to_be_focused()
    expect(page.get_by_role("table", name="Usage by model").get_by_role("link")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("summary", has_text=f"Model: {model}")).to_be_focused()
    page.get_by_role("button", name="Clear filters").click()
    page.wait_for_url(re.compile("view=chart$"))


def test_the_table_shows_what_the_chart_does_and_leads_to_the_requests(visitor: Visitor) -> None:
    page = visitor.opens("/app/usage?range=24h", who=CUSTOMER).page
    page.get_by_role("button", name="Show as table").click()
    page.wait_for_url("**view=table")
    table = page.get_by_role("table", name="Requests over time, by model")
    expect(table.get_by_role("row")).to_have_count(1 + 24 + 1)
    expect(table.get_by_role("row").nth(1)).to_contain_text("so far")
    table.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/app/requests\?from="))


def test_local_time_cuts_the_days_where_the_visitor_lives(visitor: Visitor) -> None:
    visit = visitor.window(who=CUSTOMER)
    context = visitor.browser.new_context(
        timezone_id="Pacific/Auckland", storage_state=visit.context.storage_state(), reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{visit.url}/app/usage?range=7d&view=table")
    page.get_by_role("button", name="Local time").click()
    page.wait_for_url("**zone=Pacific%2FAuckland")
    expect(page.locator(".u-summary")).to_contain_text("(Pacific/Auckland)")
    page.get_by_role("table", name="Requests over time").get_by_role("link").nth(2).click()
    page.wait_for_url(re.compile(r"from=[^&]+T1[12]:00Z&to=[^&]+T1[12]:00Z"))
    context.close()


def test_a_range_is_written_by_hand(visitor: Visitor) -> None:
    page = visitor.opens("/app/usage?range=24h", who=CUSTOMER).page
    page.get_by_role("button", name="Custom").click()
    end = page.get_by_label("To", exact=True).input_value()
    page.get_by_label("From", exact=True).fill(end)
    page.get_by_role("button", name="Show this range").click()
    expect(page.get_by_text("The end comes after the beginning")).to_be_visible()
    page.get_by_label("From", exact=True).fill("2026-01-01T08:00" if end > "2026-01-02" else end)
    page.get_by_role("button", name="Show this range").click()
    page.wait_for_url("**range=custom&from=2026-01-01T08:00Z**")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_panel_opens_by_keyboard_has_an_address_and_gives_the_focus_back(visitor: Visitor) -> None:
    visit = visitor.opens("/app/requests", who=CUSTOMER)
    page = visit.page
    first = page.locator(ROW).first
    first.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog")
    expect(
        panel.get_by_text("First token after").or_(panel.get_by_text("What happened")).first
    ).to_be_visible()
    page.wait_for_url(re.compile(r"/app/requests\?request=req_"))
    address = page.url
    page.keyboard.press("Escape")
    page.wait_for_url("**/app/requests")
    expect(first).to_be_focused()

    visit.page.goto(address)
    visit.settled()
    expect(panel).to_be_visible()
    request_id = address.rpartition("=")[2]
    expect(panel.get_by_text(request_id)).to_be_visible()
    panel.get_by_role("button", name="Older").click()
    expect(panel.get_by_text(request_id)).to_be_hidden()
    page.go_back()
    expect(panel.get_by_text(request_id)).to_be_visible()


def test_the_overview_leads_to_the_panel_of_a_request(visitor: Visitor) -> None:
    page = visitor.opens("/app", who=CUSTOMER).page
    page.locator(".s-card", has_text="Last requests").locator(ROW).first.click()
    page.wait_for_url(re.compile(r"/app/requests\?request=req_"))
    expect(page.get_by_role("dialog").get_by_text("Came at")).to_be_visible()


def test_pages_go_back_in_time_and_forth_again(visitor: Visitor) -> None:
    visit = visitor.opens("/app/requests", who=CUSTOMER)
    page = visit.page
    expect(page.locator(ROW)).to_have_count(50)
    newest = ids(page)
    page.get_by_role("button", name="Older").click()
    page.wait_for_url("**before=*")
    expect(page.locator(ROW).first).not_to_have_attribute("data-id", newest[0])
    older = ids(page)
    assert not set(older) & set(newest)
    page.reload()
    visit.settled()
    expect(page.locator(ROW)).to_have_count(50)
    assert ids(page) == older
    page.get_by_role("button", name="Newer").click()
    expect(page.locator(ROW).first).to_have_attribute("data-id", newest[0])
    assert ids(page) == newest
    page.go_back()
    expect(page.locator(ROW).first).to_have_attribute("data-id", older[0])


def test_the_file_comes_under_its_name_with_the_filters_of_the_page(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.opens("/app/requests?last=30d&status=error", who=CUSTOMER).page
    expect(page.locator(ROW).first).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name="Export CSV").click()
    assert re.fullmatch(
        r"starscoo-alice-example.com-\d{4}-\d\d-\d\d-to-\d{4}-\d\d-\d\d\.csv",
        started.value.suggested_filename,
    )
    started.value.save_as(tmp_path / "file.csv")
    with (tmp_path / "file.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert lines
    assert {line["status"] for line in lines} == {"error"}
    page.goto(page.url.partition("/app/")[0] + "/app/usage")
    with page.expect_download() as started:
        page.get_by_role("link", name="Export CSV").click()
    assert started.value.suggested_filename.startswith("starscoo-alice")


def test_the_first_request_shows_up_by_itself_and_later_ones_wait_for_a_press(visitor: Visitor) -> None:
    visit = visitor.opens("/")
    page = visit.page
    sign_up(visit, "explorer@example.com")
    visit.opens("/app/keys")
    secret = create_key(visit, "Explorer")
    visit.opens("/app/requests")
    expect(page.get_by_role("heading", name="No requests yet")).to_be_visible()
    _ask(visit, secret)
    expect(page.locator(ROW)).to_have_count(1)

    _ask(visit, secret)
    _ask(visit, secret)
    fresh = page.get_by_role("button", name="Show 2 new")
    expect(fresh).to_be_visible()
    expect(page.locator(ROW)).to_have_count(1)
    fresh.click()
    expect(page.locator(ROW)).to_have_count(3)
    expect(fresh).to_be_hidden()


def ids(page: Page) -> list[str | None]:
    return [row.get_attribute("data-id") for row in page.locator(ROW).all()]


def _ask(visit: Visit, secret: str) -> None:
    answer = httpx.post(
        f"{visit.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {secret}"},
        json={"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]},
        timeout=30,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text

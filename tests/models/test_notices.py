"""Troubles that last, one notice per subject."""

from models.notices import Notices


def test_a_trouble_met_again_is_the_same_notice_with_the_newest_words() -> None:
    notices = Notices()
    assert not notices
    assert notices.note("gpt-5", "the key is refused", now=100)
    assert not notices.note("gpt-5", "the credit is used up", now=160)
    (notice,) = notices.current()
    assert (notice.text, notice.since, notice.last, notice.count) == ("the credit is used up", 100, 160, 2)


def test_the_newest_trouble_comes_first_and_ends_when_its_subject_works() -> None:
    notices = Notices()
    notices.note("old", "x", now=1)
    notices.note("new", "y", now=2)
    assert [notice.subject for notice in notices.current()] == ["new", "old"]
    notices.clear("new")
    notices.clear("never heard of")
    assert [notice.subject for notice in notices.current()] == ["old"]

import pytest

from api.sse import SseEvent, SseParser, SseTooLong, event


def parsed(stream: bytes, size: int | None = None) -> list[SseEvent]:
    parser = SseParser()
    step = size or max(len(stream), 1)
    events: list[SseEvent] = []
    for start in range(0, len(stream), step):
        events += parser.feed(stream[start : start + step])
    return events + parser.close()


STREAM = (
    b": a comment\n"
    b'data: {"text":"\xc3\xa9\xe2\x82\xac"}\n\n'
    b"event: ping\r\ndata: {}\r\n\r\n"
    b"id: 7\nretry: 10\ndata:one\ndata: two\n\n"
    b"event: lonely\n\n"
    b"data: last\r\rdata: [DONE]\n\n"
)
EVENTS = [
    SseEvent("", b'{"text":"\xc3\xa9\xe2\x82\xac"}'),
    SseEvent("ping", b"{}"),
    SseEvent("", b"one\ntwo"),
    SseEvent("", b"last"),
    SseEvent("", b"[DONE]"),
]


@pytest.mark.parametrize("size", [None, 1, 2, 3, 7, 64])
def test_a_stream_gives_the_same_events_however_it_is_cut(size: int | None) -> None:
    assert parsed(STREAM, size) == EVENTS


def test_an_event_arrives_with_the_chunk_that_completes_it() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\ndata: b") == [SseEvent("", b"a")]
    assert parser.feed(b"\r\n\r") == [SseEvent("", b"b")]
    assert parser.feed(b"\ndata: c\n\n") == [SseEvent("", b"c")]


def test_an_event_without_its_blank_line_is_delivered_when_the_stream_closes() -> None:
    assert parsed(b"data: [DONE]") == [SseEvent("", b"[DONE]")]
    assert parsed(b"data: [DONE]\n") == [SseEvent("", b"[DONE]")]


def test_a_comment_or_a_name_alone_is_no_event() -> None:
    assert parsed(b": ping\n\nevent: ping\n\n") == []


def test_data_without_a_value_is_an_empty_event() -> None:
    assert parsed(b"data\n\n") == [SseEvent("", b"")]


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 100, b"data: x\n" * 20])
def test_an_event_over_the_limit_is_refused_whole_or_in_pieces(stream: bytes) -> None:
    with pytest.raises(SseTooLong):
        SseParser(limit=100).feed(stream)
    parser = SseParser(limit=100)
    for byte in stream[:100]:
        parser.feed(bytes([byte]))
    with pytest.raises(SseTooLong):
        parser.feed(stream[100:101])


def test_the_limit_counts_each_event_for_itself() -> None:
    assert len(SseParser(limit=20).feed(b"data: 0123456789\n\n" * 50)) == 50


def test_an_event_is_written_with_or_without_its_name() -> None:
    assert event(b"{}") == b"data: {}\n\n"
    assert event(b"{}", "ping") == b"event: ping\ndata: {}\n\n"
    assert parsed(event(b"{}", "ping")) == [SseEvent("ping", b"{}")]

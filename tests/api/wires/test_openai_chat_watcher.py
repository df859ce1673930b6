import json
from typing import Any

import pytest
from meanings import cuts

from api.relay import estimated
from api.sse import MAX_EVENT_BYTES
from api.wires import openai_chat
from api.wires.openai_chat.watch import ChatWatcher
from models.ledger import Usage


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-9",
        "object": "chat.completion.chunk",
        "created": 1_795_300_000,
        "model": "gpt-5-2025-08-07",
        "service_tier": "default",
        "choices": [choice],
        "usage": None,
        **fields,
    }


def sse(*chunks: dict[str, Any], end: str = "\n") -> bytes:
    lines = ("data: " + json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in chunks)
    return "".join(line + end + end for line in lines).encode()


REPORT = {
    "prompt_tokens": 100,
    "completion_tokens": 40,
    "total_tokens": 140,
    "prompt_tokens_details": {"cached_tokens": 75, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 30},
}
USAGE = Usage(input_tokens=25, cache_read_tokens=75, output_tokens=40, reasoning_tokens=30)
TEXT = sse(
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Grüße 🌍"}),
    chunk({"content": '"usage":{"prompt_tokens":1} "finish_reason":"stop" data: [DONE]\n\n"error"'}),
    chunk({"reasoning_content": "hm", "future": {"a": 1.50}}),
)
FINISH = sse(chunk(finish="length"))
REPORTED = sse(chunk(choices=[], usage=REPORT))
STREAM = TEXT + FINISH + REPORTED + openai_chat.DONE


def watched(stream: bytes | list[bytes], **options: Any) -> tuple[ChatWatcher, bytes]:
    watcher = ChatWatcher(**{"hide_usage": False, "rename": None, **options})
    chunks = [stream] if isinstance(stream, bytes) else stream
    sent = b"".join([watcher.feed(piece) for piece in chunks])
    return watcher, sent + watcher.close()


def test_g47_a_stream_passes_untouched_however_it_is_cut() -> None:
    for pieces in cuts(STREAM + b"data: {more\n\n" + STREAM):
        watcher, sent = watched(pieces)
        assert sent == TEXT + FINISH + REPORTED
        assert (watcher.usage, watcher.stop, watcher.is_finished) == (USAGE, "length", True)
        assert watcher.error is None


def test_the_end_is_withheld_until_the_row_is_written() -> None:
    watcher, sent = watched(STREAM)
    assert watcher.is_finished
    assert b"[DONE]" not in sent.replace(TEXT, b"")


def test_g41_a_usage_event_that_only_we_asked_for_is_hidden() -> None:
    for pieces in cuts(STREAM):
        watcher, sent = watched(pieces, hide_usage=True)
        assert sent == TEXT + FINISH
        assert watcher.usage == USAGE


def test_usage_in_an_event_that_says_more_is_never_hidden() -> None:
    stream = sse(chunk(finish="stop", usage=REPORT)) + openai_chat.DONE
    watcher, sent = watched(stream, hide_usage=True)
    assert sent == sse(chunk(finish="stop", usage=REPORT))
    assert watcher.usage == USAGE


def test_of_several_usage_reports_the_last_counts() -> None:
    first = sse(chunk({"content": "a"}, usage={**REPORT, "completion_tokens": 1}))
    assert watched(first + STREAM)[0].usage == USAGE


def test_events_are_passed_on_as_soon_as_they_are_whole() -> None:
    watcher = ChatWatcher(hide_usage=True, rename=None)
    event = sse(chunk({"content": "a"}))
    assert watcher.feed(event + event[:20]) == event
    assert watcher.feed(event[20:-1]) == b""
    assert watcher.feed(event[-1:]) == event


def test_wide_line_ends_and_spaced_json_are_understood() -> None:
    spaced = b"data: " + json.dumps(chunk(finish="stop", usage=REPORT)).encode() + b"\r\n\r\n"
    stream = sse(chunk({"content": "a"}), end="\r\n") + spaced + b"data: [DONE]\r\n\r\n"
    for pieces in cuts(stream):
        watcher, sent = watched(pieces)
        assert sent == stream.removesuffix(b"data: [DONE]\r\n\r\n")
        assert (watcher.usage, watcher.stop, watcher.is_finished) == (USAGE, "end", True)


def test_P_U1_what_is_neither_data_nor_a_field_stays_here() -> None:
    """Comments too: they may say anything, and the gateway's own tell that the stream lives."""
    page = b"<html>org-AbCdEfGh12</html>\n\n"
    odd = b"org-AbCdEfGh12\nid: 7\n: org-AbCdEfGh12\n" + TEXT
    watcher, sent = watched(b": org-AbCdEfGh12\n\n" + TEXT + page + odd + b": ping\n\n")
    assert sent == TEXT + b"id: 7\n" + TEXT
    assert not watcher.is_finished
    assert watcher.error is None


@pytest.mark.parametrize("last", [b"data: [DONE]", b"data: [DONE]\n", b"data:[DONE]\r\n"])
def test_an_end_without_its_blank_line_is_an_end(last: bytes) -> None:
    watcher, sent = watched(TEXT + FINISH + last)
    assert watcher.is_finished
    assert sent == TEXT + FINISH


def test_g45_a_stream_that_is_cut_is_not_finished_and_its_torn_event_is_dropped() -> None:
    watcher, sent = watched(TEXT + FINISH[:50])
    assert sent == TEXT
    assert (watcher.is_finished, watcher.stop, watcher.usage) == (False, None, None)
    whole = sse(chunk({"content": "z"}))
    assert watched(TEXT + whole.rstrip())[1] == TEXT + whole


def test_g44_an_error_is_withheld_with_all_that_follows() -> None:
    error = (
        b'data: {"error":{"message":"org-abcdefgh1234 is over its limit","code":"insufficient_quota"}}\n\n'
    )
    for pieces in cuts(TEXT + error + FINISH + openai_chat.DONE):
        watcher, sent = watched(pieces)
        assert sent == TEXT
        assert not watcher.is_finished
        assert watcher.error is not None
        assert watcher.error.kind == "upstream_unavailable"
        assert "org-" not in watcher.error.message


def test_g43_an_error_as_the_first_event_leaves_no_trace_of_output() -> None:
    watcher, sent = watched(b'data: {"error":{"code":"server_is_overloaded","message":"x"}}\n\n')
    assert (sent, watcher.output_chars) == (b"", 0)
    assert watcher.error is not None
    assert (watcher.error.kind, watcher.error.status) == ("upstream_overloaded", 503)


@pytest.mark.parametrize("error", ['"boom"', '["boom"]', '{"code":500}', '{"type":"server_error"}'])
def test_an_error_in_any_shape_is_an_error(error: str) -> None:
    watcher, _ = watched(('data: {"error":' + error + "}\n\n").encode())
    assert watcher.error is not None
    assert watcher.error.kind == "upstream_error"


def test_an_error_field_that_is_null_is_none() -> None:
    stream = sse(chunk({"content": "a"}, error=None))
    watcher, sent = watched(stream)
    assert sent == stream
    assert watcher.error is None


def test_an_event_without_end_is_given_up() -> None:
    half = b"x" * (MAX_EVENT_BYTES // 2)
    watcher, sent = watched([b"data: ", half, half])
    assert sent == b""
    assert watcher.error is not None
    assert watcher.error.kind == "upstream_error"


@pytest.mark.parametrize(
    "broken",
    [
        b'{"usage":{"prompt_tokens":1',
        b'"finish_reason":"stop"',
        b'{"choices":7}',
        b'{"choices":[],"a":"\xff"}',
        b"x",
    ],
)
def test_P_U1_what_is_no_chunk_is_an_error_after_what_came_before(broken: bytes) -> None:
    for pieces in cuts(TEXT + b"data: " + broken + b"\n\n" + TEXT):
        watcher, sent = watched(pieces)
        assert sent == TEXT
        assert watcher.error is not None
        assert watcher.error.kind == "upstream_error"
        assert (watcher.usage, watcher.stop, watcher.is_finished) == (None, None, False)


def test_the_models_name_is_replaced_and_nothing_else() -> None:
    said = chunk({"content": 'it is "model":"gpt-5" here'}, model="gpt-5-2025-08-07")
    stream = sse(said, chunk({"content": "b"}, model="gpt-5"), chunk(model="other"))
    _, sent = watched(stream, rename=("gpt-5", 'my "model"'))
    events = [json.loads(line.removeprefix(b"data: ")) for line in sent.split(b"\n\n") if line]
    assert [event["model"] for event in events] == ['my "model"', 'my "model"', "other"]
    assert events[0]["choices"] == said["choices"]


def test_a_replaced_name_is_regular_text_to_us() -> None:
    _, sent = watched(sse(chunk(model="a.b+c")), rename=("a.b+c", r"\1"))
    assert json.loads(sent.removeprefix(b"data: "))["model"] == r"\1"


def test_the_finish_reasons_are_told_in_our_words() -> None:
    for theirs, ours in (
        ("stop", "end"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("new_reason", "end"),
    ):
        assert watched(sse(chunk(finish=theirs)))[0].stop == ours


@pytest.mark.parametrize("has_padding", [False, True])
@pytest.mark.parametrize("together", [1, 4])
def test_the_output_of_a_cut_stream_is_estimated_from_the_size_of_its_events(
    has_padding: bool, together: int
) -> None:
    words = ["", *(f"word{number:04} is said " for number in range(200)), "a"]
    padding = {"obfuscation": "x" * 40} if has_padding else {}
    events = [sse(chunk({"content": word}, **padding)) for word in words]
    pieces = [b"".join(events[start : start + together]) for start in range(0, len(events), together)]
    watcher, _ = watched(pieces)
    said = len("".join(words))
    assert said <= watcher.output_chars <= said + len(words)


def test_pings_are_no_output() -> None:
    assert watched(b": ping\n\n" * 50)[0].output_chars == 0


@pytest.mark.parametrize("output_tokens", [0, 1, 2000])
def test_P_A4_a_stream_that_is_cut_after_its_report_is_metered_at_the_report(output_tokens: int) -> None:
    report = sse(chunk(choices=[], usage=REPORT | {"completion_tokens": output_tokens}))
    for pieces in ([TEXT + FINISH + report], [TEXT, FINISH, report], [TEXT, FINISH + report]):
        watcher, _ = watched(pieces)
        assert watcher.usage is not None
        seen = estimated(watcher.usage, prompt_tokens=9, output_chars=watcher.output_chars)
        assert seen.output_tokens == output_tokens
        assert (watcher.output_chars > 0) == (output_tokens > 0)


def test_what_a_cut_stream_said_after_an_early_report_is_estimated() -> None:
    early = sse(chunk(choices=[], usage=REPORT | {"completion_tokens": 0}))
    watcher, _ = watched([early, TEXT])
    assert watcher.output_chars > 0

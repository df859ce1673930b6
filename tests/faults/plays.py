"""The ways in which an upstream breaks. A play gets a call and does something wrong to its connection."""

import asyncio
import gzip
import json
import threading

from faults import answers
from faults.server import Call, Play

CANARY = "org-AbCdEfGh12 sk-canary1234567890"
"""What an upstream says of the operator; no client may ever see it."""
MEGABYTE = b"x" * 2**20
HUGE_BYTES = 100 * 2**20
BOMB = gzip.compress(bytes(HUGE_BYTES), 1)


# --- before the headers are there ------------------------------------------------------------------------


async def silent(call: Call) -> None:
    """Takes the request and never says a word."""
    await call.hung_up()


async def slow_headers(call: Call) -> None:
    """A byte at a time, for ever: no silence is ever long."""
    await call.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await call.send(b"X")
        if await call.gone_within(0.01):
            return


async def reset_before_headers(call: Call) -> None:
    call.reset()


async def closed_before_headers(call: Call) -> None:
    pass


async def closed_within_headers(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/ev")


async def no_http(call: Call) -> None:
    await call.send(f"SSH-2.0-OpenSSH {CANARY}\r\n\r\n".encode())


async def many_headers(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\n", *(b"X-%d: y\r\n" % number for number in range(10**5)), b"\r\n")
    await call.hung_up()


async def long_header(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nX-Long: ", *[MEGABYTE] * 8, b"\r\n\r\n")
    await call.hung_up()


async def long_status_line(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 ", *[MEGABYTE] * 8, b"\r\n\r\n")
    await call.hung_up()


async def switching_protocols(call: Call) -> None:
    await call.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    await call.hung_up()


async def early_hints(call: Call) -> None:
    await call.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    await well(call)


async def hints_and_silence(call: Call) -> None:
    await call.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    await call.hung_up()


async def hints_for_ever(call: Call) -> None:
    while not await call.gone_within(0.01):
        await call.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")


# --- another status --------------------------------------------------------------------------------------


def status(code: int, body: bytes = b"", **headers: str) -> Play:
    """`headers` with underscores for hyphens."""

    async def play(call: Call) -> None:
        rows = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
        rows.append("Connection: close\r\n")
        if code != 204:
            rows.append(f"Content-Length: {len(body)}\r\n")
        await call.send(f"HTTP/1.1 {code} Odd\r\n{''.join(rows)}\r\n".encode(), body)

    return play


def refused(code: int, **headers: str) -> Play:
    """An error in the vendor's own shape that tells more than it should."""

    async def play(call: Call) -> None:
        error = {"message": f"{CANARY} is at fault", "type": "some_error", "code": None, "param": None}
        body = json.dumps({"type": "error", "error": error}).encode()
        await status(code, body, Content_Type="application/json", **headers)(call)

    return play


def huge_refusal(code: int) -> Play:
    async def play(call: Call) -> None:
        head = (
            f"HTTP/1.1 {code} Odd\r\nContent-Type: application/json\r\nContent-Length: {HUGE_BYTES}\r\n\r\n"
        )
        await call.send(head.encode(), *[MEGABYTE] * (HUGE_BYTES // 2**20))

    return play


# --- a 200 that is none ----------------------------------------------------------------------------------

PAGE = f"<html><body>cloudflare: {CANARY}</body></html>".encode()


async def page(call: Call) -> None:
    await status(200, PAGE, Content_Type="text/html")(call)


async def page_that_says_it_is_right(call: Call) -> None:
    await _whole(call, PAGE)


async def empty(call: Call) -> None:
    await _whole(call, b"")


async def wrong_type(call: Call) -> None:
    kind = "text/html" if call.is_stream else "text/plain"
    await _whole(call, _right_body(call), kind)


async def encoded(call: Call) -> None:
    """A bomb: a hundred kilobytes that become a hundred megabytes."""
    await status(200, BOMB, Content_Type=_kind(call), Content_Encoding="gzip")(call)


async def truncated_json(call: Call) -> None:
    """Half a body that says it is whole; in a stream the fourth event breaks off inside of its JSON."""
    if not call.is_stream:
        body = answers.plain(call.wire)
        return await _whole(call, body[: len(body) // 2])
    made = answers.events(call.wire)
    made[4] = made[4][: len(made[4]) // 2] + b"\n\n"
    return await _whole(call, b"".join(made))


def broken_text(broken: bytes, before: bytes = b"dear ") -> Play:
    """Bytes inside a JSON string that no JSON may hold."""

    async def play(call: Call) -> None:
        await _whole(call, _right_body(call).replace(before, broken))

    return play


async def odd_shape(call: Call) -> None:
    """JSON, but of none of the shapes that the wire knows."""
    if not call.is_stream:
        return await _whole(
            call, b'{"choices":7,"output":7,"content":7,"type":"message","status":"completed"}'
        )
    made = answers.events(call.wire)
    kind = json.loads(made[3].split(b"data: ")[1])
    for key in ("choices", "delta"):
        if key in kind:
            kind[key] = 7
    made[3] = b"data: " + json.dumps(kind).encode() + b"\n\n"
    return await _whole(call, b"".join(made))


async def malformed_events(call: Call) -> None:
    """Lines that are no fields, data that is no JSON."""
    if not call.is_stream:
        return await _whole(call, b"{{{" + answers.plain(call.wire))
    made = answers.events(call.wire)
    made[4:4] = [b"data: {]\n\n", f"{CANARY}\n\n".encode()]
    return await _whole(call, b"".join(made))


def huge_body(call: Call) -> bytes:
    return b'{"a":"' if not call.is_stream else b'data: {"a":"'


async def huge_chunk(call: Call) -> None:
    """One event, or one answer, of 100 MB, in one chunk."""
    await send_head(call)
    await call.send(b"%x\r\n" % HUGE_BYTES, huge_body(call), *[MEGABYTE] * (HUGE_BYTES // 2**20))
    await call.hung_up()


async def endless_small_events(call: Call) -> None:
    """No event is long, but they never end. Comments in a stream, white space in a plain answer."""
    await send_head(call)
    block = (b": " + b"still here" * 100 + b"\n\n") * 100 if call.is_stream else b" " * 100_000
    while True:
        await call.send(b"%x\r\n" % len(block), block, b"\r\n")


def many_small(element: bytes) -> Play:
    """Fifteen megabytes of the smallest elements where the wire has a list: in memory each is far larger."""

    async def play(call: Call) -> None:
        elements = element + (b"," + element) * (15 * 2**20 // (len(element) + 1))
        keys = {
            "chat": b'"choices":[',
            "responses": b'"status":"completed","output":[',
            "messages": b'"content":[',
        }
        body = b'{"type":"message",' + keys[call.wire] + elements + b"]}"
        if call.is_stream and call.wire == "responses":
            body = b'{"type":"response.completed","response":' + body + b"}"
        await _whole(call, b"data: " + body[: 7 * 2**20] + b"\n\n" if call.is_stream else body)

    return play


async def many_small_in_an_error(call: Call) -> None:
    """The same in an error, as a status or as an event."""
    error = b'{"type":"error","error":{"a":[' + b"[]," * (2 * 2**20) + b"[]]}}"
    if call.is_stream:
        await _whole(call, b"data: " + error + b"\n\n")
    else:
        await status(500, error, Content_Type="application/json")(call)


# --- an answer that breaks off ---------------------------------------------------------------------------


async def well(call: Call) -> None:
    await _whole(call, _right_body(call))


async def dribble(call: Call) -> None:
    """Everything is right, one byte at a time."""
    await send_head(call)
    for byte in _right_body(call):
        await call.send(b"1\r\n%c\r\n" % byte)
    await call.send(b"0\r\n\r\n")


async def stalled_after_headers(call: Call) -> None:
    await send_head(call)
    await call.hung_up()


async def stalled(call: Call) -> None:
    await _begun(call)
    await call.hung_up()


async def reset_in_the_middle(call: Call) -> None:
    await _begun(call)
    call.reset()


async def closed_in_the_middle(call: Call) -> None:
    await _begun(call)


async def ended_without_end_event(call: Call) -> None:
    """As HTTP all is well, but the wire's own end is missing."""
    await _begun(call)
    await call.send(b"0\r\n\r\n")


async def bad_chunk_size(call: Call) -> None:
    await _begun(call)
    await call.gone_within(0.05)  # else it may come with the headers, and spoil them
    await call.send(f"zz {CANARY}\r\n\r\n".encode())
    await call.hung_up()


async def left_open(call: Call) -> None:
    """The wire's end comes, the end of the HTTP answer does not."""
    await send_head(call)
    await send_chunk(call, _right_body(call))
    await call.hung_up()


async def talks_on(call: Call) -> None:
    """More events after the end."""
    made = _right_body(call)
    await _whole(call, made + answers.events(call.wire)[3] if call.is_stream else made)


def error_event(*, after_words: bool, kind: str = "server_error") -> Play:
    async def play(call: Call) -> None:
        if not call.is_stream:
            error = {"message": f"{CANARY} is at fault", "type": kind}
            return await _whole(call, json.dumps({"error": error}).encode())
        made = answers.events(call.wire)[: answers.first_word_at(call.wire) + 2 if after_words else 0]
        return await _whole(call, b"".join([*made, _error(call, kind)]))

    return play


async def unknown_events(call: Call) -> None:
    """What a vendor may add tomorrow: events, fields and comments that nobody knows."""
    made = answers.events(call.wire)
    if not call.is_stream:
        return await _whole(call, b'{"novel":[{"a":1}],' + answers.plain(call.wire)[1:])
    if call.wire == "chat":
        novel = b": a comment\n\nid: 7\nretry: 10\ndata: " + made[0].removeprefix(b"data: ")
    else:
        novel = b'event: novel.thing\ndata: {"type":"novel.thing","a":[1]}\n\n: a comment\n\n'
    return await _whole(call, b"".join([made[0], novel, *made[1:]]))


class Flood:
    """Writes words as fast as it can, for ever. `all_held` is set when as many connections as expected take no
    more."""

    def __init__(self, expected: int = 1) -> None:
        self.all_held = threading.Event()
        self._left = expected

    async def __call__(self, call: Call) -> None:
        await send_head(call)
        events = answers.events(call.wire)
        at = answers.first_word_at(call.wire)
        await send_chunk(call, b"".join(events[:at]))
        word = events[at].replace(answers.WORDS[0].encode(), b"word " * 200)
        is_held = False
        while True:
            sending = asyncio.ensure_future(send_chunk(call, word))
            done, _ = await asyncio.wait({sending}, timeout=0.5)
            if not done and not is_held:
                is_held = True
                self._left -= 1
                if not self._left:
                    self.all_held.set()
            await sending


# --- parts -----------------------------------------------------------------------------------------------


def _kind(call: Call) -> str:
    return "text/event-stream" if call.is_stream else "application/json"


def _right_body(call: Call) -> bytes:
    return b"".join(answers.events(call.wire)) if call.is_stream else answers.plain(call.wire)


async def _whole(call: Call, body: bytes, kind: str = "") -> None:
    facts = {"openai_organization": CANARY, "Set_Cookie": f"a={CANARY.split()[0]}", "X_Request_Id": "req_up"}
    await status(200, body, Content_Type=kind or _kind(call), **facts)(call)


async def send_head(call: Call) -> None:
    rows = (f"Content-Type: {_kind(call)}", "Transfer-Encoding: chunked", "Connection: close")
    await call.send("\r\n".join(["HTTP/1.1 200 OK", *rows, "", ""]).encode())


async def send_chunk(call: Call, body: bytes) -> None:
    await call.send(b"%x\r\n%b\r\n" % (len(body), body))


async def _begun(call: Call) -> None:
    """Headers, and an answer up to its second word or its middle."""
    await send_head(call)
    if call.is_stream:
        for event in answers.events(call.wire)[: answers.first_word_at(call.wire) + 2]:
            await send_chunk(call, event)
    else:
        body = answers.plain(call.wire)
        await send_chunk(call, body[: len(body) // 2])


def _error(call: Call, kind: str) -> bytes:
    message = f"{CANARY} is at fault"
    if call.wire == "chat":
        body: object = {"error": {"message": message, "type": kind, "param": None, "code": None}}
    elif call.wire == "responses":
        body = {"type": "error", "sequence_number": 9, "code": kind, "message": message, "param": None}
    else:
        kind = {"server_error": "api_error"}.get(kind, kind)
        body = {"type": "error", "error": {"type": kind, "message": message}}
    name = b"" if call.wire == "chat" else b"event: error\n"
    return name + b"data: " + json.dumps(body).encode() + b"\n\n"

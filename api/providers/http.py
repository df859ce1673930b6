"""The one pooled HTTP client of all providers, and a provider that is made of a base URL, headers and paths.

aiohttp, because httpx costs ten times as much per call and loses pool slots when calls are cancelled. Nothing
of the environment is used (no proxy variables, no .netrc), redirects are not followed, cookies are not kept,
and only `identity` is asked for, so that bytes can be passed through. Whether another try is made after a failure is
not decided here; what the vendor's side can cost is bounded: number and size of headers, bytes read ahead, time.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

from api.providers.base import (
    MAX_REPLY_BYTES,
    Access,
    Timeouts,
    UpstreamCall,
    UpstreamFailure,
    UpstreamReply,
)
from api.types import WireName

READ_BYTES: Final = 64 * 1024
"""Read ahead of the client: twice as much at most, then the upstream is held back."""
MAX_HEADERS: Final = 128
MAX_HEADER_BYTES: Final = 8 * 1024
"""Of one header, and of the status line."""


class _Handler(ResponseHandler):
    """Where the framing of a body breaks, aiohttp 3.14.5 closes the connection and tells nobody: the error goes to the
    queue of messages alone, the clock of silence stops, and whoever reads the body waits for ever."""

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        super().set_exception(exc, *cause)
        body = self._payload
        if body is not None and not body.is_eof() and body.exception() is None:
            is_known = isinstance(exc, aiohttp.ClientError | OSError)
            body.set_exception(exc if is_known else aiohttp.ClientPayloadError(repr(exc)))


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = partial(_Handler, loop=self._loop)  # type: ignore[assignment]


class Transport:
    """Owns the client session; made inside the running loop by `start`."""

    def __init__(self, timeouts: Timeouts = Timeouts()) -> None:  # noqa: B008  frozen
        self._timeouts = timeouts
        connect = timeouts.connect
        self._streamed = aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect)
        self._whole = aiohttp.ClientTimeout(total=timeouts.total, connect=connect, sock_connect=connect)
        self._session: aiohttp.ClientSession | None = None

    @property
    def in_use(self) -> int:
        """Connections that carry a call right now."""
        connector = self._session.connector if self._session is not None else None
        return 0 if connector is None else len(connector._acquired)

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=0, keepalive_timeout=30, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            read_bufsize=READ_BYTES,
            max_headers=MAX_HEADERS,
            max_field_size=MAX_HEADER_BYTES,
            max_line_size=MAX_HEADER_BYTES,
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, is_whole: bool = False
    ) -> "HttpReply":
        """One POST. Raises UpstreamFailure `upstream_timeout` or `upstream_error` when no answer comes."""
        session, limits = self._session, self._timeouts
        if session is None:
            raise UpstreamFailure("upstream_unavailable", "the upstream client is not running")
        timeout = self._whole if is_whole else self._streamed
        try:
            # Around all of it: the client's own clock runs only once the request is taken, starts anew with each byte
            # of the headers, and stops at an informational answer.
            async with asyncio.timeout(limits.connect + limits.first_byte):
                response = await session.post(
                    url, data=body, headers=headers, allow_redirects=False, timeout=timeout
                )
        except TimeoutError as error:
            raise UpstreamFailure("upstream_timeout", f"no answer in time: {_described(error)}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamFailure("upstream_error", f"no answer: {_described(error)}") from error
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding not in ("identity", ""):
            response.close()
            raise UpstreamFailure(
                "upstream_error", f"the answer is encoded as {encoding!r}, identity was asked"
            )
        connection = response.connection  # None when the whole answer is here
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = limits.idle
            connection.protocol.start_timeout()
        return HttpReply(response)


class HttpReply:
    """An UpstreamReply over one aiohttp response."""

    is_second = False

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := await self.next_chunk():
            size += len(piece)
            if size > MAX_REPLY_BYTES:
                self.close()
                raise UpstreamFailure("upstream_error", f"the answer passed {MAX_REPLY_BYTES} bytes")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def next_chunk(self) -> bytes:
        content = self._response.content
        try:
            return await content.readany()
        except TimeoutError as error:
            raise UpstreamFailure("upstream_timeout", f"the answer stalled: {_described(error)}") from error
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            # aiohttp drops what came before a failure and was not read yet; the next call finds the failure again.
            if rest := content._read_nowait(-1):
                return rest
            raise UpstreamFailure(
                "upstream_disconnected", f"the answer broke off: {_described(error)}"
            ) from error

    def close(self) -> None:
        # aiohttp gives a connection back by itself once the body was read to its end; close() then does
        # nothing.
        self._response.close()


def _described(error: Exception) -> str:
    """For the log. What the system says of a connection is told in full; of other errors the text may hold the headers
    of the request, the credential among them, or a piece of the answer."""
    kind = type(error).__name__
    is_of_the_system = isinstance(error, OSError) and not isinstance(error, aiohttp.ServerDisconnectedError)
    return f"{kind}: {error}" if is_of_the_system else kind


class ReadReply:
    """An UpstreamReply whose body was read already."""

    is_second = False

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self._body = body

    async def read(self) -> bytes:
        return self._body

    async def next_chunk(self) -> bytes:
        body, self._body = self._body, b""
        return body

    def close(self) -> None:
        pass


class HttpProvider:
    """A vendor reached over HTTP: base URL, fixed headers (the credential among them), and a path per
    wire."""

    def __init__(
        self,
        name: str,
        transport: Transport,
        access: Access,
        *,
        headers: Mapping[str, str],
        paths: Mapping[WireName, str],
    ) -> None:
        self.name = name
        self.is_available = access.is_open
        self._transport = transport
        self._headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "starscoo",
            **headers,
        }
        self._stream_headers = {**self._headers, "Accept": "text/event-stream"}
        self._urls = {wire: access.base_url.rstrip("/") + path for wire, path in paths.items()}

    async def send(self, call: UpstreamCall) -> UpstreamReply:
        headers = self._stream_headers if call.is_stream else self._headers
        return await self._transport.post(self._urls[call.wire], headers, call.body, is_whole=call.is_whole)

"""The one pooled HTTP client of all providers, and a provider that is made of a base URL, headers and paths.

aiohttp, because httpx costs ten times as much per call and loses pool slots when calls are cancelled. Nothing
of the environment is used (no proxy variables, no .netrc), redirects are not followed, cookies are not kept,
and only `identity` is asked for, so that bytes can be passed through. A connection that the vendor had closed
while it lay idle is replaced once, before anything of an answer was seen.
"""

import asyncio
import errno
from collections.abc import Mapping
from typing import Final

import aiohttp

from api.providers.base import MAX_REPLY_BYTES, Access, UpstreamCall, UpstreamFailure, UpstreamReply
from api.types import WireName

CONNECT_SECONDS: Final = 10


class Transport:
    """Owns the client session; made inside the running loop by `start`. `idle_seconds` is how long an
    upstream may be silent before it is given up (plain calls of reasoning models are silent for minutes)."""

    def __init__(self, *, idle_seconds: float) -> None:
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=idle_seconds or None
        )
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> "HttpReply":
        """One POST. Raises UpstreamFailure `upstream_timeout` or `upstream_error` when no answer comes."""
        if self._session is None:
            raise UpstreamFailure("upstream_unavailable", "the upstream client is not running")
        try:
            return await self._post_once(self._session, url, headers, body)
        except (aiohttp.ServerDisconnectedError, ConnectionResetError):
            pass
        except TimeoutError as error:
            raise UpstreamFailure("upstream_timeout", f"no answer in time: {error!r}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if not _was_reset(error):
                raise UpstreamFailure("upstream_error", f"no answer: {error!r}") from error
        try:
            return await self._post_once(self._session, url, headers, body)
        except TimeoutError as error:
            raise UpstreamFailure("upstream_timeout", f"no answer in time: {error!r}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamFailure("upstream_error", f"no answer: {error!r}") from error

    @staticmethod
    async def _post_once(
        session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: bytes
    ) -> "HttpReply":
        response = await session.post(url, data=body, headers=headers, allow_redirects=False)
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding not in ("identity", ""):
            response.close()
            raise UpstreamFailure(
                "upstream_error", f"the answer is encoded as {encoding!r}, identity was asked"
            )
        return HttpReply(response)


def _was_reset(error: Exception) -> bool:
    """Whether an established connection was reset, as balancers do to idle ones."""
    is_established = isinstance(error, aiohttp.ClientOSError) and not isinstance(
        error, aiohttp.ClientConnectorError
    )
    return is_established and getattr(error, "errno", None) in (errno.ECONNRESET, errno.EPIPE)


class HttpReply:
    """An UpstreamReply over one aiohttp response."""

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
        try:
            return await self._response.content.readany()
        except aiohttp.ServerTimeoutError as error:
            raise UpstreamFailure("upstream_timeout", f"the answer stalled: {error!r}") from error
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            raise UpstreamFailure("upstream_disconnected", f"the answer broke off: {error!r}") from error

    def close(self) -> None:
        # aiohttp gives a connection back by itself once the body was read to its end; close() then does
        # nothing.
        self._response.close()


class ReadReply:
    """An UpstreamReply whose body was read already."""

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
        return await self._transport.post(self._urls[call.wire], headers, call.body)

"""Posting over HTTP: one request within a time limit, every failure a value, no secret in its words.

What is posted, what the answer means and whether it is posted again belongs to the callers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

from analysis.errors import ProviderUnavailable, QueryError
from analysis.http.exchange import HttpAnswer, HttpRequest, exchange
from analysis.http.transport import Client
from analysis.secrecy import origin, shown_text, userinfo

#: How much of a foreign text is shown, in characters.
SHOWN_LENGTH = 1024
#: How much of an answer is shown from, and how much is read at most, in bytes.
_KEPT_BYTES = 16 * 1024
_READ_BYTES = 1024 * 1024
#: These say how a request is framed: only the client knows.
_FRAMING = ("Connection", "Content-Length", "Transfer-Encoding")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of one request."""

    status: int | None
    """None where no whole answer came."""
    body: str
    """The beginning of the answer's body as one printable line."""
    reason: str
    """Why the request did not succeed, in words; the body where it did."""
    transient: bool
    """Whether the same request may succeed later."""
    retry_after: float | None = None
    """What the receiver asked to wait for, in seconds."""
    content: bytes = field(default=b"", repr=False)
    """The answer's body as it came; it may hold secrets."""

    @property
    def succeeded(self) -> bool:
        """Whether the answer is any 2xx."""
        return self.status is not None and 200 <= self.status < 300


async def post(
    client: Client,
    address: str,
    *,
    content: bytes,
    headers: Mapping[str, str],
    limit: timedelta,
    secrets: Iterable[str] = (),
    shown: bool = True,
    method: str = "POST",
) -> Reply:
    """Post once, and read the answer to its end, all within the time limit.

    Of an answer that is not `shown` the body is left out. Secrets, and those that the address
    holds, are hidden in every text.
    """
    hidden = (*secrets, *userinfo(address))
    for name in _FRAMING:
        if name.lower() in (each.lower() for each in headers):
            return _unsent(f"the header {name} is set by the call itself; remove it")
    request = HttpRequest(
        method=method,
        address=address,
        where=origin(address),
        content=content,
        headers=tuple(headers.items()),
        seconds=limit.total_seconds(),
        most_bytes=_READ_BYTES,
        compressed=False,
        secrets=hidden,
    )
    try:
        answer = await exchange(client, request)
    except QueryError as error:
        return _unsent(str(error))
    except ProviderUnavailable as error:
        return _unanswered(str(error))
    return _answered(answer, _shown(answer, hidden) if shown else "", request.where)


def _unsent(reason: str) -> Reply:
    return Reply(status=None, body="", reason=reason, transient=False)


def _unanswered(reason: str) -> Reply:
    return Reply(status=None, body="", reason=reason, transient=True)


def _answered(answer: HttpAnswer, body: str, where: str) -> Reply:
    status = answer.status
    told = f"{where} answers {status}{_phrase(status)}" + (f": {body}" if body else "")
    if 300 <= status < 400:
        where_to = origin(answer.location) if answer.location else where
        told += f" (it redirects to {where_to}; redirects are not followed, write that address)"
    return Reply(
        status=status,
        body=body,
        reason=body if 200 <= status < 300 else told,
        transient=status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500,
        retry_after=answer.retry_after,
        content=answer.body,
    )


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _shown(answer: HttpAnswer, hidden: tuple[str, ...]) -> str:
    """Show the beginning of an answer as one line."""
    text = answer.body[:_KEPT_BYTES].decode(errors="replace")
    cut = len(answer.body) > _KEPT_BYTES or not answer.whole
    return shown_text(text, hidden, length=SHOWN_LENGTH, cut=cut)

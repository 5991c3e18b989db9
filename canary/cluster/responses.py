"""What the API server's responses mean: documents, errors, when to ask again, events of a watch.

How they are asked for is in `connection.py`.
"""

from collections.abc import AsyncIterable, AsyncIterator, Mapping

import orjson

from canary.api.kinds import Manifest
from canary.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unreachable,
)

TOO_MANY_REQUESTS_SECONDS = 1.0
"""How long to wait where the server is overrun and does not say for how long."""
SHOWN_BYTES = 200

_ERRORS: Mapping[int, type[ClusterError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}


def document(asked: str, content: bytes) -> Manifest:
    """Decode the body of a success.

    Raises:
        Unreachable: it is no JSON object: something other than an API server answers.
    """
    try:
        decoded = orjson.loads(content)
    except ValueError as error:
        raise Unreachable(f"not JSON: {_shown(content)}", asked=asked) from error
    if not isinstance(decoded, dict):
        raise Unreachable(f"not an object: {_shown(content)}", asked=asked)
    return decoded


def failure(asked: str, status: int, content: bytes) -> ClusterError:
    """Make an error of a response, with what the server says about it."""
    try:
        message = str(orjson.loads(content).get("message", ""))
    except (ValueError, AttributeError):
        message = _shown(content)
    return _ERRORS.get(status, Unreachable)(f"{status}: {message}", asked=asked)


def retry_after(status: int, headers: Mapping[str, str]) -> float | None:
    """Tell in how many seconds to ask again; None where that does not help, or is not wanted."""
    if status not in {429, 500, 502, 503, 504}:
        return None
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    return TOO_MANY_REQUESTS_SECONDS if status == 429 else None


async def lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Cut a stream into lines of any length; half a line at its end is dropped."""
    parts: list[bytes] = []
    async for chunk in chunks:
        first, *more = chunk.split(b"\n")
        parts.append(first)
        for part in more:
            line = b"".join(parts)
            parts = [part]
            if line.strip():
                yield line


def event(asked: str, line: bytes) -> tuple[str, Manifest]:
    """Decode an event of a watch: its type and its object.

    Raises:
        ClusterError: the server reports an error in the stream; `Gone` for a version too old.
        Unreachable: the line is no event.
    """
    try:
        decoded = orjson.loads(line)
        type_, manifest = decoded["type"], decoded["object"]
        if type_ == "ERROR":
            raise failure(asked, manifest.get("code", 500), orjson.dumps(manifest))
        manifest["metadata"]["resourceVersion"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreachable(f"not an event: {_shown(line)}", asked=asked) from error
    return type_, manifest


def _shown(content: bytes) -> str:
    return content[:SHOWN_BYTES].decode(errors="replace")

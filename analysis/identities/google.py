"""Identities of Google: tokens for a service account's key, or for the controller's own account.

google-auth signs for a key, and finds the controller's account. It is imported when it is needed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson

from analysis.errors import LoginRefused, ProviderUnavailable, QueryError
from analysis.identities.oauth2 import Post
from analysis.identities.tokens import Token, read_token

#: Where keys are turned into tokens. A key names a place of its own, which its author chose.
TOKEN_ADDRESS = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
#: Where tokens of the controller's own account may go.
HOST = "monitoring.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/monitoring.read"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def check() -> None:
    """Find out whether there can be tokens.

    Raises:
        QueryError: google-auth is not installed.
    """
    try:
        import google.auth.jwt  # noqa: F401 - to find out
    except ImportError as error:
        raise QueryError(
            "requests to Google are let in by google-auth, which is not installed; "
            "install tidegate[google]"
        ) from error


def signed(key: str, now: float, address: str = TOKEN_ADDRESS) -> str:
    """Sign a request for a token with a service account's key (RFC 7523).

    Raises:
        QueryError: it is no such key.
    """
    from google.auth import jwt
    from google.auth.crypt import RSASigner

    try:
        info = orjson.loads(key)
        claims = {
            "iss": info["client_email"],
            "scope": SCOPE,
            "aud": address,
            "iat": int(now),
            "exp": int(now) + 3600,
        }
        return str(jwt.encode(RSASigner.from_service_account_info(info), claims).decode())
    except (ValueError, LookupError, TypeError) as error:
        raise QueryError(
            "serviceAccountKey of the Secret is no key of a service account; write the JSON that "
            "Google gives"
        ) from error


def of_key(key: str, post: Post, address: str = TOKEN_ADDRESS) -> Callable[[], Awaitable[Token]]:
    """Give what fetches tokens for a service account's key."""

    async def fetch() -> Token:
        now = datetime.now(UTC).timestamp()
        assertion = await asyncio.to_thread(signed, key, now, address)
        answer = await post(address, {"grant_type": _GRANT, "assertion": assertion})
        return read_token(answer, address)

    return fetch


async def own() -> Token:
    """Fetch a token of the controller's own account.

    Raises:
        LoginRefused: it has none.
        ProviderUnavailable: it cannot be had now.
    """
    return await asyncio.to_thread(_own)


def _own() -> Token:
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials = _account()
        credentials.refresh(Request())
    except DefaultCredentialsError as error:
        raise LoginRefused(
            "the controller has no account of Google; bind its service account to one, or give "
            "serviceAccountKey in a Secret"
        ) from error
    except GoogleAuthError as error:
        raise ProviderUnavailable(
            f"no token for the controller's account of Google: {type(error).__name__}"
        ) from error
    left = (credentials.expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    return Token(str(credentials.token), max(left, 1.0))


@cache
def _account() -> Any:
    import google.auth

    return google.auth.default(scopes=[SCOPE])[0]

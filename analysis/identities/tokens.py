"""Tokens that expire: fetched once for all who need one, and again before their end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import orjson

from analysis.authentication import bearer
from analysis.errors import LoginRefused, ProviderUnavailable
from analysis.http.exchange import HttpAnswer, Outgoing

#: A token is renewed so long before its end, in seconds.
MARGIN = 60.0
#: How long a token is good for that does not say, in seconds.
UNSAID = 300.0


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and for how many seconds it is good."""

    value: str
    seconds: float

    def __repr__(self) -> str:
        """Show nothing of it."""
        return f"Token(..., seconds={self.seconds})"


class TokenSigner:
    """Presents a bearer token that is fetched when it is needed."""

    def __init__(self, fetch: Callable[[], Awaitable[Token]]) -> None:
        self._fetch = fetch
        self._fetching = asyncio.Lock()
        self._token: Token | None = None
        self._until = 0.0

    async def __call__(self, _request: Outgoing) -> Mapping[str, str]:
        """Give the token as a header.

        Raises:
            LoginRefused: no token is given to these credentials.
            ProviderUnavailable: there is none now.
        """
        async with self._fetching:
            now = asyncio.get_running_loop().time()
            if self._token is None or now >= self._until:
                self._token = await self._fetch()
                self._until = now + max(self._token.seconds - MARGIN, self._token.seconds / 2)
            return dict([bearer(self._token.value)])

    def renew(self) -> None:
        """Fetch another token next time: the store has refused this one."""
        self._token = None


def read_token(answer: HttpAnswer, where: str) -> Token:
    """Read what a token endpoint answers (RFC 6749, section 5).

    Raises:
        LoginRefused: it gives no token to these credentials.
        ProviderUnavailable: it gives none now, or no answer of its kind.
    """
    try:
        payload = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        payload = None
    match payload:
        case {"access_token": str(value), **more} if answer.status == 200 and value:
            match more.get("expires_in"):
                case int(seconds) | float(seconds) if seconds > 0:
                    return Token(value, float(seconds))
                case _:
                    return Token(value, UNSAID)
        case {"error": str(code)} if answer.status in {400, 401, 403}:
            raise LoginRefused(f"{where} gives no token: {code[:100]}; check the credentials")
        case _ if answer.status in {400, 401, 403}:
            raise LoginRefused(f"{where} answers {answer.status}; check the credentials")
        case _:
            raise ProviderUnavailable(f"{where} answers {answer.status}, without a token")

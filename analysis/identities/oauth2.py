"""OAuth 2.0: tokens for the credentials of a client (RFC 6749, section 4.4)."""

from collections.abc import Awaitable, Callable, Mapping

from analysis.authentication import basic
from analysis.http.exchange import HttpAnswer
from analysis.identities.tokens import Token, read_token
from analysis.secrecy import shown_address

#: The keys of a Secret that hold a client.
KEYS = ("client_id", "client_secret")

Post = Callable[..., Awaitable[HttpAnswer]]
"""Posts a form to an address; takes headers as a third argument."""


def client_credentials(
    keys: Mapping[str, str], address: str, post: Post, *, more: Mapping[str, str]
) -> Callable[[], Awaitable[Token]]:
    """Give what fetches tokens at an address; `more` are scopes and the like."""

    async def fetch() -> Token:
        login = dict([basic(keys["client_id"], keys["client_secret"])])
        answer = await post(address, {"grant_type": "client_credentials", **more}, login)
        return read_token(answer, shown_address(address))

    return fetch

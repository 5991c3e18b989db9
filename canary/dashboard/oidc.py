"""OpenID Connect: what is asked of an issuer, and what its ID tokens must say to be believed.

The authorization code flow with PKCE (RFC 7636). An ID token is verified as OpenID Connect Core 1.0,
section 3.1.3.7, has it: its signature by a key of the issuer, the issuer, the audience, the nonce, and
its times. No message has a token or a code in it.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Signatures by a key that only the issuer has; never one by a secret that is shared, or none."""
LEEWAY_SECONDS = 30
"""How far the clocks of the issuer and of this machine may be apart."""
KEPT_SECONDS = 3_600.0
"""How long what an issuer publishes of itself is kept."""
_AGAIN_SECONDS = 60.0
"""How soon its keys are asked for again because a token names one that is not known."""
_LARGEST_ANSWER = 1024 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=10.0)


class OidcRefused(Exception):
    """The person is not logged in; says why, in words for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcClient:
    """What the dashboard is at an issuer."""

    issuer: str
    """Its address, as its tokens spell it."""
    client_id: str
    client_secret: str = field(default="", repr=False)
    """Empty for a public client."""
    redirect_url: str
    """Where the issuer sends people back to."""
    scopes: tuple[str, ...] = ()
    """What is asked for beside `openid`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """An ID token that was verified."""

    text: str = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    """What it says of the person."""
    ends: float
    """When it expires, in seconds since 1970."""


def secure(address: str) -> bool:
    """Tell whether an address is reached by TLS, or on this machine."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and _loopback(parts.hostname or "")


def challenge(verifier: str) -> str:
    """Give what the issuer gets of a PKCE verifier at first."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Issuer:
    """Asks one issuer, and verifies what it says."""

    def __init__(
        self, client: OidcClient, http: aiohttp.ClientSession, clock: Callable[[], float]
    ) -> None:
        self.client = client
        self._http = http
        self._clock = clock
        self._described: tuple[float, Mapping[str, Any]] = (float("-inf"), {})
        self._keys: tuple[float, KeySet] = (float("-inf"), KeySet([]))

    async def login_address(self, *, state: str, nonce: str, verifier: str) -> str:
        """Give the address at which a person logs in.

        Raises:
            OidcRefused: the issuer cannot be asked.
        """
        endpoint = await self._endpoint("authorization_endpoint")
        asked = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_url,
            "scope": " ".join(("openid", *self.client.scopes)),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    async def exchange(self, code: str, *, nonce: str, verifier: str) -> IdToken:
        """Exchange a code for an ID token, and verify it.

        Raises:
            OidcRefused: the issuer gives none, or it cannot be believed.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_url,
            "code_verifier": verifier,
        }
        headers = {}
        if not self.client.client_secret:
            form["client_id"] = self.client.client_id
        elif await self._by_form():
            form |= {
                "client_id": self.client.client_id,
                "client_secret": self.client.client_secret,
            }
        else:
            pair = (quote_plus(self.client.client_id), quote_plus(self.client.client_secret))
            headers["Authorization"] = aiohttp.encode_basic_auth(*pair)
        endpoint = await self._endpoint("token_endpoint")
        answer = await self._asked("POST", endpoint, "the code", data=form, headers=headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise OidcRefused(f"{self.client.issuer} gave no ID token for the code.")
        return await self.verified(token, nonce=nonce)

    async def verified(self, token: str, *, nonce: str) -> IdToken:
        """Verify an ID token.

        Raises:
            OidcRefused: it cannot be believed; says what is wrong with it.
        """
        claims = self._claims(token, await self._known_keys())
        if claims is None:
            claims = self._claims(token, await self._known_keys(renewed=True))
        if claims is None:
            raise OidcRefused(f"The ID token is not signed by a key of {self.client.issuer}.")
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.client.issuer},
            aud={"essential": True, "value": self.client.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            raise OidcRefused(f"The ID token cannot be believed: {error.error}.") from error
        # Of a token for several audiences it must be said that it was made for us.
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self.client.client_id) != self.client.client_id:
            raise OidcRefused("The ID token was made for another client.")
        return IdToken(text=token, claims=claims, ends=float(claims["exp"]))

    def _claims(self, token: str, keys: KeySet) -> dict[str, Any] | None:
        """Give the claims of a token; None where no key has signed it."""
        try:
            return dict(jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims)
        except (JoseError, ValueError, TypeError):
            return None

    async def _known_keys(self, *, renewed: bool = False) -> KeySet:
        asked_at, keys = self._keys
        age = self._clock() - asked_at
        if age >= (_AGAIN_SECONDS if renewed else KEPT_SECONDS):
            endpoint = await self._endpoint("jwks_uri")
            answer = await self._asked("GET", endpoint, "its keys")
            keys = _keys(answer.get("keys"))
            self._keys = self._clock(), keys
        return keys

    async def _endpoint(self, name: str) -> str:
        found = (await self._description()).get(name)
        if not isinstance(found, str) or not secure(found):
            raise OidcRefused(f"{self.client.issuer} names no {name} that is reached by TLS.")
        return found

    async def _by_form(self) -> bool:
        """Tell whether the issuer takes the client's secret in the form alone."""
        ways = (await self._description()).get("token_endpoint_auth_methods_supported")
        return isinstance(ways, list) and "client_secret_basic" not in ways

    async def _description(self) -> Mapping[str, Any]:
        asked_at, found = self._described
        if self._clock() - asked_at >= KEPT_SECONDS:
            address = f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration"
            found = await self._asked("GET", address, "what it is")
            if found.get("issuer") != self.client.issuer:
                raise OidcRefused(f"{self.client.issuer} calls itself by another name.")
            self._described = self._clock(), found
        return found

    async def _asked(
        self, method: str, address: str, what: str, **options: Any
    ) -> Mapping[str, Any]:
        """Ask the issuer for a JSON object.

        Raises:
            OidcRefused: it gives none. What it says is not repeated: that may be a secret.
        """
        failed = f"{self.client.issuer} could not be asked for {what}"
        try:
            async with self._http.request(
                method, address, allow_redirects=False, timeout=_TIMEOUT, **options
            ) as response:
                content = await response.content.read(_LARGEST_ANSWER)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OidcRefused(f"{failed}: {type(error).__name__}.") from error
        if status != 200:
            raise OidcRefused(f"{failed}: it answered {status}.")
        try:
            answer = orjson.loads(content)
        except ValueError as error:
            raise OidcRefused(f"{failed}: it answered no JSON.") from error
        if not isinstance(answer, dict):
            raise OidcRefused(f"{failed}: it answered no object.")
        return answer


def _keys(listed: object) -> KeySet:
    """Read the keys that can be used; an issuer may publish others as well."""
    return KeySet([key for each in _objects(listed) for key in _imported(each)])


def _objects(listed: object) -> Iterable[dict[str, Any]]:
    return (each for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()


def _imported(key: dict[str, Any]) -> list[Any]:
    if key.get("kty") == "oct" or key.get("use", "sig") != "sig":
        return []
    try:
        return list(KeySet.import_key_set({"keys": [key]}).keys)
    except (JoseError, ValueError, TypeError, KeyError):
        return []


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

"""An OpenID Connect issuer on loopback, which can be told to lie."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import BasicAuth, web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from canary.dashboard.oidc import challenge
from tidegate_embedded.network import free_port

CLIENT, SECRET = "dashboard", "the-clients-secret"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
NEXT_KEY = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})


def part(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@dataclass(kw_only=True)
class FakeIssuer:
    """Logs everyone in as `user`."""

    url: str = ""
    user: str = "alice"
    described: dict[str, Any] = field(default_factory=dict)
    """What its description says otherwise."""
    claims: dict[str, Any] = field(default_factory=dict)
    """What its tokens say otherwise; None leaves a claim out."""
    forged: Callable[[dict[str, Any]], str] | None = None
    """Writes tokens otherwise."""
    keys: list[Any] = field(default_factory=lambda: [KEY])
    signs: Any = field(default_factory=lambda: KEY)
    fails: int = 0
    """The status of the answer to a code, where it is not 200."""
    issued: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    """The queries with which people were sent here."""
    on_issue: Callable[[str, str], None] = lambda _token, _user: None
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._describe)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_get("/keys", self._keys)
        return app

    async def _describe(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                **self.described,
            }
        )

    async def _keys(self, _request: web.Request) -> web.Response:
        listed = [*KeySet(self.keys).as_dict(private=False)["keys"], {"kty": "strange"}]
        return web.json_response({"keys": listed})

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        self.asked.append(asked)
        code = f"code-{len(self.asked)}"
        self._codes[code] = asked
        raise web.HTTPFound(
            f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
        )

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self._codes.pop(str(form.get("code")), None)
        basic = request.headers.get("Authorization", "")
        secret = BasicAuth.decode(basic) if basic else None
        shown = (secret.login, secret.password) if secret else (
            form.get("client_id"), form.get("client_secret"),
        )  # fmt: skip
        if (
            self.fails
            or asked is None
            or shown != (CLIENT, SECRET)
            or challenge(str(form.get("code_verifier"))) != asked["code_challenge"]
            or form.get("redirect_uri") != asked["redirect_uri"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=self.fails or 400)
        token = self.token(asked["nonce"])
        self.issued.append(token)
        self.on_issue(token, self.user)
        return web.json_response({"id_token": token, "access_token": "a", "token_type": "Bearer"})

    def token(self, nonce: str) -> str:
        """Write an ID token."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": self.user,
            "iat": now,
            "exp": now + 3600,
            "nonce": nonce,
            **self.claims,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        if self.forged is not None:
            return self.forged(kept)
        algorithm = "ES256" if self.signs is NEXT_KEY else "RS256"
        header = {"alg": algorithm, "kid": self.signs.kid}
        return jwt.encode(header, kept, self.signs, algorithms=[algorithm])


def unsigned(claims: dict[str, Any]) -> str:
    """Write a token that says that it needs no signature."""
    return f"{part({'alg': 'none'})}.{part(claims)}."


def signed_by_the_public_key(claims: dict[str, Any]) -> str:
    """Write a token that takes the issuer's public key for a secret."""
    return jwt.encode(
        {"alg": "HS256", "kid": "one"},
        claims,
        OctKey.import_key(KEY.as_pem(private=False)),
        algorithms=["HS256"],
    )


def signed_by_the_clients_secret(claims: dict[str, Any]) -> str:
    """Write a token that is signed with what the client and the issuer share."""
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])


def signed_by_its_own_key(claims: dict[str, Any]) -> str:
    """Write a token that brings the key that has signed it."""
    header = {"alg": "RS256", "kid": "one", "jwk": OTHER_KEY.as_dict(private=False)}
    return jwt.encode(header, claims, OTHER_KEY, algorithms=["RS256"])


@asynccontextmanager
async def an_issuer() -> AsyncIterator[FakeIssuer]:
    """Run an issuer."""
    issuer, port = FakeIssuer(), free_port()
    issuer.url = f"http://127.0.0.1:{port}"
    runner = web.AppRunner(issuer.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield issuer
    finally:
        await runner.cleanup()

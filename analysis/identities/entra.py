"""Identities of Azure: tokens of Microsoft Entra for an application, by its secret or by its pod.

A pod whose service account is federated finds what it needs in its environment, as Azure's own
libraries do (AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE).
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from analysis.errors import LoginRefused, ProviderUnavailable, QueryError
from analysis.http.exchange import secure_host
from analysis.identities.oauth2 import Post
from analysis.identities.tokens import Token, read_token

#: The keys of a Secret that hold an application.
KEYS = ("tenant_id", "client_id", "client_secret")

AUTHORITY = "https://login.microsoftonline.com"
_FEDERATED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TENANT = re.compile("[A-Za-z0-9.-]{1,128}")
#: Where tokens of the controller's own application may go. Other names below azure.com are customers'.
_AZURE = re.compile(
    r"[a-z0-9.-]+\.prometheus\.monitor\.azure\.com|api\.loganalytics\.(azure\.com|io)"
)


def check(keys: Mapping[str, str], address: str) -> None:
    """Find out whether there is an application, and whether its token may go to an address.

    Raises:
        QueryError: there is a part of one only, or it may not.
    """
    if any(keys.get(key) for key in KEYS):
        if missing := [key for key in KEYS if not keys.get(key)]:
            raise QueryError(f"the Secret has no key {missing[0]}; add it")
        if _TENANT.fullmatch(keys["tenant_id"]) is None:
            raise QueryError("tenant_id of the Secret is no tenant; write its GUID or its domain")
        return
    if not _AZURE.fullmatch(secure_host(address)):
        raise QueryError(
            "the controller's own application is for https://*.prometheus.monitor.azure.com and "
            "https://api.loganalytics.azure.com; write one of them, or "
            f"give {', '.join(KEYS)} in a Secret"
        )


def source(
    keys: Mapping[str, str],
    resource: str,
    post: Post,
    *,
    authority: str = AUTHORITY,
    environment: Mapping[str, str] = os.environ,
) -> Callable[[], Awaitable[Token]]:
    """Give what fetches tokens for a resource."""

    async def fetch() -> Token:
        tenant, form = await asyncio.to_thread(_application, keys, environment)
        address = f"{authority}/{tenant}/oauth2/v2.0/token"
        asked = {"grant_type": "client_credentials", "scope": f"{resource}/.default"}
        return read_token(await post(address, asked | form), authority)

    return fetch


def _application(
    keys: Mapping[str, str], environment: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """Give the tenant, and what says which application asks."""
    if keys.get("client_secret"):
        named = {"client_id": keys["client_id"], "client_secret": keys["client_secret"]}
        return keys["tenant_id"], named
    names = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
    tenant, client, file = (environment.get(name, "") for name in names)
    if not (tenant and client and file):
        raise LoginRefused(
            "the controller has no application of Azure; federate its service account with one, or "
            f"give {', '.join(KEYS)} in a Secret"
        )
    try:
        assertion = Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ProviderUnavailable(
            f"the controller's federated token cannot be read: {error.strerror}"
        ) from error
    return tenant, {
        "client_id": client,
        "client_assertion_type": _FEDERATED,
        "client_assertion": assertion,
    }

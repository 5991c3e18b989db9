"""Whom an ID token gets in: with the token itself, or as the user that its claims name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from canary.cluster.cluster import Cluster
from canary.dashboard.identity import MOST_GROUPS, may_be_token, name_of_person
from canary.dashboard.oidc import IdToken, OidcClient, OidcRefused

EMAIL, GROUPS = "email", "groups"
"""The claims that name a person, where the options name no others."""


class Admission(Protocol):
    """How the dashboard speaks to the API server for who has an ID token."""

    def connection(self, token: IdToken) -> Cluster:
        """Give the connection that speaks for a person.

        Raises:
            OidcRefused: the token names no person for whom it may.
        """

    def unknown(self, token: IdToken) -> str:
        """Say what to do where the API server does not let this connection speak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """Pass the ID token on: the API server trusts the issuer too."""

    as_bearer: Callable[[str], Cluster]
    client: OidcClient

    def connection(self, token: IdToken) -> Cluster:
        """Speak with the token, and with nothing of our own."""
        if not may_be_token(token.text):
            raise OidcRefused(self.unknown(token))
        return self.as_bearer(token.text)

    def unknown(self, _token: IdToken) -> str:
        """Say that the API server does not trust the issuer."""
        return (
            f"The API server does not accept ID tokens of {self.client.issuer} for "
            f"{self.client.client_id}: have it trust them, or start the dashboard with "
            "--oidc-impersonate."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcUsers:
    """Which user of the cluster the claims of an ID token name."""

    user_claim: str = EMAIL
    groups_claim: str = GROUPS
    prefix: str = ""
    """What stands before the names of users and groups in the cluster."""

    def user(self, claims: Mapping[str, Any]) -> str:
        """Read the user's name.

        Raises:
            OidcRefused: there is none, the issuer has not verified it, or only the cluster has it.
        """
        written = claims.get(self.user_claim)
        # As Kubernetes does it: an address that a person only claims to have is no name.
        if self.user_claim == EMAIL and claims.get("email_verified") is not True:
            raise OidcRefused("The ID token has no email address that the issuer has verified.")
        name = name_of_person(written, self.prefix) if isinstance(written, str) else ""
        if not name:
            raise OidcRefused(
                f"The ID token's {self.user_claim} is no name that a person may have."
            )
        return name

    def groups(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """Read the groups; those that only the cluster gives are left out."""
        written = claims.get(self.groups_claim)
        listed = [written] if isinstance(written, str) else written
        if not isinstance(listed, list):
            return ()
        named = (name_of_person(each, self.prefix) for each in listed if isinstance(each, str))
        return tuple(dict.fromkeys(filter(None, named)))[:MOST_GROUPS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impersonating:
    """Act for the user that the token names, within what the dashboard may impersonate."""

    as_user: Callable[[str, Sequence[str]], Cluster]
    users: OidcUsers

    def connection(self, token: IdToken) -> Cluster:
        """Speak for the user with their groups."""
        return self.as_user(self.users.user(token.claims), self.users.groups(token.claims))

    def unknown(self, token: IdToken) -> str:
        """Say that the dashboard may not act for them."""
        return (
            f"The dashboard may not act for {self.users.user(token.claims)}: allow it to impersonate "
            "this user and their groups (chart value dashboard.impersonation)."
        )

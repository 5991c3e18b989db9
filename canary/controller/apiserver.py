"""The API server as a metric store: for metrics that Kubernetes serves itself."""

from dataclasses import replace
from typing import Protocol

from analysis.egress import UNRESTRICTED
from analysis.model import Credentials, ProviderSpec
from analysis.providers import asks_as_controller
from canary.errors import Forbidden


class ApiServer(Protocol):
    """Where the API server is, and who asks it."""

    @property
    def server(self) -> str:
        """Its address."""

    @property
    def verified(self) -> bool:
        """Whether its certificate is verified."""

    @property
    def authority(self) -> str | None:
        """The certificates that its own is verified with, as PEM text."""

    async def authorization(self) -> str:
        """Give the Authorization header; empty where a certificate speaks for the client."""


async def asked_there(spec: ProviderSpec, server: ApiServer) -> ProviderSpec:
    """Ask the API server: as the Secret says, or else as the controller itself.

    Raises:
        Forbidden: the controller has no token to present, or may not present its own.
    """
    credentials = spec.credentials
    if not credentials.token and not asks_as_controller(spec.type):
        raise Forbidden(
            f"provider {spec.type} never asks with the controller's own token; write the key token "
            "into the Secret of secretRef"
        )
    if not credentials.token:
        scheme, _, token = (await server.authorization()).partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Forbidden(
                f"provider {spec.type} asks {server.server} with a token, and the controller has "
                "none; write the key token into the Secret of secretRef"
            )
        credentials = Credentials(token=token)
    return replace(
        spec,
        address=server.server,
        credentials=credentials,
        ca_bundle=server.authority,
        insecure_skip_verify=not server.verified,
        # Its address is the administrator's word, and no template's.
        egress=UNRESTRICTED,
    )

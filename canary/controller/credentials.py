"""How the API server is reached and who asks: read by the official client, kept up to date.

A kubeconfig is understood in full, exec plugins included; in a pod it is the service account,
whose token is read again as it is rotated.
"""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

from canary.errors import Forbidden

REFRESH_SECONDS = 60.0
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(slots=True)
class Credentials:
    """The official client's configuration, asked again for its token once a minute."""

    configuration: Any
    namespace: str = "default"
    """The namespace that the kubeconfig's context, or the pod, is in."""
    token: str = ""
    read_at: float = float("-inf")

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self.configuration.host).rstrip("/")

    @property
    def secure(self) -> bool:
        """Whether the connection is by TLS."""
        return self.server.startswith("https://")

    def ssl_context(self) -> ssl.SSLContext:
        """Make the TLS context: whom to trust, and the client's certificate."""
        context = ssl.create_default_context(cafile=self.configuration.ssl_ca_cert)
        if not self.configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.configuration.cert_file:
            context.load_cert_chain(self.configuration.cert_file, self.configuration.key_file)
        return context

    async def authorization(self) -> str:
        """Give the Authorization header; empty where a certificate speaks for the client."""
        if monotonic() - self.read_at > REFRESH_SECONDS:
            # Running an exec plugin, or reading a rotated file, may block.
            self.token = await asyncio.to_thread(self._read_token)
            self.read_at = monotonic()
        return self.token

    def _read_token(self) -> str:
        token = self.configuration.get_api_key_with_prefix("authorization")
        return str(token or self.configuration.get_basic_auth_token() or "")


def load_credentials(kubeconfig: str | None, context: str | None) -> Credentials:
    """Load a kubeconfig, or the service account of the pod that this runs in.

    Raises:
        Forbidden: neither is there.
    """
    configuration = client.Configuration()
    try:
        try:
            config.load_kube_config(kubeconfig, context, client_configuration=configuration)
            namespace = _namespace_of_context(kubeconfig, context)
        except ConfigException:
            if kubeconfig or context:
                raise
            config.load_incluster_config(client_configuration=configuration)
            namespace = POD_NAMESPACE.read_text(encoding="utf-8").strip()
    except (ConfigException, OSError, TypeError, KeyError) as error:
        raise Forbidden(
            f"no credentials for a cluster: {error}; name a kubeconfig with --kubeconfig or "
            "KUBECONFIG, or run in a pod with a service account"
        ) from error
    return Credentials(configuration, namespace)


def _namespace_of_context(kubeconfig: str | None, context: str | None) -> str:
    contexts, active = config.list_kube_config_contexts(kubeconfig)
    chosen = next((each for each in contexts if each["name"] == context), active)
    return str(chosen["context"].get("namespace") or "default")

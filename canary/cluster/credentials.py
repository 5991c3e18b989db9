"""How the API server is reached and who asks: read by the official client, kept up to date.

A kubeconfig is understood in full, exec plugins included; in a pod it is the service account,
whose token is read again as it is rotated.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from threading import get_ident
from time import monotonic
from typing import Any

from kubernetes import client, config
from kubernetes.config import kube_config
from kubernetes.config.config_exception import ConfigException
from yaml import YAMLError

from canary.errors import Forbidden

REFRESH_SECONDS = 60.0
PLUGIN_SECONDS = 30.0
"""How long an exec plugin may take."""
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

_TOKEN = ("BearerToken", "authorization")
"""Where the official client keeps its Authorization header, since release 36 and before it."""
_FAILURES = (ConfigException, YAMLError, OSError, TypeError, KeyError, ValueError)
"""What the official client raises of a kubeconfig that it cannot use."""


@dataclass(slots=True)
class ClusterCredentials:
    """The official client's configuration, asked again for its token once a minute."""

    load: Callable[[], Any]
    configuration: Any
    namespace: str = "default"
    """The namespace that the kubeconfig's context, or the pod, is in."""
    context: str = ""
    """The kubeconfig's context; empty in a pod."""
    _token: str = field(default="", repr=False)
    _read_at: float = float("-inf")
    _refused: bool = False
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self.configuration.host).rstrip("/")

    @property
    def secure(self) -> bool:
        """Whether the connection is by TLS."""
        return self.server.startswith("https://")

    @property
    def proxy(self) -> str | None:
        """The proxy that the kubeconfig names."""
        return str(self.configuration.proxy) if self.configuration.proxy else None

    @property
    def server_name(self) -> str | None:
        """The name in the server's certificate, where it is not that of its address."""
        return getattr(self.configuration, "tls_server_name", None)

    @property
    def verified(self) -> bool:
        """Whether the server's certificate is verified."""
        return bool(self.configuration.verify_ssl)

    @property
    def authority(self) -> str | None:
        """The certificates that the server's is verified with, as PEM text; None for the system's.

        Raises:
            Forbidden: they cannot be read.
        """
        file = self.configuration.ssl_ca_cert
        try:
            return Path(file).read_text(encoding="ascii") if file else None
        except (OSError, UnicodeError) as error:
            raise Forbidden(
                f"the certificates for {self.server} cannot be read: {error}"
            ) from error

    def ssl_context(self) -> ssl.SSLContext:
        """Make the TLS context: whom to trust, and the client's certificate.

        Raises:
            Forbidden: a certificate cannot be used.
        """
        configuration = self.configuration
        try:
            context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
            if configuration.cert_file:
                context.load_cert_chain(configuration.cert_file, configuration.key_file)
        except OSError as error:
            raise Forbidden(
                f"the certificates for {self.server} cannot be used: {error}"
            ) from error
        if not configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    async def authorization(self) -> str:
        """Give the Authorization header; empty where a certificate speaks for the client.

        Raises:
            Forbidden: the token can no longer be read.
        """
        async with self._reading:
            if monotonic() - self._read_at > REFRESH_SECONDS:
                try:
                    # Running an exec plugin, or reading a rotated file, may block.
                    async with asyncio.timeout(PLUGIN_SECONDS):
                        self._token = await asyncio.to_thread(self._read_token)
                except (*_FAILURES, TimeoutError) as error:
                    reason = str(error) or "no answer in time"
                    raise Forbidden(f"no token for {self.server}: {reason}") from error
                self._read_at, self._refused = monotonic(), False
        return self._token

    def expire(self) -> None:
        """Read everything again before the next request: the server has refused the token."""
        self._read_at, self._refused = float("-inf"), True

    def _read_token(self) -> str:
        if self._refused:
            # An exec plugin or a token file may have a new token well before the old one's end.
            self.configuration = self.load()
        return str(self.configuration.get_api_key_with_prefix(*_TOKEN) or "").strip()


@dataclass(slots=True)
class BearerCredentials(ClusterCredentials):
    """How the same server is reached with another's token, and with nothing of our own."""

    bearer: str = field(default="", repr=False)

    async def authorization(self) -> str:
        """Give the Authorization header of the token; it is never without one."""
        return f"Bearer {self.bearer}"

    def expire(self) -> None:
        """Do nothing: whose token was refused must bring a new one."""


def for_bearer(credentials: ClusterCredentials, token: str) -> BearerCredentials:
    """Reach the server of these credentials with a token: without their certificate and token.

    A client certificate would speak for us, whatever token comes with it.
    """
    bare = copy(credentials.configuration)
    bare.cert_file = bare.key_file = None
    bare.api_key, bare.refresh_api_key_hook = {}, None
    return BearerCredentials(
        load=lambda: bare,
        configuration=bare,
        namespace=credentials.namespace,
        context=credentials.context,
        bearer=token,
    )


def load_credentials(kubeconfig: str | None, context: str | None) -> ClusterCredentials:
    """Load a kubeconfig, or the service account of the pod that this runs in.

    Raises:
        Forbidden: neither is there, the kubeconfig has no such context, or its plugin fails.
    """
    # As kubectl takes it: an empty KUBECONFIG is none.
    kubeconfig, context = kubeconfig or None, context or None

    def load() -> Any:
        configuration = client.Configuration()
        # What it finds in the environment it would use for hosts in NO_PROXY, too.
        configuration.proxy = None
        with _plugin_heard() as complaints:
            config.load_kube_config(kubeconfig, context, client_configuration=configuration)
        if complaints:
            raise Forbidden(f"the kubeconfig's exec plugin failed: {'; '.join(complaints)}")
        return configuration

    def load_in_cluster() -> Any:
        configuration = client.Configuration()
        configuration.proxy = None
        config.load_incluster_config(client_configuration=configuration)
        return configuration

    try:
        try:
            chosen = _context(kubeconfig, context)
            return ClusterCredentials(
                load, load(), str(chosen.get("namespace") or "default"), chosen["name"]
            )
        except ConfigException:
            if kubeconfig or context or not POD_NAMESPACE.is_file():
                raise
            namespace = POD_NAMESPACE.read_text(encoding="utf-8").strip()
            return ClusterCredentials(load_in_cluster, load_in_cluster(), namespace)
    except _FAILURES as error:
        raise Forbidden(
            f"no credentials for a cluster: {str(error).rstrip('.')}; name a kubeconfig with "
            "--kubeconfig or KUBECONFIG, or run in a pod with a service account"
        ) from error


class _Complaints(logging.Handler):
    """Keeps what the official client logs in this thread of an exec plugin, and raises nothing."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []
        self._thread = get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and record.pathname == kube_config.__file__:
            self.heard.append(record.getMessage())


@contextmanager
def _plugin_heard() -> Iterator[list[str]]:
    """Hear what goes wrong with an exec plugin: the official client logs it and goes on."""
    complaints, root = _Complaints(), logging.getLogger()
    root.addHandler(complaints)
    try:
        yield complaints.heard
    finally:
        root.removeHandler(complaints)


def _context(kubeconfig: str | None, name: str | None) -> Mapping[str, Any]:
    """Find a context by name, or the current one.

    Raises:
        ConfigException: there is no kubeconfig, or no current context in it.
        Forbidden: it has no context of that name; says which it has.
    """
    merged = kube_config.KubeConfigMerger(
        kubeconfig or kube_config.KUBE_CONFIG_DEFAULT_LOCATION
    ).config
    if merged is None:
        raise ConfigException("no kubeconfig was found")
    contexts = {str(each["name"]): each for each in merged.value["contexts"]}
    chosen = name or str(merged.value.get("current-context") or "")
    if chosen in contexts:
        return {"name": chosen, **(contexts[chosen]["context"].value or {})}
    has = f"it has {', '.join(sorted(contexts))}" if contexts else "it has none"
    if name:
        raise Forbidden(f"--context: the kubeconfig has no context {name!r}; {has}")
    current = f"the current context {chosen!r} is missing" if chosen else "no current context"
    raise ConfigException(f"{current}, choose one with --context ({has})")

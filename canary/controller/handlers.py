"""kopf is the host: the process's life, its signals, and the admission webhook's HTTPS server.

It follows no objects: no timers, daemons, indexes or change handlers, and it writes nothing to
anybody's object. Scanning is off, and with it kopf would know only those CRDs that were there when
it started; so its server hands admission reviews to `admission.py` instead of its own dispatcher.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import kopf

from canary.cluster.credentials import ClusterCredentials
from canary.controller.admission import Reviewer
from canary.controller.controller import Controller
from canary.errors import CanaryError
from canary.settings import Settings

LAST_RESORT_SECONDS = 30.0
"""After so long without an end the process kills itself; a stop takes 20 s at most."""
_LONGEST_BACKOFF_SECONDS = 15.0


class _Backoffs:
    """Waits without an end: kopf gives up, and ends the process, where there are no more."""

    def __iter__(self) -> Iterator[float]:
        seconds = 1.0
        while True:
            yield seconds
            seconds = min(2 * seconds, _LONGEST_BACKOFF_SECONDS)


class AdmissionServer(kopf.WebhookServer):
    """kopf's HTTPS server, with answers of our own.

    Raises:
        CanaryError: the certificate can't be used.
    """

    def __init__(self, settings: Settings, reviewer: Reviewer) -> None:
        host, port = settings.admission_address
        try:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(settings.admission_certificate, settings.admission_key)
        except OSError as error:
            raise CanaryError(
                f"--admission-certificate {settings.admission_certificate} with "
                f"--admission-key {settings.admission_key}: {error}; name a PEM certificate and "
                "its key"
            ) from error
        super().__init__(
            addr=host or "",
            port=port,
            host=host or "localhost",
            certfile=settings.admission_certificate,
            pkeyfile=settings.admission_key,
        )
        self._reviewer = reviewer

    async def __call__(self, _: Any) -> AsyncIterator[Any]:
        """Serve, and start again when the certificate's files change."""
        # kopf names the fields of a review in its types; ours takes whatever comes.
        answer: Any = self._reviewer.review
        async for configuration in super().__call__(answer):
            yield configuration


def registry(
    controller: Controller, credentials: ClusterCredentials, admission: AdmissionServer | None
) -> kopf.OperatorRegistry:
    """Register what kopf is to call."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return await connection(credentials)

    @kopf.on.startup(registry=handlers, errors=kopf.ErrorsMode.PERMANENT)
    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.networking.error_backoffs = _Backoffs()
        settings.process.ultimate_exiting_timeout = LAST_RESORT_SECONDS
        settings.admission.server = admission
        await controller.start()

    @kopf.on.cleanup(registry=handlers, errors=kopf.ErrorsMode.PERMANENT)
    async def stop(**_: Any) -> None:
        await controller.stop()

    return handlers


async def connection(credentials: ClusterCredentials) -> kopf.ConnectionInfo:
    """Let kopf connect as the controller does."""
    scheme, _, token = (await credentials.authorization()).partition(" ")
    configuration = credentials.configuration
    return kopf.ConnectionInfo(
        server=credentials.server,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme or None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
    )

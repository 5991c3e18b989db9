"""kopf is the host: the process's life, its signals, and the admission webhook's HTTPS server.

It follows no objects: no timers, daemons, indexes or change handlers, and it writes nothing to
anybody's object. Scanning is off, and with it kopf would know only those CRDs that were there when
it started; so its server hands admission reviews to `admission.py` instead of its own dispatcher.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import kopf
import orjson
from aiohttp import web

from canary.cluster.credentials import ClusterCredentials
from canary.controller.admission import Reviewer
from canary.controller.certificate import end_of
from canary.controller.controller import Controller
from canary.errors import CanaryError
from canary.settings import Settings

log = logging.getLogger(__name__)

LAST_RESORT_SECONDS = 30.0
"""After so long without an end the process kills itself; a stop takes 20 s at most."""
_LONGEST_BACKOFF_SECONDS = 15.0
_LOOK_SECONDS = 10.0
"""How often the files of the certificate are read: a mounted Secret changes without an event."""
_NEVER_SECONDS = 10 * 365 * 86_400.0


class _Backoffs:
    """Waits without an end: kopf gives up, and ends the process, where there are no more."""

    def __iter__(self) -> Iterator[float]:
        seconds = 1.0
        while True:
            yield seconds
            seconds = min(2 * seconds, _LONGEST_BACKOFF_SECONDS)


class AdmissionServer(kopf.WebhookServer):
    """kopf's HTTPS server, with answers of our own.

    A certificate that is renewed is served from the next connection on. kopf would close the port
    and open it again for that, and end where the new files do not fit each other.

    Raises:
        CanaryError: the certificate can't be used.
    """

    def __init__(
        self, settings: Settings, reviewer: Reviewer, *, look_seconds: float = _LOOK_SECONDS
    ) -> None:
        host, port = settings.admission_address
        self._files = settings.admission_certificate, settings.admission_key
        try:
            self._context = _context_of(*self._files)
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
            context=self._context,
            certfile=settings.admission_certificate,
            pkeyfile=settings.admission_key,
            file_check_interval=_NEVER_SECONDS,
        )
        self._reviewer = reviewer
        self._look_seconds = look_seconds
        self._end = self._read_end()

    def end(self) -> float:
        """Tell when the certificate in use ends, as a timestamp; not a number where unknown."""
        return self._end

    def _read_end(self) -> float:
        return end_of(self._context, self._files[0], datetime.now(UTC))

    async def __call__(self, _: Any) -> AsyncIterator[Any]:
        """Serve, and renew the certificate when its files change."""
        # kopf names the fields of a review in its types; ours takes any object.
        answer: Any = self._reviewer.review
        renewing = asyncio.create_task(self._renew(), name="admission certificate")
        try:
            async for configuration in super().__call__(answer):
                yield configuration
        finally:
            renewing.cancel()

    @staticmethod
    async def _serve(fn: Any, request: web.Request) -> web.Response:
        """Answer a review, and refuse what is none as its client's mistake.

        kopf answers some of that with an internal error, and logs a traceback.
        """
        try:
            review = orjson.loads(await request.read())
        except orjson.JSONDecodeError as error:
            raise web.HTTPBadRequest(text=f"not an AdmissionReview: {error}") from error
        if not isinstance(review, dict):
            raise web.HTTPBadRequest(text="not an AdmissionReview: it is no JSON object")
        return web.json_response(await fn(review))

    async def _renew(self) -> None:
        seen = self._digest()
        while True:
            await asyncio.sleep(self._look_seconds)
            found = self._digest()
            if found == seen:
                continue
            seen = found
            try:
                # A context that half of a new pair was loaded into would serve neither.
                _context_of(*self._files)
                self._context.load_cert_chain(*self._files)
            except OSError as error:
                log.error(  # noqa: TRY400 - what is wrong is in the files, and said
                    "the renewed certificate %s does not fit its key or cannot be read, so the one "
                    "before stays in use: %s",
                    self._files[0],
                    error,
                )
            else:
                self._end = self._read_end()
                log.info("the admission webhook has a renewed certificate")

    def _digest(self) -> str:
        """Tell one state of the files from another; empty while one is missing."""
        try:
            content = b"".join(sha256(Path(each).read_bytes()).digest() for each in self._files)
        except OSError:
            return ""
        return sha256(content).hexdigest()


def _context_of(certificate: str, key: str) -> ssl.SSLContext:
    """Make the context of a server with a certificate.

    Raises:
        OSError: the two cannot be read, or do not fit.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


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

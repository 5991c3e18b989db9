"""What a process tells the platform of itself: /healthz, /readyz and /metrics."""

import asyncio
import gzip
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from aiohttp import web

from canary.errors import CanaryError

#: Without a heartbeat for this long the process must be restarted.
LONGEST_SILENCE_SECONDS = 60.0
#: How long requests that are under way may take when the server stops.
_LAST_REQUESTS_SECONDS = 2.0
#: A reader that takes gzip, unless it names it to refuse it.
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|\s|$))", re.IGNORECASE)


class Server:
    """Tells the platform whether a process lives, is ready, and how it does.

    `silence` gives the seconds since the process last did its round, `obstacles` why it is not
    ready, and `page` its metrics with their content type in a format that a reader accepts.
    """

    def __init__(
        self,
        *,
        host: str | None,
        port: int,
        silence: Callable[[], float],
        obstacles: Callable[[], Sequence[str]],
        page: Callable[[str], tuple[bytes, str]],
    ) -> None:
        self._host = host
        self._asked_port = port
        self._silence = silence
        self._obstacles = obstacles
        self._page = page
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; the one that was found where 0 was asked for."""
        if self._runner is None or not self._runner.addresses:
            return self._asked_port
        # Without a host each family of addresses finds a port of its own; those of IPv4 are pairs.
        return int(min(self._runner.addresses, key=len)[1])

    async def start(self) -> None:
        """Listen; no host means every address of the machine.

        Raises:
            CanaryError: the address can't be listened on.
        """
        application = web.Application()
        application.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
            ]
        )
        runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=_LAST_REQUESTS_SECONDS
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._asked_port).start()
        except OSError as error:
            await runner.cleanup()
            raise CanaryError(
                f"listen: {self._host or ''}:{self._asked_port}: {error.strerror or error}; "
                "choose an address of this machine and a free port"
            ) from error
        self._runner = runner

    async def stop(self) -> None:
        """Stop listening, and let requests that are under way end; twice is once."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        silence = self._silence()
        if silence > LONGEST_SILENCE_SECONDS:
            return _unavailable([f"nothing was done for {silence:.0f} s"])
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        obstacles = self._obstacles()
        return _unavailable(obstacles) if obstacles else web.Response(text="ok\n")

    async def _metrics(self, request: web.Request) -> web.Response:
        # Thousands of canaries make a page that takes a while to write.
        body, headers = await asyncio.to_thread(self._written, request)
        return web.Response(body=body, headers=headers)

    def _written(self, request: web.Request) -> tuple[bytes, Mapping[str, str]]:
        """Write the page, packed for a reader that takes it so, as Prometheus does."""
        body, content_type = self._page(request.headers.get("Accept", ""))
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if _GZIP.search(request.headers.get("Accept-Encoding", "")) is None:
            return body, headers
        # A page repeats itself so much that the quickest way leaves a twentieth of it.
        return gzip.compress(body, compresslevel=1), headers | {"Content-Encoding": "gzip"}


def _unavailable(reasons: Sequence[str]) -> web.Response:
    return web.Response(
        status=HTTPStatus.SERVICE_UNAVAILABLE, text="".join(f"{each}\n" for each in reasons)
    )

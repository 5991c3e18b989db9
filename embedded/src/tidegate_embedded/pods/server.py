"""The program that every container of the embedded world runs: a small HTTP server.

It is started by its path with `python -I -S`, so that it is up in a tenth of a second: it imports
nothing but the standard library, and nothing of this project. Long because of that: it must be one
file.

Its behaviour comes from the environment, as a container's `env` gives it:

    VERSION          what it says it is
    ERROR_RATE       share of requests answered with 500, from 0 to 1
    LATENCY_MS       time that an answer takes
    LATENCY_P99_MS   time that the slowest 2 % of the answers take, so that the 99th percentile is it
    READY_AFTER      time until /readyz says yes: "0.5s", or "never", but by /admin/behaviour
    CRASH            when it ends by itself: "after:0.5s"; CRASH_EXIT_CODE says with which code
    LINGER           time after SIGTERM in which it goes on serving, until proxies know
    SEED             of the chances above; the host's name if there is none
    HOSTNAME         the pod's name

Paths: `/healthz`, `/readyz`, `/metrics`, `/admin/behaviour` (GET, and PATCH with JSON of the fields
`error_rate`, `latency_ms`, `latency_p99_ms`, `ready`); all others are answered as the application.
It ends when its standard input is closed: when the process that started it has gone.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_SLOW_SHARE = 0.02
NEVER = "never"
_LARGEST_HEAD = 65_536
#: After the linger, requests that are still being answered get this long.
_FINISH_SECONDS = 20.0

Reply = tuple[int, str, bytes]


def seconds(text: str) -> float:
    """Read "500ms", "0.5s" or "0.5"."""
    if text.endswith("ms"):
        return float(text[:-2]) / 1000
    return float(text.removesuffix("s"))


class Behaviour:
    """How the server answers, which can be changed while it runs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.error_rate = float(environment.get("ERROR_RATE", "0"))
        self.latency_ms = float(environment.get("LATENCY_MS", "0"))
        self.latency_p99_ms = float(environment.get("LATENCY_P99_MS", "0"))
        self.ready = environment.get("READY_AFTER") != NEVER
        self._chance = random.Random(environment.get("SEED") or environment.get("HOSTNAME", ""))

    def draw(self) -> tuple[int, float]:
        """Draw the status of the next answer, and how long it takes."""
        failed = self._chance.random() < self.error_rate
        slow = self._chance.random() < _SLOW_SHARE
        latency = max(self.latency_ms, self.latency_p99_ms) if slow else self.latency_ms
        return (500 if failed else 200), latency / 1000

    def shown(self) -> dict[str, object]:
        """Give the fields that can be changed."""
        return {
            "error_rate": self.error_rate,
            "latency_ms": self.latency_ms,
            "latency_p99_ms": self.latency_p99_ms,
            "ready": self.ready,
        }

    def change(self, document: object) -> str:
        """Change fields; return what is wrong, and change nothing then."""
        if not isinstance(document, dict):
            return "body: write a JSON object"
        known = self.shown()
        for name, value in document.items():
            if name not in known:
                return f"{name}: unknown; write one of {', '.join(known)}"
            if name == "ready":
                if not isinstance(value, bool):
                    return f"ready: {value!r}: write true or false"
            elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                return f"{name}: {value!r}: write a number of at least 0"
            elif name == "error_rate" and value > 1:
                return f"error_rate: {value!r}: write a share from 0 to 1"
        for name, value in document.items():
            setattr(self, name, value)
        return ""


class Durations:
    """A histogram of the answers by method, path and status, in Prometheus's text format."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, int], list[float]] = {}

    def observe(self, method: str, path: str, status: int, duration: float) -> None:
        """Count an answer."""
        series = self._series.setdefault((method, path, status), [0.0] * (len(_BUCKETS) + 2))
        for index, bound in enumerate(_BUCKETS):
            if duration <= bound:
                series[index] += 1
        series[-2] += 1
        series[-1] += duration

    def text(self) -> bytes:
        """Write the page."""
        name = "http_request_duration_seconds"
        lines = [f"# HELP {name} Time to answer a request.", f"# TYPE {name} histogram"]
        for (method, path, status), series in sorted(self._series.items()):
            labels = f'method="{method}",path="{path}",status="{status}"'
            lines.extend(
                f'{name}_bucket{{{labels},le="{bound}"}} {int(count)}'
                for bound, count in zip((*_BUCKETS, "+Inf"), series[:-1], strict=True)
            )
            lines.append(f"{name}_sum{{{labels}}} {series[-1]:.6f}")
            lines.append(f"{name}_count{{{labels}}} {int(series[-2])}")
        return "\n".join((*lines, "")).encode()


class Application:
    """What the server knows, and how it answers a request."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.behaviour = Behaviour(environment)
        self.durations = Durations()
        self.ending = False
        self.connections: set[Connection] = set()
        self.deserted = asyncio.Event()
        self.version = environment.get("VERSION", "")
        self.hostname = environment.get("HOSTNAME", "")
        after = environment.get("READY_AFTER", "0")
        self._ready_at = time.monotonic() + (0 if after == NEVER else seconds(after))

    async def answer(self, method: str, path: str, body: bytes) -> Reply:
        """Answer a request."""
        if path == "/healthz":
            return _text(200, "ok")
        if path == "/readyz":
            return self._readiness()
        if path == "/metrics":
            return 200, "text/plain; version=0.0.4", self.durations.text()
        if path == "/admin/behaviour":
            return self._admin(method, body)
        return await self._page(method)

    async def _page(self, method: str) -> Reply:
        started = time.perf_counter()
        status, duration = self.behaviour.draw()
        if duration:
            await asyncio.sleep(duration)
        # One name for all pages: paths come from outside, and each would be a series.
        self.durations.observe(method, "/", status, time.perf_counter() - started)
        said: dict[str, object] = {"version": self.version, "hostname": self.hostname}
        if status >= 500:
            said["error"] = "drawn at random"
        return _json(status, said)

    def _readiness(self) -> Reply:
        if self.ending:
            return _text(503, "ending")
        if not self.behaviour.ready or time.monotonic() < self._ready_at:
            return _text(503, "not ready")
        return _text(200, "ready")

    def _admin(self, method: str, body: bytes) -> Reply:
        if method == "PATCH":
            try:
                document = json.loads(body)
            except ValueError as error:
                return _text(400, f"body: {error}")
            problem = self.behaviour.change(document)
            if problem:
                return _text(400, problem)
        elif method != "GET":
            return _text(405, "write GET or PATCH")
        return _json(200, self.behaviour.shown())


def _text(status: int, text: str) -> Reply:
    return status, "text/plain; charset=utf-8", f"{text}\n".encode()


def _json(status: int, document: dict[str, object]) -> Reply:
    return status, "application/json", json.dumps(document).encode() + b"\n"


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request after the other."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._application.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's)
        """End."""
        self._application.connections.discard(self)
        if not self._application.connections:
            self._application.deserted.set()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and answer when there is a whole request."""
        self._received += data
        self._next()

    @property
    def busy(self) -> bool:
        """Whether a request is being answered or on its way in."""
        return self._answering is not None or bool(self._received)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def _next(self) -> None:
        if self._answering is not None or self._transport is None:
            return
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            if len(head) > _LARGEST_HEAD:
                self.close()
            return
        try:
            request, *lines = head.decode("latin-1").split("\r\n")
            method, target, protocol = request.split(" ")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            length = int(headers.get("content-length", "0"))
        except ValueError:
            self._write(_text(400, "malformed request"), keep=False)
            return
        if "chunked" in headers.get("transfer-encoding", ""):
            self._write(_text(400, "send a body with Content-Length"), keep=False)
            return
        if len(rest) < length:
            return
        self._received = rest[length:]
        keep = protocol == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        work = self._answer(method, target.partition("?")[0], rest[:length], keep=keep)
        self._answering = asyncio.get_running_loop().create_task(work)

    async def _answer(self, method: str, path: str, body: bytes, *, keep: bool) -> None:
        reply = await self._application.answer(method, path, body)
        self._answering = None
        self._write(reply, keep=keep, with_body=method != "HEAD")
        self._next()

    def _write(self, reply: Reply, *, keep: bool, with_body: bool = True) -> None:
        assert self._transport is not None
        status, media_type, body = reply
        # A proxy that reads this sends nothing more here, so that closing cuts off no request.
        keep = keep and not self._application.ending
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
            f"Content-Type: {media_type}\r\n"
            f"Content-Length: {len(body)}\r\n"
            f"X-Version: {self._application.version}\r\n"
            f"X-Hostname: {self._application.hostname}\r\n"
            f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
        )
        self._transport.write(head.encode("latin-1") + (body if with_body else b""))
        if not keep:
            self._received = b""
            self.close()


def _parent_gone() -> None:
    if not os.read(0, 1024):
        os._exit(1)


async def _crash(delay: float, exit_code: int) -> None:
    await asyncio.sleep(delay)
    print(f"fatal: crashed after {delay:g} s, as CRASH asks", flush=True)
    os._exit(exit_code)


async def serve(host: str, ports: list[int]) -> None:
    """Serve until SIGTERM, then until every request that came in has been answered."""
    environment = os.environ
    application = Application(environment)
    loop = asyncio.get_running_loop()
    loop.add_reader(0, _parent_gone)
    terminated = asyncio.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sent, terminated.set)
    servers = [
        await loop.create_server(lambda: Connection(application), host, port, backlog=512)
        for port in ports
    ]
    print(f"version {application.version} listens on {host} {ports}", flush=True)
    crash = None
    if plan := environment.get("CRASH"):
        exit_code = int(environment.get("CRASH_EXIT_CODE", "1"))
        crash = loop.create_task(_crash(seconds(plan.removeprefix("after:")), exit_code))
    await terminated.wait()
    application.ending = True
    print("terminated: finishing what is in flight", flush=True)
    await asyncio.sleep(seconds(environment.get("LINGER", "0.5s")))
    for server in servers:
        server.close()
    # Those in the middle of a request close when they have answered it.
    for connection in [each for each in application.connections if not each.busy]:
        connection.close()
    if application.connections:
        application.deserted.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(application.deserted.wait(), _FINISH_SECONDS)
    if crash is not None:
        crash.cancel()


def main(host: str, *ports: str) -> None:
    """Serve on an address and ports."""
    try:
        asyncio.run(serve(host, [int(port) for port in ports]))
    except (OSError, ValueError) as error:
        sys.exit(f"fatal: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])

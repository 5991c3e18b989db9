"""Fixtures of the analysis engine's tests: servers that are told what to answer."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from tests.analysis.servers import FakeServer, Handler

Serve = Callable[..., Awaitable[FakeServer]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers, each with a handler, over TLS if asked to; all are stopped afterwards.

    One that is `mutual` lets in who has a certificate.
    """
    started: list[FakeServer] = []

    async def start(handler: Handler, *, tls: bool = False, mutual: bool = False) -> FakeServer:
        server = FakeServer(handler)
        await server.start(tls=tls, mutual=mutual)
        started.append(server)
        return server

    yield start
    for server in started:
        await server.stop()


@pytest.fixture
def closed_port() -> Iterator[str]:
    """Give the address of a port on which nothing listens, and nothing can."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"

"""The small readers by router, and how one begins in front of an API server."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from tests.testbed import debian
from tests.testbed.debian import Unpacked
from tests.testbed.haproxy_reader import HaproxyReader
from tests.testbed.nginx_reader import NginxReader
from tests.testbed.reader import Reader
from tidegate_embedded.network import free_port

READERS: Mapping[str, tuple[type[Reader], Callable[[], Unpacked]]] = {
    "haproxy": (HaproxyReader, debian.haproxy),
    "nginx": (NginxReader, debian.nginx),
}
"""By router: what reads its objects, and where the proxy comes from."""


async def reader_of(
    router: str, kubeconfig: Path, client: httpx.AsyncClient, *, address: str, logs: Path
) -> Reader:
    """Make the reader of a router's objects, whose proxy listens on a free port of an address."""
    make, unpack = READERS[router]
    unpacked = await asyncio.to_thread(unpack)
    return make(unpacked, kubeconfig, client, address=address, port=free_port(), logs=logs)

"""The embedded world with a real proxy in front of the app, which a small reader tells what to do."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import httpx

from canary.demo.embedded import EmbeddedWorld
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


class ProxiedWorld(EmbeddedWorld):
    """An embedded world whose callers come through the proxy that reads the router's objects."""

    async def _start(self) -> None:
        await super()._start()
        make, unpack = READERS[self.router]
        reader = make(
            await asyncio.to_thread(unpack),
            self.kubeconfig,
            httpx.AsyncClient(base_url=self.server.url, trust_env=False),
            address="127.0.0.1",
            port=free_port(),
            logs=self.directory,
        )
        self.mesh = await self._stack.enter_async_context(reader)

    def controller_flags(self) -> Sequence[str]:
        """Give where tidegate reads metrics: the proxy's own page."""
        return ("--metrics-provider", "scrape", "--scrape-targets", self.mesh.metrics_url)

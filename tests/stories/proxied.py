"""The embedded world with a real proxy in front of the app, which a small reader tells what to do."""

from collections.abc import Sequence

import httpx

from canary.demo.embedded import EmbeddedWorld
from tests.testbed.readers import reader_of


class ProxiedWorld(EmbeddedWorld):
    """An embedded world whose callers come through the proxy that reads the router's objects."""

    async def _start(self) -> None:
        await super()._start()
        client = httpx.AsyncClient(base_url=self.server.url, trust_env=False)
        reader = await reader_of(
            self.router, self.kubeconfig, client, address="127.0.0.1", logs=self.directory
        )
        self.mesh = await self._stack.enter_async_context(reader)

    def controller_flags(self) -> Sequence[str]:
        """Give where tidegate reads metrics: the proxy's own page."""
        return ("--metrics-provider", "scrape", "--scrape-targets", self.mesh.metrics_url)

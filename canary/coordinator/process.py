"""The process: connects to the hub, and ends on SIGTERM."""

import asyncio
import os
import signal
import socket
from contextlib import AsyncExitStack, suppress

from canary.cluster.cluster import Cluster
from canary.coordinator.coordinator import LEASE_NAME, Coordinator
from canary.coordinator.metrics import FleetMetrics
from canary.serving import Server
from canary.settings.options import address_of


async def coordinate(
    *,
    kubeconfig: str | None,
    context: str | None,
    lease_namespace: str,
    lease_name: str = LEASE_NAME,
    listen: str = "",
    version: str,
) -> None:
    """Coordinate the fleet of a hub until SIGTERM or Ctrl-C; without `listen` nothing is served.

    Raises:
        ClusterError: there are no credentials to be found, or they cannot be used.
        CanaryError: the address can't be listened on.
    """
    metrics = FleetMetrics(version)
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(
            Cluster.connect(
                kubeconfig=kubeconfig, context=context, user_agent=f"tidegate-fleet/{version}"
            )
        )
        coordinator = Coordinator(
            hub,
            namespace=lease_namespace or hub.credentials.namespace,
            name=lease_name,
            identity=f"{socket.gethostname()}-{os.getpid()}",
            metrics=metrics,
        )
        if listen:
            host, port = address_of(listen)
            server = Server(
                host=host,
                port=port,
                silence=coordinator.silence,
                obstacles=coordinator.obstacles,
                page=metrics.page,
            )
            await server.start()
            stack.push_async_callback(server.stop)
        work = asyncio.create_task(coordinator.run(), name="coordinator")
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, work.cancel)
        with suppress(asyncio.CancelledError):
            await work

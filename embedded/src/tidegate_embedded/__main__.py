"""Run the API server, with its controllers, in a process of its own."""

import asyncio
import contextlib
import signal
from pathlib import Path

import click

from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.controllers import Controllers


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a kubeconfig that leads to the server.",
)
@click.option(
    "--token", "tokens", multiple=True, help="Accept this bearer token; others are refused."
)
@click.option(
    "--controllers/--no-controllers",
    default=True,
    show_default=True,
    help="Run Deployments, Services, owners and autoscalers.",
)
def main(
    host: str, port: int, kubeconfig: Path | None, tokens: tuple[str, ...], *, controllers: bool
) -> None:
    """Serve the Kubernetes API on this machine until interrupted."""
    asyncio.run(_serve(host, port, kubeconfig, tokens, controllers=controllers))


async def _serve(
    host: str, port: int, kubeconfig: Path | None, tokens: tuple[str, ...], *, controllers: bool
) -> None:
    users = dict.fromkeys(tokens, "system:admin") or None
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    async with contextlib.AsyncExitStack() as stack:
        server = EmbeddedApiServer(host=host, port=port, tokens=users)
        await stack.enter_async_context(server)
        if controllers:
            await stack.enter_async_context(Controllers(server))
        if kubeconfig is not None:
            server.kubeconfig(kubeconfig)
        click.echo(server.url)
        await stopped.wait()


if __name__ == "__main__":
    main()

"""`tidegate dashboard`: the Canaries in a browser, on this machine, with one's own rights."""

import asyncio
import re
import signal
import sys
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from canary.cli.common import reaching_a_cluster
from canary.cli.connection import connected
from canary.cli.dashboard_links import links, links_option
from canary.cli.dashboard_slack import SlackOptions, slack_options
from canary.cli.dashboard_ways import WAYS, WayOptions, way_options
from canary.cli.ending import Failed
from canary.cli.examining import cluster_examined
from canary.cli.offering import offer_namespaces
from canary.cli.screen import Screen
from canary.cli.who import user_of
from canary.cluster.cluster import Cluster
from canary.controller.logs import JSON, configure
from canary.dashboard.fleet import Fleet
from canary.dashboard.process import Laptop, for_many, on_laptop

if TYPE_CHECKING:
    from canary.dashboard.earlier import EarlierPoints

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_ADDRESS = re.compile(r"https?://[^\s/]+\S*")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_ORIGIN = re.compile(
    rf"(https://{_LABEL}(\.{_LABEL})*|http://(localhost|127\.0\.0\.1))(:[0-9]{{1,5}})?"
)
"""What a browser calls a site: without a path, and without the wildcards that a policy may have."""
_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 30.0
_EXAMPLES = """\b
Examples:
  tidegate dashboard
  tidegate dashboard -n shop --port 8099 --no-open
  tidegate dashboard --auth token --listen :8080
  tidegate dashboard --auth oidc --listen :8080 --public-url https://tidegate.example.com \
    --oidc-issuer https://login.example.com --oidc-client-id tidegate
"""


def _origins(
    _context: click.Context, _parameter: click.Parameter, written: tuple[str, ...]
) -> tuple[str, ...]:
    for each in written:
        if not _ORIGIN.fullmatch(each):
            raise click.BadParameter(
                f"{each!r}: write an origin, such as https://portal.example.com or "
                "https://portal.example.com:8443: no path, and each portal by its whole name"
            )
    return written


@click.command(epilog=_EXAMPLES)
@click.option(
    "-n",
    "--namespace",
    "namespaces",
    shell_complete=offer_namespaces,
    multiple=True,
    help="Only this namespace; all of them when left out. May be repeated.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8099,
    show_default=True,
    help="The port on 127.0.0.1; 0 takes any that is free.",
)
@click.option(
    "--open/--no-open",
    "opens",
    default=None,
    help="Whether to open a browser; on a terminal it is opened when left out.",
)
@click.option(
    "--auth",
    "way",
    type=click.Choice(WAYS),
    default="kubeconfig",
    show_default=True,
    help="Who looks: you on this machine; or many, by a token that each pastes, by OpenID Connect, "
    "by the token that a proxy passes, or as the user that a proxy names.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Where others reach it; no host is every address of the machine.",
)
@click.option(
    "--metrics-listen",
    metavar="HOST:PORT",
    help="With another --auth than kubeconfig: where Prometheus reads how the dashboard does, at "
    "/metrics and without a login; nowhere when left out.",
)
@click.option("--root-path", default="", help="The path below which others reach it: /tidegate.")
@click.option(
    "--frame-ancestors",
    multiple=True,
    metavar="ORIGIN",
    callback=_origins,
    help="With another --auth than kubeconfig: a portal whose pages may show these in a frame, such "
    "as https://portal.example.com; none when left out. May be repeated.",
)
@click.option("--read-only", is_flag=True, help="Show everything, and offer no command.")
@click.option(
    "--prometheus",
    metavar="URL",
    help="A Prometheus that has tidegate's metrics: charts then show a run from its beginning.",
)
@way_options
@slack_options
@links_option
@reaching_a_cluster
def dashboard(
    namespaces: tuple[str, ...],
    port: int,
    way: str,
    listen: str | None,
    metrics_listen: str | None,
    root_path: str,
    kubeconfig: str | None,
    context: str | None,
    *,
    opens: bool | None,
    read_only: bool,
    frame_ancestors: tuple[str, ...],
    prometheus: str | None,
    links_key_file: Path | None,
    **ways: Any,
) -> None:
    """Watch Canaries in a browser, and act on them.

    It listens on this machine alone, and reads and acts with your own rights. The address that it
    prints lets one browser in, once, within a minute; Enter prints a new one, Ctrl-C ends it.

    With any other --auth it serves many: each sees and does what they may. It follows the Canaries
    with its own credentials; with proxy-user these also act for the people whom the proxy names,
    and with --slack-app or --links-key-file for those whom --identities names.
    """
    alone_here = way == WAYS[0]
    if alone_here == (listen is not None):
        raise click.UsageError(
            "write --listen HOST:PORT together with --auth, such as --auth token"
        )
    if alone_here and metrics_listen:
        raise click.UsageError("write --metrics-listen with another --auth than kubeconfig")
    if alone_here and frame_ancestors:
        raise click.UsageError("write --frame-ancestors with another --auth than kubeconfig")
    host, number = _host_and_port("--listen", listen or ":0")
    metrics_at = _host_and_port("--metrics-listen", metrics_listen) if metrics_listen else None
    if root_path and (alone_here or not _PATH.fullmatch(root_path)):
        raise click.UsageError("write --root-path as /path, with another --auth than kubeconfig")
    slack = SlackOptions.take(ways)
    chat = slack.chat(many=not alone_here, read_only=read_only)
    linked = links(links_key_file, slack.identities, many=not alone_here, read_only=read_only)
    if slack.identities and not (chat or linked):
        raise click.UsageError("--identities needs --slack-app or --links-key-file")
    door = WayOptions.take(ways).way(way, root_path)
    if prometheus is not None and not _ADDRESS.fullmatch(prometheus):
        raise click.UsageError(f"--prometheus: {prometheus!r}: write http://HOST:PORT")

    async def alone(cluster: Cluster) -> None:
        user = await user_of(cluster)
        async with on_laptop(
            cluster,
            user=user,
            namespaces=namespaces,
            port=port,
            read_only=read_only,
            examine=cluster_examined,
            earlier=_earlier(prometheus),
        ) as laptop:
            await _listed(laptop.fleet)
            await _invite(laptop, opens=sys.stdout.isatty() if opens is None else opens)

    async def together(cluster: Cluster) -> None:
        configure("info", JSON)
        async with for_many(
            cluster,
            door,
            host=host,
            port=number,
            namespaces=namespaces,
            root_path=root_path,
            read_only=read_only,
            frame_ancestors=frame_ancestors,
            examine=cluster_examined,
            earlier=_earlier(prometheus),
            chat=chat,
            links=linked,
            metrics_at=metrics_at,
        ) as address:
            Screen().line(address)
            await _until_told_to_end()

    work = alone if alone_here else together
    with suppress(KeyboardInterrupt):
        connected(kubeconfig, context, work)


def _host_and_port(option: str, written: str) -> tuple[str, int]:
    host, _, number = written.rpartition(":")
    if not (number.isascii() and number.isdecimal()):
        raise click.UsageError(f"{option}: {written!r}: write HOST:PORT, or :PORT")
    return host.strip("[]"), int(number)


def _earlier(prometheus: str | None) -> "EarlierPoints | None":
    """Make what asks for the past; its client is heavy, and imported for those who want it."""
    if prometheus is None:
        return None
    from canary.dashboard.earlier import EarlierPoints

    return EarlierPoints(prometheus)


async def _listed(fleet: Fleet) -> None:
    """Wait until the Canaries are listed, or for so long that the page itself can say why not.

    Raises:
        Failed: they may not be read.
    """
    waited = 0.0
    while not fleet.synced and waited < _PATIENCE_SECONDS:
        if fleet.forbidden:
            raise Failed(f"{fleet.forbidden}; name a namespace that you may read with --namespace")
        await asyncio.sleep(_LOOK_SECONDS)
        waited += _LOOK_SECONDS


async def _invite(laptop: Laptop, *, opens: bool) -> None:
    """Print an address, and a new one for each Enter, until Ctrl-C."""
    again = asyncio.Event()
    again.set()
    if sys.stdin.isatty():
        asyncio.get_running_loop().add_reader(sys.stdin, _entered, again)
    while True:
        await again.wait()
        again.clear()
        address = laptop.invitation()
        Screen().line(address)
        if opens:
            await asyncio.to_thread(webbrowser.open, address)
            opens = False


def _entered(again: asyncio.Event) -> None:
    if sys.stdin.readline():
        again.set()
    else:
        asyncio.get_running_loop().remove_reader(sys.stdin)


async def _until_told_to_end() -> None:
    """Wait for SIGTERM, with which a pod is ended in order."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()

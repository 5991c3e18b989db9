"""The versions of the controllers in a cluster, as their Leases tell them."""

from typing import Any

import click

from canary.cli.common import common, here
from canary.cli.connection import connected
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.controller.logs import printable
from canary.errors import CanaryError
from canary.replicas.presence import controllers

_PATIENCE_SECONDS = 5.0
"""How long an answer may take at most: who asks for a version seldom waits for a cluster."""


def controller_versions(kubeconfig: str | None, context: str | None) -> dict[str, Any]:
    """Read them, the controllers that act first; where it can't be told, say why."""
    listed: list[dict[str, Any]] = []

    async def work(cluster: Cluster) -> None:
        now = here()
        found = await controllers(cluster)
        found.sort(key=lambda each: (not each.acts(now), each.place))
        listed.extend(
            {
                "version": each.scope.version,
                "lease": each.place,
                "holder": each.holder,
                "acts": each.acts(now),
            }
            for each in found
        )

    patience = min(_PATIENCE_SECONDS, common().request_timeout.total_seconds())
    try:
        connected(kubeconfig, context, work, patience=patience)
    except (CanaryError, OSError) as error:
        return {"controllers": None, "reason": str(error)}
    except click.ClickException as refused:
        if isinstance(refused, click.UsageError):
            raise
        return {"controllers": None, "reason": refused.format_message()}
    return {"controllers": listed}


def show_versions(found: dict[str, Any]) -> None:
    """Print them for people; why they can't be told is talk."""
    for each in found["controllers"] or ():
        state = "" if each["acts"] else ", which does not act now"
        Screen().line(
            f"controller {each['version'] or 'of a version that its Lease does not tell'}"
            f" (Lease {each['lease']}{state})"
        )
    if found["controllers"] is None:
        Screen.aside().line(f"no controller's version is known: {printable(found['reason'])}")

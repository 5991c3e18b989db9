"""Flagger's objects as a cluster has them, written as a person would write them."""

from collections.abc import AsyncIterator

import yaml

from canary.api.kinds import Manifest
from canary.api.meta import PEER_GROUP
from canary.api.raw import part, text
from canary.cli.ending import Failed
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.controller.templates import alert_provider_kind, metric_template_kind
from canary.core.phases import IDLE

_KEPT_METADATA = ("name", "namespace", "labels", "annotations")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KINDS = (canary_kind, metric_template_kind, alert_provider_kind)


async def peer_objects(cluster: Cluster, namespace: str) -> AsyncIterator[Manifest]:
    """Read the objects of Flagger's group.

    Raises:
        Failed: the cluster does not serve them.
        ClusterError: they cannot be read.
    """
    if await cluster.discover(canary_kind(PEER_GROUP)) is None:
        raise Failed(f"the cluster does not serve {canary_kind(PEER_GROUP).resource}")
    for make in _KINDS:
        kind = make(PEER_GROUP)
        if await cluster.discover(kind) is None:
            continue
        async for page, _ in cluster.pages(kind, namespace):
            for each in page:
                yield each


def file_of(manifest: Manifest) -> str:
    """Name the file that an object is written into."""
    metadata = manifest["metadata"]
    return f"{metadata['namespace']}/{manifest['kind'].lower()}-{metadata['name']}.yaml"


def phase_of_work(manifest: Manifest) -> str:
    """Give the phase of a Canary in the midst of something; empty where it is at rest."""
    phase = text(part(manifest, "status"), "phase")
    return phase if phase and phase not in {each.value for each in IDLE} else ""


def as_text(manifest: Manifest) -> str:
    """Write an object as a person would, without what the API server and clients keep in it."""
    metadata = {key: manifest["metadata"].get(key) for key in _KEPT_METADATA}
    annotations = {
        key: value for key, value in (metadata["annotations"] or {}).items() if key != _LAST_APPLIED
    }
    metadata = {
        key: value for key, value in (metadata | {"annotations": annotations}).items() if value
    }
    document = {key: manifest[key] for key in ("apiVersion", "kind")}
    return yaml.safe_dump(
        document | {"metadata": metadata, "spec": manifest.get("spec")}, sort_keys=False
    )

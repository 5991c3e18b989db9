"""TrafficSplits as claims. Pure.

https://github.com/servicemeshinterface/smi-spec/blob/main/apis/traffic-split/v1alpha4/traffic-split.md
"""

from collections.abc import Iterator
from decimal import Decimal

from tidegate_embedded.mesh.claim import Claim, Share, destination
from tidegate_embedded.mesh.world import (
    TRAFFIC_SPLIT,
    World,
    cluster_name,
    first_port,
    name_of,
    qualified,
    shown_name,
)
from tidegate_embedded.values import Manifest

#: Weights of the oldest version are quantities: `500m` is a half. Envoy's are whole numbers.
_THOUSANDTHS = 1000


def claims(world: World) -> Iterator[Claim]:
    """Give what each TrafficSplit claims."""
    for item in world.kinds.get(TRAFFIC_SPLIT, ()):
        namespace, _ = name_of(item)
        spec = item.get("spec") or {}
        host = spec.get("service") or ""
        service = world.named(host, namespace)
        shares = [_share(world, namespace, each) for each in spec.get("backends") or ()]
        route = {"match": {"prefix": "/"}, **destination(shares)}
        if "route" in route:
            route["route"]["timeout"] = "0s"
        yield Claim(host=qualified(service) if service else host, routes=(route,))


def unsupported(world: World) -> Iterator[str]:
    """Name what TrafficSplits ask for and this mesh does not do."""
    for item in world.kinds.get(TRAFFIC_SPLIT, ()):
        if (item.get("spec") or {}).get("matches"):
            yield f"{shown_name(item)}: spec.matches"


def _share(world: World, namespace: str, backend: Manifest) -> Share:
    service = (namespace, backend.get("service") or "")
    return Share(
        cluster=cluster_name(service, first_port(world.services.get(service, {}))),
        weight=_weight(backend.get("weight") or 0),
        changes={},
    )


def _weight(weight: int | str) -> int:
    text = str(weight)
    if text.endswith("m"):
        return int(Decimal(text[:-1]))
    return int(Decimal(text) * _THOUSANDTHS)

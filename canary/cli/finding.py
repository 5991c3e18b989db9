"""Reading a Canary, and saying where it may be instead when it is not there."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from canary.api.kinds import Manifest
from canary.api.meta import GROUP, PEER_GROUP
from canary.cli.connection import Place
from canary.cli.ending import Failed
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.errors import ClusterError, Forbidden, NotFound

_NAMED_AT_MOST = 5


async def read_canary(cluster: Cluster, place: Place) -> Manifest:
    """Read a Canary.

    Raises:
        Failed: there is no such Canary; says which there are.
        ClusterError: it cannot be read.
    """
    try:
        return await cluster.read(place.kind, place.namespace, place.name)
    except NotFound as error:
        raise Failed(await _missing(cluster, place)) from error


async def find_canary(cluster: Cluster, name: str, namespace: str, groups: Sequence[str]) -> Place:
    """Say which Canary of a namespace is meant: that of the first API group that has one.

    Where none has, it is that of the first group that is served.

    Raises:
        ClusterError: the cluster does not say.
    """
    places = [Place(namespace=namespace, name=name, group=each) for each in groups]
    if len(places) == 1:
        return places[0]
    for place in places:
        try:
            await cluster.read(place.kind, namespace, name)
        except (NotFound, Forbidden):
            continue
        return place
    for place in places:
        if await cluster.discover(place.kind) is not None:
            return place
    return places[0]


async def find_anywhere(cluster: Cluster, name: str, groups: Sequence[str]) -> Place:
    """Find the one Canary of a name, in whichever namespace it is.

    Raises:
        Failed: there is none, or there are several.
        ClusterError: Canaries of all namespaces may not be listed.
    """
    found = await _listed_places(cluster, groups, "", fields=f"metadata.name={name}")
    if not found:
        raise Failed(f"there is no Canary {name} in any namespace; tidegate list -A names them all")
    if len(found) > 1:
        if len({each.namespace for each in found}) == 1:
            raise Failed(f"{found[0]} is in two API groups: choose one with --api-group")
        named = _listed(str(each) for each in found)
        raise Failed(f"there are {len(found)} Canaries {name}: {named}; write NAMESPACE/NAME")
    return found[0]


async def find_labelled(
    cluster: Cluster, selector: str, namespace: str, groups: Sequence[str]
) -> list[Place]:
    """List the Canaries with labels, of one namespace or of all.

    Raises:
        Failed: there is none.
        ClusterError: they cannot be listed.
    """
    found = await _listed_places(cluster, groups, namespace, labels=selector)
    if not found:
        where = f"namespace {namespace}" if namespace else "any namespace"
        raise Failed(f"no Canary in {where} has the labels {selector}")
    return found


async def _listed_places(
    cluster: Cluster, groups: Sequence[str], namespace: str, **selected: str
) -> list[Place]:
    """List where Canaries are, of the API groups that are served.

    Raises:
        Failed: none is served.
    """
    kinds = [canary_kind(each) for each in groups]
    served = [each for each in kinds if await cluster.discover(each) is not None]
    if not served:
        here = cluster.credentials.namespace
        raise Failed(await _missing(cluster, Place(namespace=here, name="", group=groups[0])))
    return [
        Place(
            namespace=each["metadata"]["namespace"], name=each["metadata"]["name"], group=kind.group
        )
        for kind in served
        async for page, _ in cluster.pages(kind, namespace, metadata_only=True, **selected)
        for each in page
    ]


async def _missing(cluster: Cluster, place: Place) -> str:
    """Say that there is no such Canary, and which one may be meant."""
    if await cluster.discover(place.kind) is None:
        other = PEER_GROUP if place.group == GROUP else GROUP
        served = await cluster.discover(canary_kind(other)) is not None
        remedy = (
            f"choose the other group with --api-group {other}" if served else "install tidegate"
        )
        context = cluster.credentials.context
        return (
            f"the cluster does not serve {place.kind.resource}: {remedy}, or choose another "
            f"cluster with --context{f' (this is {context})' if context else ''}"
        )
    missing = f"there is no Canary {place.name} in namespace {place.namespace}"
    hint = _hint(place, await _found(cluster, place))
    return f"{missing}; {hint}" if hint else missing


async def _found(cluster: Cluster, place: Place) -> set[tuple[str, str]]:
    """List namespace and name of Canaries: of every namespace where that is allowed."""
    for namespace in ("", place.namespace):
        try:
            return {
                (each["metadata"]["namespace"], each["metadata"]["name"])
                async for page, _ in cluster.pages(place.kind, namespace, metadata_only=True)
                for each in page
            }
        except Forbidden:
            continue
        except ClusterError:
            break
    return set()


def _hint(place: Place, found: set[tuple[str, str]]) -> str:
    """Name the Canary that is probably meant: the same name elsewhere, or a similar one."""
    elsewhere = [namespace for namespace, name in found if name == place.name]
    if len(elsewhere) == 1:
        return f"it is in namespace {elsewhere[0]}: add -n {elsewhere[0]}"
    if elsewhere:
        return f"it is in namespaces {_listed(elsewhere)}: pick one with -n"
    here = {name for namespace, name in found if namespace == place.namespace}
    if near := get_close_matches(place.name, sorted(here), 1):
        return f"did you mean {near[0]}?"
    if near := get_close_matches(place.name, sorted({name for _, name in found}), 1):
        return f"did you mean {'/'.join(min(each for each in found if each[1] == near[0]))}?"
    if here:
        return f"that namespace has {_listed(here)}"
    return "that namespace has no Canary" if found else ""


def _listed(names: Iterable[str]) -> str:
    first = sorted(names)
    more = len(first) - _NAMED_AT_MOST
    return ", ".join(first[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")

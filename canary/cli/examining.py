"""What `tidegate doctor` examines of a cluster itself: its API, the controllers, your rights."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.metadata import version as installed_version
from itertools import combinations

from canary.api.annotations import VERBS
from canary.api.kinds import POD, Kind
from canary.api.meta import GROUP, PEER_GROUP
from canary.api.patches import difference
from canary.api.raw import items, part
from canary.api.schema import crds
from canary.cli.common import here
from canary.cli.findings import listed, number_of
from canary.cli.rights import may
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.errors import Forbidden, NotFound
from canary.replicas.presence import Presence, controllers
from canary.views.moments import span

_CRD = Kind(
    group="apiextensions.k8s.io",
    versions=("v1",),
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
)
_POLICY = Kind(
    group="admissionregistration.k8s.io",
    versions=("v1",),
    kind="ValidatingAdmissionPolicy",
    plural="validatingadmissionpolicies",
    namespaced=False,
)
_COMMAND_POLICY = f"commands.{GROUP}"
_CLOCKS_DIFFER = timedelta(seconds=10)
"""More than this: a renewal may take seconds until it is stored."""


class State(StrEnum):
    """What came of an examination."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One thing that was examined."""

    state: State
    what: str
    message: str


Examination = Callable[[Cluster], AsyncIterator[Examined]]


def good(what: str, message: str) -> Examined:
    """Say that something is as it must be."""
    return Examined(state=State.GOOD, what=what, message=message)


def bad(what: str, message: str) -> Examined:
    """Say what is wrong, and what to do."""
    return Examined(state=State.BAD, what=what, message=message)


def unknown(what: str, message: str) -> Examined:
    """Say what cannot be told, and why."""
    return Examined(state=State.UNKNOWN, what=what, message=message)


async def examined(examine: Examination, cluster: Cluster) -> AsyncIterator[Examined]:
    """Make one examination; what may not be read is not known.

    Raises:
        ClusterError: the cluster cannot be reached.
    """
    try:
        async for each in examine(cluster):
            yield each
    except Forbidden as error:
        if error.reason.startswith("401"):
            raise
        yield unknown("rights", f"you may not read this: {error.reason}")


async def server(cluster: Cluster) -> AsyncIterator[Examined]:
    """Say which API server this is."""
    context = cluster.credentials.context
    where = f"{cluster.credentials.server} (context {context})" if context else "this pod's cluster"
    yield good("API server", f"Kubernetes {await cluster.version()} at {where}")


async def definitions(cluster: Cluster) -> AsyncIterator[Examined]:
    """Compare the CRDs that are there with those of this version."""
    for manifest in crds().values():
        name = manifest["metadata"]["name"]
        try:
            there = await cluster.read(_CRD, "", name)
        except NotFound:
            yield bad(
                "CRD",
                f"{name} is not installed; run: tidegate crds | kubectl apply --server-side -f -",
            )
            continue
        if difference({"spec": {"versions": manifest["spec"]["versions"]}}, there):
            yield bad(
                "CRD",
                f"{name} is not the one of this version ({_own_version()}): fields may be dropped; "
                "run: tidegate crds | kubectl apply --server-side -f -",
            )
        else:
            yield good("CRD", f"{name} is the one of this version")
    if await cluster.discover(canary_kind(PEER_GROUP)) is not None:
        yield good("CRD", f"the objects of {PEER_GROUP} are served too")


async def acting(cluster: Cluster) -> AsyncIterator[Examined]:
    """Say which controllers act, how fresh their Leases are, and of which version they are."""
    now, found = here(), await controllers(cluster)
    if not any(each.acts(now) for each in found):
        yield bad("controller", f"none is running{_silent(found, now)}; look at its pods and logs")
    for each in found:
        if not each.acts(now) or each.renewed is None:
            continue
        age = span(max(now - each.renewed, now - now))
        labels = f" with the labels {each.scope.selector}" if each.scope.selector else ""
        yield good(
            "controller",
            f"{each.holder} acts (Lease {each.place}, renewed {age} ago) for {listed(sorted(each.scope.groups))}{labels}",
        )
        if each.scope.version and each.scope.version != _own_version():
            yield bad(
                "version",
                f"the controller is {each.scope.version} and this command {_own_version()}: use the "
                "same version of both",
            )
    for one, other in combinations([each for each in found if each.acts(now)], 2):
        if one.scope.overlaps(other.scope):
            yield bad(
                "controller",
                f"those of Leases {one.place} and {other.place} act on the same Canaries, and each "
                "undoes what the other does: stop one of them, or give them selectors that share "
                "no Canary",
            )
    for clock in _clocks(found, now):
        yield clock
    for namespace in sorted({each.namespace for each in found}):
        async for pod in _pods(cluster, namespace):
            yield pod


def _clocks(found: Iterable[Presence], now: datetime) -> Iterator[Examined]:
    """Compare clocks with the API server's, which has stamped every renewal of a Lease."""
    agree: list[str] = []
    for each in found:
        if each.ahead is None or each.written is None:
            continue
        if abs(each.ahead) <= _CLOCKS_DIFFER:
            agree.append(each.holder)
        else:
            yield bad(
                "clock",
                f"{each.holder}'s is {_differs(each.ahead)} the API server's: its deadlines, windows "
                "and queries are off by as much; synchronize the clocks of the nodes",
            )
        if each.written - now > _CLOCKS_DIFFER:
            yield bad(
                "clock",
                f"this computer's is at least {_differs(now - each.written)} the API server's: the "
                "ages shown here are off by as much; synchronize it",
            )
    if agree:
        yield good("clock", f"{listed(sorted(agree))} and the API server have the same time")


def _differs(ahead: timedelta) -> str:
    return f"{span(abs(ahead))} {'ahead of' if ahead > timedelta() else 'behind'}"


def _silent(found: Iterable[Presence], now: datetime) -> str:
    leases = [
        f"Lease {each.place} was renewed {span(now - each.renewed)} ago"
        for each in found
        if each.renewed is not None
    ]
    return f" ({'; '.join(leases)})" if leases else ""


async def _pods(cluster: Cluster, namespace: str) -> AsyncIterator[Examined]:
    async for page, _ in cluster.pages(POD, namespace, labels="app.kubernetes.io/name=tidegate"):
        for pod in page:
            name, containers = (
                pod["metadata"]["name"],
                items(part(pod.get("status"), "containerStatuses")),
            )
            ready = sum(part(each, "ready") is True for each in containers)
            restarts = sum(int(part(each, "restartCount") or 0) for each in containers)
            told = f"{namespace}/{name}: {ready} of {len(containers)} containers ready"
            told += f", {number_of('restart', restarts)}" if restarts else ""
            yield (good if ready == len(containers) else bad)("pod", told)


async def rights(cluster: Cluster, *, namespace: str) -> AsyncIterator[Examined]:
    """Say which of the verbs the caller has."""
    kind, where = canary_kind(GROUP), f"namespace {namespace}" if namespace else "all namespaces"
    told = {
        verb: await may(cluster, verb, kind, namespace) for verb in ("get", "list", "patch", *VERBS)
    }
    if None in told.values():
        yield unknown("your rights", "the API server does not say")
        return
    have, lack = ([verb for verb, yes in told.items() if yes is answer] for answer in (True, False))
    yield good("your rights", f"in {where} you may {listed(have) or 'do nothing'}")
    if lack:
        yield unknown("your rights", f"in {where} you may not {listed(lack)} {kind.plural}")


async def policy(cluster: Cluster) -> AsyncIterator[Examined]:
    """Say whether the API server checks who gives commands."""
    try:
        await cluster.read(_POLICY, "", _COMMAND_POLICY)
    except NotFound:
        yield unknown(
            "policy",
            f"{_COMMAND_POLICY} is not installed: who may patch a Canary may give it any command; "
            "set commandPolicy.enabled in the chart",
        )
        return
    yield good("policy", f"{_COMMAND_POLICY} checks who gives commands")


def _own_version() -> str:
    return installed_version("tidegate")


async def cluster_examined(cluster: Cluster) -> AsyncIterator[Examined]:
    """Examine what all Canaries of a cluster need.

    Raises:
        ClusterError: the cluster cannot be reached.
    """
    for examine in (server, definitions, acting, policy):
        async for each in examined(examine, cluster):
            yield each

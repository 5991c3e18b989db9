"""What is made of a Canary's spec: the model, its router, and what is wrong with it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from analysis.builtin import counts_requests
from analysis.errors import UnknownPlugin
from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.metrics import CompareWith
from canary.api.namespaces import MESH, Boundary
from canary.api.raw import part
from canary.api.rules import NAME_THE_STEPS
from canary.api.salvage import salvage
from canary.api.shown import shown
from canary.api.switching import says_steps, switching
from canary.api.tolerated import tolerated
from canary.api.validation import parse_canary
from canary.controller.installed import missing_plugins
from canary.core.cautions import little_seen
from canary.errors import InvalidSpec, Problem, SpecWarning
from canary.routers import Router, router_for
from canary.routers.partition import PartitionRouter
from canary.scalers import Scaler, installed_scaler
from canary.targets import Target, installed_target


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpec:
    """A spec that was read."""

    generation: int = 0
    canary: Canary | None = None
    """None where too little can be read to know the target by."""
    router: Router | None = None
    workload: Target | None = None
    """How workloads of the target's kind are read and rendered."""
    scaler: Scaler | None = None
    """The same for the autoscaler; None where the spec names none."""
    problems: tuple[Problem, ...] = ()
    """Why it can't be acted on; empty for a sound one."""
    warnings: tuple[SpecWarning, ...] = ()
    """What of a sound spec is accepted but ignored or changed."""


class SpecReader:
    """Reads specs, and says everything that is wrong with one at once."""

    def __init__(self, default_router: str, boundary: Boundary) -> None:
        self._default_router = default_router
        self._boundary = boundary

    def read(self, manifest: Manifest) -> ReadSpec:
        """Read the spec of an object, whatever it holds."""
        # Only what the spec depends on is validated with it: a status is read leniently.
        document = {key: value for key, value in manifest.items() if key != "status"}
        problems: list[Problem] = []
        try:
            canary: Canary | None = parse_canary(document)
        except InvalidSpec as invalid:
            problems += invalid.problems
            canary = salvage(document)
        whole = not problems
        generation = part(manifest.get("metadata"), "generation") or 0
        if canary is None:
            return ReadSpec(generation=generation, problems=tuple(problems))
        try:
            router: Router | None = router_for(canary.spec.provider or self._default_router)
        except UnknownPlugin:
            router = None
        problems += missing_plugins(canary, default_router=self._default_router)
        target = canary.spec.target_ref
        workload, unkept = _workload(canary)
        problems += unkept
        if workload is not None and (workload.holds_primary or workload.keeps):
            spec = canary.spec.with_primary(target.name)
            canary = canary.model_copy(update={"spec": spec})
        if workload is not None and workload.divides and router is not None:
            problems += _undivided(canary, workload, router)
            router = routing(workload, router)
            canary = canary.model_copy(update={"spec": canary.spec.with_primary(target.name)})
        reference = canary.spec.autoscaler_ref
        if router is not None:
            problems += router.problems(canary)
            problems += _without_steps(canary, router) if whole else ()
            problems += _uncounted(canary, router)
        if workload is not None:
            problems += (*workload.problems(canary), *_beyond_abilities(canary, workload))
            problems += _beside_primary(canary, workload)
            if router is not None and router.by_apex and workload.serves:
                problems.append(_switched(canary, workload, router))
            if router is not None and router.abilities(canary).by_subsets:
                problems += _beyond_subsets(canary, workload, router)
            if router is not None and router.abilities(canary).by_replicas:
                problems += _beyond_replicas(canary, workload, router)
        problems += _beyond_namespace(canary, router, self._boundary)
        warnings: tuple[SpecWarning, ...] = ()
        if router is not None:
            warnings = (*tolerated(canary, document.get("spec")), *router.ignored(canary))
            warnings += (*little_seen(canary.spec),) if whole else ()
            if not router.abilities(canary).splits:
                canary, changed = switching(canary, canary.spec.provider or router.name)
                warnings += changed
        return ReadSpec(
            generation=generation,
            canary=canary,
            router=router,
            workload=workload,
            scaler=installed_scaler(reference.kind) if reference else None,
            problems=_one_for_each_field(problems),
            warnings=() if problems else warnings,
        )


def routing(workload: Target | None, router: Router | None) -> Router | None:
    """Give what routes to a kind of workload: a divided one is its own router."""
    if workload is None or router is None or not workload.divides:
        return router
    return PartitionRouter(workload.kind, workload.divided)


def _one_for_each_field(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Keep the first problem of each field: one fault is one sentence."""
    kept: dict[str, Problem] = {}
    for problem in problems:
        kept.setdefault(problem.field, problem)
    return tuple(kept.values())


def _uncounted(canary: Canary, router: Router) -> Iterator[Problem]:
    """Refuse to verify traffic whose shares nothing counts."""
    verify, name = canary.spec.analysis.verify_traffic, canary.spec.provider or router.name
    if verify is not None and not counts_requests(name):
        remedy = f"remove it, or name another router: no metrics of {name} count both sides"
        yield Problem("spec.analysis.verifyTraffic", shown(verify), remedy)


def _without_steps(canary: Canary, router: Router) -> Iterator[Problem]:
    """Name an analysis that says no steps, where the router does not switch all traffic at once."""
    analysis = canary.spec.analysis
    if router.abilities(canary).splits and not says_steps(analysis):
        yield Problem("spec.analysis", shown(analysis), NAME_THE_STEPS)


def _beyond_abilities(canary: Canary, workload: Target) -> Iterator[Problem]:
    """Name what a kind of workload cannot do and is asked for."""
    reference = canary.spec.autoscaler_ref
    if reference is not None and not workload.scales:
        kind = workload.kind.kind
        remedy = f"remove it: a {kind} has no number of replicas that an autoscaler could change"
        yield Problem("spec.autoscalerRef", shown(reference.name), remedy)


def _beyond_subsets(canary: Canary, workload: Target, router: Router) -> Iterator[Problem]:
    """Name a target that needs the services of its sides."""
    if workload.serves or workload.keeps:
        name, kind = canary.spec.provider or router.name, workload.kind.kind
        needs = f"a target of kind {kind}" if workload.serves else "a target that is kept"
        remedy = (
            f"name another router, such as {router.name}: with {name} the sides have no Services, "
            f"and {needs} needs them"
        )
        yield Problem("spec.provider", shown(name), remedy)


def _beside_primary(canary: Canary, workload: Target) -> Iterator[Problem]:
    """Refuse a baseline beside a primary that is no workload of its own, or cannot stand twice."""
    for place, metric in canary.spec.analysis.placed_metrics():
        if metric.compare_with is CompareWith.BASELINE and not workload.baselines:
            kind = "target that is kept" if workload.keeps else workload.kind.kind
            remedy = f"write primary, or remove it: no baseline can stand beside a {kind}"
            yield Problem(f"{place}.compareWith", str(metric.compare_with), remedy)


def _switched(canary: Canary, workload: Target, router: Router) -> Problem:
    """Refuse to write into a target that is the service which clients call."""
    name, kind = canary.spec.provider or router.name, workload.kind.kind
    remedy = (
        f"name another router: {name} writes into the service that clients call, and a target of "
        f"kind {kind} is that service"
    )
    return Problem("spec.provider", shown(name), remedy)


def _workload(canary: Canary) -> tuple[Target | None, tuple[Problem, ...]]:
    """Give what reads and renders a Canary's target, and why one that shall be kept cannot be."""
    target = canary.spec.target_ref
    workload = installed_target(target.kind, target.api_version)
    if workload is None or not canary.spec.keep_target:
        return workload, ()
    kept = workload.keeping()
    return (workload, (_not_kept(workload),)) if kept is None else (kept, ())


def _not_kept(workload: Target) -> Problem:
    """Refuse to keep a target whose kind cannot be held while a canary runs beside it."""
    remedy = (
        f"remove it: a {workload.kind.kind} cannot be paused, so that what is released would reach its "
        "pods at once"
    )
    return Problem("spec.keepTarget", value=True, remedy=remedy)


def _undivided(canary: Canary, workload: Target, router: Router) -> Iterator[Problem]:
    """Name a router that would need a second workload to lead to."""
    if router.abilities(canary).by_replicas:
        return
    name, kind = canary.spec.provider or router.name, workload.kind.kind
    remedy = (
        f"write kubernetes:replicas: the canary of a {kind} is some of its own pods, to which {name} "
        "has no way of its own, so that its share is that of the pods"
    )
    yield Problem("spec.provider", shown(name), remedy)


def _beyond_replicas(canary: Canary, workload: Target, router: Router) -> Iterator[Problem]:
    """Name what keeps the number of the canary's replicas from deciding its share."""
    reference, name = canary.spec.autoscaler_ref, canary.spec.provider or router.name
    if not workload.scales:
        remedy = (
            f"name another router: the shares of {name} follow from numbers of replicas, and a "
            f"{workload.kind.kind} has none"
        )
        yield Problem("spec.targetRef.kind", workload.kind.kind, remedy)
    if workload.keeps:
        remedy = (
            f"name another router: {name} sets the numbers of replicas of both sides, and those of a "
            "target that is kept are its user's"
        )
        yield Problem("spec.provider", shown(name), remedy)
    if reference is not None:
        remedy = (
            f"remove it and the {reference.kind}, or name another router: {name} sets the number "
            "of the canary's replicas for each share, and an autoscaler would change it"
        )
        yield Problem("spec.autoscalerRef", shown(reference.name), remedy)


def _beyond_namespace(
    canary: Canary, router: Router | None, boundary: Boundary
) -> Iterator[Problem]:
    """Name what refers to other namespaces, where the installation allows that to none."""
    own, service = canary.metadata.namespace, canary.spec.service
    yield from boundary.problems(canary.spec, own)
    called = not service.gateways or MESH in service.gateways
    if router is None or (called and router.abilities(canary).takes_calls):
        yield from boundary.short_hosts(service.hosts, own)

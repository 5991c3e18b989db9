"""What a run of a Canary would meet in a cluster: found out by reading, and by asking each query."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from analysis.asking import Providers
from analysis.clustering import clustering_of
from analysis.errors import Busy
from analysis.evidence import Count
from analysis.model import Arm, Ask, Metric, NoData, Outcome, QueryFailure, Sample, Signal
from analysis.providers import CountsHalves, Provider
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.metrictemplate import MetricTemplate
from canary.cli.connection import Place
from canary.cli.gathering import Files
from canary.cli.lacking import TARGET, lacking, users
from canary.cli.questions import traits_of
from canary.cli.rights import may
from canary.cli.templates import KnownTemplates, stored_templates
from canary.cluster.cluster import Cluster
from canary.controller.canaries import CanaryRecord
from canary.controller.places import service_keys, service_names
from canary.controller.queries import QueryBuilder, Stores
from canary.controller.references import alert_field, named, remedy_of
from canary.controller.secrets import SecretReader, presented
from canary.controller.templates import alert_provider_key
from canary.errors import CanaryError, Forbidden, NotFound, Problem
from canary.views.outlook import Outlook, outlook
from canary.views.sight import Bursts, Sight, sight

#: What a count is called.
UNANSWERED = "no answer to this machine"
"""Where a query failed: the controller may reach what this machine does not."""
_BLOCK, _BLOCKS = timedelta(minutes=1), 120
"""How long is looked back to find how much bad requests come together."""
_COUNTED = {
    Signal.REQUESTS: "requests",
    Signal.BAD: "bad requests",
    Signal.GOOD: "good requests",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """A run as it would be, and what would keep it from being so."""

    place: Place
    record: CanaryRecord
    run: Outlook
    target: Manifest | None
    """None where it is not there."""
    writes: tuple[ObjectKey, ...]
    """What is made, or written into."""
    problems: tuple[Problem, ...]
    """Why it could not be acted on."""
    answers: tuple[str, ...]
    """What each query answers now."""
    sights: tuple[Sight, ...]
    """What judges that compare would see in the run."""
    bursts: tuple[Bursts, ...]
    """How much bad requests came together lately, by metric; without those that are not known."""
    missing: tuple[str, ...]
    """The rights that the caller has not and may need."""


async def foresee(
    cluster: Cluster,
    place: Place,
    record: CanaryRecord,
    *,
    stores: Stores,
    default_router: str,
    templates: Mapping[tuple[str, str], MetricTemplate],
    target: Manifest | None,
    files: Files,
) -> Foreseen:
    """Find out what a run would be; what is in the files comes before what the cluster has.

    Raises:
        ClusterError: the cluster cannot be asked.
    """
    run = outlook(record.canary, traits_of(record).settling)
    problems = [*record.problems, *[each async for each in _not_served(cluster, record)]]
    if target is None and record.workload is not None:
        try:
            target = await cluster.read(record.workload.kind, place.namespace, record.target)
        except NotFound:
            kind = record.canary.spec.target_ref.kind
            remedy = f"{kind} {place.namespace}/{record.target} does not exist; create it"
            problems.append(Problem("spec.targetRef.name", record.target, remedy))
    answers: list[str] = []
    sights: list[Sight] = []
    bursts: list[Bursts] = []
    if not record.problems:
        specs = tuple(each for _, each in record.canary.spec.analysis.placed_metrics())
        stored = await stored_templates(cluster, place, specs)
        builder = QueryBuilder(
            templates=KnownTemplates({**stored, **templates}),
            secrets=SecretReader(cluster, lambda: 0.0),
            stores=stores,
            default_router=default_router,
            api_server=cluster.credentials,
        )
        found = await _users_objects(cluster, record, files)
        problems += lacking(record, found, served=cluster.served)
        problems += [each async for each in _broken(cluster, record)]
        async with Providers() as providers:
            for path, spec in record.canary.spec.analysis.placed_metrics():
                (metrics, unasked) = await builder.build(record, (spec,))
                problems += (Problem(path, spec.name, each.message) for each in unasked)
                for metric in metrics:
                    at = datetime.now(UTC)
                    outcomes = await _asked(providers, metric, at)
                    answers += (_answer(metric, *each) for each in outcomes.items())
                    if (seen := sight(metric, outcomes, at, run.steps)) is not None:
                        sights.append(seen)
                        bursts += [each async for each in _bursts(providers, metric, at)]
    return Foreseen(
        place=place,
        record=record,
        run=run,
        target=target,
        writes=tuple(written_by(record)),
        problems=tuple(problems),
        answers=tuple(answers),
        sights=tuple(sights),
        bursts=tuple(bursts),
        missing=tuple([each async for each in _missing(cluster, place, run)]),
    )


async def _not_served(cluster: Cluster, record: CanaryRecord) -> AsyncIterator[Problem]:
    """Name the kinds that the router and the autoscaler need and the cluster does not serve."""
    kinds: list[tuple[str, object, Kind]] = []
    if record.router is not None:
        kinds += [("spec.provider", record.provider, each) for each in record.router.writes]
    if record.scaler is not None:
        reference = record.canary.spec.autoscaler_ref
        kinds.append(("spec.autoscalerRef.kind", reference and reference.kind, record.scaler.kind))
    for field, value, kind in kinds:
        if await cluster.discover(kind) is None:
            remedy = f"the cluster does not serve {kind.resource}; {kind.remedy}"
            yield Problem(field, value, remedy)


async def _broken(cluster: Cluster, record: CanaryRecord) -> AsyncIterator[Problem]:
    """Name the receivers and Secrets that cannot be used; what may not be read is not known."""
    secrets = SecretReader(cluster, lambda: 0.0)
    analysis = record.canary.spec.analysis
    for path, hook in analysis.placed_webhooks():
        if hook.secret_ref is not None:
            try:
                await presented(secrets, record.key.namespace, hook)
            except Forbidden:
                continue
            except CanaryError as error:
                name = hook.secret_ref.name
                yield Problem(f"{path}.secretRef", name, remedy_of(error, name))
    for number, alert in enumerate(analysis.alerts):
        key = alert_provider_key(record.key, alert.provider_ref)
        try:
            await cluster.read(key.kind, key.namespace, key.name)
        except NotFound:
            remedy = "there is no such AlertProvider; create it, or name another"
            yield Problem(alert_field(number), named(record.key, alert.provider_ref), remedy)


async def _users_objects(
    cluster: Cluster, record: CanaryRecord, files: Files
) -> dict[ObjectKey, Manifest | None]:
    """Read the user's objects that the router needs; what may not be read is not known.

    Neither is a target that is not there yet, which is a problem of its own: its status counts too.
    """
    found: dict[ObjectKey, Manifest | None] = {}
    for field, key in users(record):
        written = files.find(key.kind.kind, key.namespace, key.name)
        given = written.obj if written is not None and written.group == key.kind.group else None
        if given is not None and field != TARGET:
            found[key] = given
        elif await cluster.discover(key.kind) is not None:
            try:
                found[key] = await cluster.read(key.kind, key.namespace, key.name) | (given or {})
            except NotFound:
                if field != TARGET:
                    found[key] = None
            except Forbidden:
                continue
    return found


async def _asked(providers: Providers, metric: Metric, at: datetime) -> dict[Ask, Outcome]:
    """Ask each question of a metric once."""
    outcomes: dict[Ask, Outcome] = {}
    for ask in metric.asks:
        try:
            outcomes[ask] = await providers.ask(metric, at, ask)
        except Busy as busy:
            outcomes[ask] = QueryFailure(reason=str(busy))
    return outcomes


async def _bursts(providers: Providers, metric: Metric, at: datetime) -> AsyncIterator[Bursts]:
    """Find out how much bad requests came together on single pods of the primary."""
    counted = {ask.signal: ask.query for ask in metric.asks if ask.arm is Arm.PRIMARY}
    some = counted.get(Signal.BAD) or counted.get(Signal.GOOD, "")
    asked = (counted.get(Signal.REQUESTS, ""), some)

    async def halves(provider: Provider) -> Sequence[tuple[Count, Count]]:
        if not isinstance(provider, CountsHalves):
            return ()
        return await provider.halves(asked, at, _BLOCK, _BLOCKS)

    found = await providers.guard(metric, halves)
    if isinstance(found, QueryFailure):
        return
    if Signal.BAD not in counted:
        found = [(_rest(one), _rest(other)) for one, other in found]
    measured = clustering_of(found)
    if measured:
        yield Bursts(metric=metric.name, over=_BLOCKS * _BLOCK, measured=measured)


def _rest(count: Count) -> Count:
    """Count what was not good."""
    return Count(count.requests, max(count.requests - count.bad, 0.0))


def _answer(metric: Metric, ask: Ask, outcome: Outcome) -> str:
    """Say what came of a question."""
    name = metric.name if len(metric.asks) == 1 else f"{metric.name} ({ask.arm})"
    match outcome:
        case Sample() if ask.signal is not Signal.VALUE:
            return f"{name}: {outcome.value:,.0f} {_COUNTED[ask.signal]}"
        case Sample():
            bounds = metric.threshold_range.text
            return f"{name}: {outcome.value:g}{f' (passes with {bounds})' if bounds else ''}"
        case NoData():
            return f"{name}: no data now: {outcome.reason}"
        case QueryFailure():
            return f"{name}: {UNANSWERED}: {outcome.reason}"


async def _missing(cluster: Cluster, place: Place, run: Outlook) -> AsyncIterator[str]:
    """Name the rights that the caller has not: to give commands, and to open the gates."""
    verbs = ("patch", "abort", *(("approve", "reject") if run.people else ()))
    for verb in verbs:
        if await may(cluster, verb, place.kind, place.namespace) is False:
            yield f"{verb} on {place.kind.resource} in namespace {place.namespace}"


def written_by(record: CanaryRecord) -> Iterator[ObjectKey]:
    """Name the objects that are made for a Canary or written into, each once."""
    workload = record.workload
    divides = workload is not None and workload.divides
    keys: list[ObjectKey] = [] if divides else [*record.sides[1:]]
    if workload is not None and (workload.serves or divides):
        keys += (each.key for each in workload.services(record.canary, {}))
    else:
        keys += service_keys(record, service_names(record))
    keys += (*record.baseline_places, *record.autoscalers[1:])
    if record.router is not None:
        keys += record.router.objects(record.canary).written
    yield from dict.fromkeys(keys)


def owned_by(record: CanaryRecord) -> Iterator[ObjectKey]:
    """Name the objects that are made for a Canary and are no user's."""
    workload = record.workload
    if workload is not None and workload.divides:
        return
    keys: list[ObjectKey] = [*record.sides[1:], *record.baseline_places, *record.autoscalers[1:]]
    if workload is None or not workload.serves:
        keys += service_keys(record)[1:]
    if record.router is not None:
        keys += record.router.objects(record.canary).own
    yield from dict.fromkeys(keys)

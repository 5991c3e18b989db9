"""Observing: the facts about a Canary, from the caches.

Nothing is asked of the API server here but a tracked ConfigMap or Secret whose version has moved,
and the workloads while they can't be followed: a run must not fail, or go on, by what was.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from canary.api.annotations import RELEASE
from canary.api.shown import shown
from canary.api.status import Thread
from canary.cluster.cache import CacheSet
from canary.controller.baselines import find_baseline
from canary.controller.budgets import Budgets, PrimaryBudgets
from canary.controller.canaries import FINALIZER, CanaryKey, CanaryRecord
from canary.controller.claims import Claims
from canary.controller.configs import ConfigReader
from canary.controller.copies import copies_of
from canary.controller.drifts import DriftFinder
from canary.controller.former import lost_routers
from canary.controller.kept_sides import runs_template
from canary.controller.memo import Memo
from canary.controller.records import WorkloadRecord
from canary.controller.references import References
from canary.controller.store import Store
from canary.controller.surroundings import Surroundings
from canary.controller.wanted import Renderer
from canary.controller.workloads import as_fact
from canary.core.facts import (
    BindingPolicy,
    Dependency,
    Facts,
    Outage,
    PlanSeen,
    Policy,
    Revision,
    Workload,
)
from canary.core.needs import Need
from canary.core.peers import Peer
from canary.core.recorded import records_of
from canary.core.subsets import leads_to_both
from canary.errors import SpecWarning
from canary.objects.ownership import ours
from canary.resources.revision import Hashing


class Observer:
    """Puts the facts about a Canary together."""

    def __init__(
        self,
        *,
        caches: CacheSet,
        store: Store,
        configs: ConfigReader,
        renderer: Renderer,
        budgets: Budgets,
        surroundings: Surroundings,
        references: References,
        policy: Policy,
        records: str = "",
        hashing: Hashing,
        cancelled: Callable[[CanaryKey], frozenset[str]] = lambda _: frozenset(),
        plan: Callable[[CanaryRecord], PlanSeen | None] = lambda _: None,
    ) -> None:
        self._caches = caches
        self._store = store
        self._configs = configs
        self._renderer = renderer
        self._budgets = budgets
        self._claims = Claims(store)
        self._drifts = DriftFinder(store, renderer)
        self._surroundings = surroundings
        self._references = references
        self._policy = policy
        self._records = records
        self._hashing = hashing
        self._cancelled = cancelled
        self._plan = plan
        self._revisions: Memo[str] = Memo()

    async def observe(
        self,
        record: CanaryRecord,
        *,
        answers: Mapping[Need[object], object],
        delivered: frozenset[str],
        threads: tuple[Thread, ...],
        obstacle: str,
        unseen: str = "",
        others: tuple[Peer, ...] = (),
        dependencies: tuple[Dependency, ...] = (),
        members: tuple[Peer, ...] = (),
        policies: tuple[BindingPolicy, ...] = (),
        outages: tuple[Outage, ...] = (),
        away_since: datetime | None = None,
    ) -> Facts:
        """Put the facts about a Canary together.

        Raises:
            ClusterError: something is not known, and could not be read.
        """
        canary = record.canary
        namespace = record.key.namespace
        if record.target_kind is not None:
            for key in (*record.sides, *record.baseline_places[:1]):
                await self._caches.freshen(key)
        target, primary = self._store.target(record), self._store.primary(record)
        divided = target.divided if target is not None else None
        if divided is None and primary is not None and not primary.stays_with(record.uid):
            # It has the name, and belongs to another owner, or goes with a Canary that was here before.
            primary = None
        seen: Revision | None = None
        if target is not None:
            configs, missing = await self._configs.checksums(namespace, target.references)
            obstacle = missing or obstacle
            revision = "" if missing else self._revision(record, target, configs)
            if revision:
                seen = Revision(id=revision, configs=configs, images=target.images)
        lacking, contested = (None, "") if record.deleting else self._renderer.hindrances(record)
        if record.deleting:
            obstacle = lost_routers(record) or obstacle
        elif lacking is not None:
            obstacle = str(lacking)
        else:
            obstacle = obstacle or self._renderer.unshared(record) or self._unpromoted(record)
        baseline = find_baseline(self._store, record)
        obstacle = obstacle or baseline.taken
        abilities = record.router.abilities(canary) if record.router else None
        budgets, former = self._budgets.find(record), self._renderer.left(record)
        subsets, seen_primary = record.by_subsets, self._workload(record, primary)
        shared = leads_to_both(record.status, seen_primary, former, by_subsets=subsets)
        away = await self._routes_away(record) if self._caches.is_split else ""
        minimum, target_rests = self._target_autoscaler(record)
        maximum, primary_rests = self._renderer.primary_bounds(record)
        return Facts(
            uid=record.uid,
            generation=record.generation,
            deleting=record.deleting,
            has_finalizer=FINALIZER in record.finalizers,
            commands=record.commands,
            target=self._workload(record, target),
            primary=seen_primary,
            baseline=self._workload(record, baseline.workload),
            baseline_left=baseline.service is not None,
            revision=seen,
            routed=self._store.routed(record),
            routes_away=away,
            contested=contested,
            refusal=self._store.refusal(record),
            problems=record.problems,
            unguided=record.unguided,
            warnings=(
                *record.warnings,
                *self._store.left_out(record),
                *_ungrouped(record, target),
            ),
            restored=record.deleting and not obstacle and self._restored(record, target),
            left_behind=record.deleting
            and not obstacle
            and self._left_behind(record, primary, budgets),
            autoscaler_minimum=minimum,
            autoscaler_maximum=maximum,
            target_rests=target_rests,
            primary_rests=primary_rests,
            autoscaler_missing=self._autoscaler_missing(record),
            autoscaler_absent=record.scaler is not None and self._caches.absent(record.scaler.kind),
            autoscaler_left=self._renderer.autoscaler_left(record),
            budgeted=bool(budgets.wanted or budgets.gone),
            taken="; ".join(filter(None, (self._claims.taken(record), budgets.taken))),
            provider=record.provider,
            routed_by=canary.spec.references(abilities.references) if abilities else (),
            by_subsets=subsets,
            kept=record.keeps,
            splits=abilities is None or abilities.splits,
            by_replicas=abilities is not None and abilities.by_replicas,
            ordinals=divided.pods if divided is not None else None,
            strays=divided is not None and divided.strays,
            settling=abilities.settles if abilities else timedelta(0),
            former=former,
            drifts=self._drifts.find(record, target, budgets.wanted, shared=shared),
            others=others,
            dependencies=dependencies,
            members=members,
            policies=policies,
            plan=self._plan(record),
            survey=None if away else await self._surroundings.survey(record),
            references=await self._references.broken(record),
            accepted_risks=record.accepted_risks,
            obstacle=obstacle,
            unseen=unseen,
            outages=outages,
            away_since=away_since,
            answers=answers,
            delivered=delivered,
            threads=threads,
            cancelled=self._cancelled(record.key),
            records=records_of(self._records, namespace, record.key.name),
            policy=self._policy,
        )

    def forget(self, key: CanaryKey) -> None:
        """Drop what is known of a Canary beside the caches."""
        self._revisions.forget(key)
        self._references.forget(key)

    def _revision(
        self, record: CanaryRecord, target: WorkloadRecord, configs: Mapping[str, str]
    ) -> str:
        if target.divided is not None:
            return self._named(record, target.template, target.divided.newest)
        recorded = (record.status.last_applied_spec, record.status.last_promoted_spec)
        inputs = (target.template, tuple(configs.items()), recorded)
        known = self._revisions.recall(record.key, inputs)
        if known is None:
            known = self._hashing.revision_of(target.template, configs, recorded)
            self._revisions.keep(record.key, inputs, known)
        return known

    def _named(self, record: CanaryRecord, template: str, name: str) -> str:
        """Give the name that a workload's controller has for its template; empty before it has one.

        Nothing but another template changes it, whatever else that controller has yet to see.
        """
        if not name:
            return self._revisions.recall(record.key, (template,)) or ""
        self._revisions.keep(record.key, (template,), name)
        return name

    def _workload(self, record: CanaryRecord, found: WorkloadRecord | None) -> Workload | None:
        if found is None:
            return None
        written = self._store.templates.recall(found.uid, ()) or ""
        return as_fact(record, found, written=written, trouble=self._store.trouble(record, found))

    def _unpromoted(self, record: CanaryRecord) -> str:
        """Say why a target that was paused before cannot be kept; empty where it can."""
        target = self._store.written(record)
        if target is None or not record.keeps or record.status.last_promoted_spec:
            return ""
        if not target.paused or not target.total or runs_template(target):
            return ""
        name = f"{target.kind.kind} {target.name}"
        return (
            f"{name} is paused, and its pods do not run its template: write back the template that "
            f"they run, or roll it out with kubectl rollout resume {target.kind.kind.lower()}/"
            f"{target.name}"
        )

    async def _routes_away(self, record: CanaryRecord) -> str:
        """Say why the routes cannot be known as they are now, where they are in another cluster."""
        return await self._caches.away(record.objects.written)

    def _restored(self, record: CanaryRecord, target: WorkloadRecord | None) -> bool:
        """Tell whether what was taken over is as it was, and a kept target its own controller's again."""
        written = self._store.written(record) if record.keeps else None
        held = written is not None and written.paused and runs_template(written)
        return not held and self._renderer.restored(record, target)

    def _autoscaler_missing(self, record: CanaryRecord) -> bool:
        return bool(record.autoscalers) and self._store.packed(record.autoscalers[0]) is None

    def _left_behind(
        self, record: CanaryRecord, primary: WorkloadRecord | None, budgets: PrimaryBudgets
    ) -> bool:
        """Tell whether nothing that was made for a Canary names it as its owner."""
        if primary is not None and ours(record.canary, primary.owners):
            return False
        if any(copies_of(self._caches, record.canary)):
            return False
        keys = (each.key for each in budgets.wanted)
        return not any(each.missing for each in self._renderer.left_behind(record, keys))

    def _target_autoscaler(self, record: CanaryRecord) -> tuple[int | None, bool]:
        """Give the target's autoscaler's least number, and whether it takes all of an idle one's."""
        manifest = self._store.manifest(record.autoscalers[0]) if record.autoscalers else None
        if record.scaler is None or manifest is None:
            return None, False
        return record.scaler.minimum(manifest), record.scaler.rests(manifest)


def _ungrouped(record: CanaryRecord, target: WorkloadRecord | None) -> tuple[SpecWarning, ...]:
    """Say that a group has no effect without a release."""
    group = record.canary.spec.group
    if group is None or target is None or target.release:
        return ()
    effect = f"no effect: {target.kind.kind} {target.name} has no annotation {RELEASE}"
    return (SpecWarning("spec.group.name", shown(group.name), effect),)

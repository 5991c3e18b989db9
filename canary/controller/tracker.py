"""What is followed for whom, and who is woken by what.

A kind is followed while a Canary needs it. A change of an object wakes the Canaries that it matters
to, and to no other. What a change means is not known here.
Long because each kind that matters to Canaries in a way of its own is followed and heard of here.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from functools import partial
from time import monotonic

from canary.api.kinds import BUDGET, POD, Kind, ObjectKey
from canary.api.meta import GROUP
from canary.cluster.cache import ALL, CacheSet
from canary.cluster.cluster import Cluster
from canary.cluster.gateways import Gateways
from canary.cluster.outages import OutageLog
from canary.cluster.schemas import Schemas
from canary.controller.budgets import places, side_label
from canary.controller.canaries import (
    AnyCanary,
    BrokenCanary,
    CanaryKey,
    CanaryRecord,
    KnownCanary,
    canary_kind,
)
from canary.controller.configs import ConfigReader
from canary.controller.dependents import Dependents, dependencies, needs, standing
from canary.controller.following import Following
from canary.controller.former import former_routes, formers
from canary.controller.kept import register_kept
from canary.controller.memo import Memo
from canary.controller.planned import Planned
from canary.controller.pods import MemberRecord, PodRecord
from canary.controller.policies import (
    DELIVERY_POLICY,
    MEMBER,
    Policies,
    PolicyKey,
    PolicyRecord,
    WorkKey,
)
from canary.controller.reading import CanaryReader
from canary.controller.records import (
    ConfigRecord,
    Packed,
    WorkloadRecord,
    pack,
)
from canary.controller.relations import Relations
from canary.controller.standings import standing_of
from canary.controller.store import Store
from canary.controller.tallies import owner_of
from canary.controller.templates import (
    alert_provider_kind,
    alert_provider_record,
    metric_template_kind,
    metric_template_record,
)
from canary.controller.workloads import matters
from canary.core.fleet_report import FleetStanding
from canary.core.peers import CanaryName
from canary.core.phases import IDLE
from canary.resources.configs import ConfigKind
from canary.resources.revision import Hashing
from canary.routers import INGRESS_PREFIX
from canary.scalers import scaler_kinds


class Tracker:
    """Follows what the Canaries need, and wakes them."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        reader: CanaryReader,
        groups: tuple[str, ...],
        namespaces: tuple[str, ...],
        configs: frozenset[ConfigKind],
        hashing: Hashing,
        selector_labels: tuple[str, ...],
        wake: Callable[[WorkKey], None],
        outages: OutageLog | None = None,
        ingress_prefix: str = INGRESS_PREFIX,
        home: str = "",
    ) -> None:
        self.caches = CacheSet(
            cluster,
            on_change=self._on_change,
            on_synced=self._on_standing,
            on_obstacle=self._on_standing,
            outages=outages,
            counted=owner_of,
        )
        self.schemas = Schemas(cluster, monotonic)
        gateways = Gateways(cluster, monotonic)
        self.store = Store(
            self.caches, self.schemas, gateways, hashing, ingress_prefix=ingress_prefix
        )
        self.following = Following(self.caches)
        self.policies = Policies(
            self.caches,
            home=home,
            namespaces=namespaces,
            boundary=reader.boundary,
        )
        self.configs = ConfigReader(cluster, self.caches, followed=configs)
        self._reader = reader
        self._groups = groups
        self._kinds = {group: canary_kind(group) for group in groups}
        self._namespaces = namespaces
        self._followed_configs = configs
        self._hashing = hashing
        self._selector_labels = selector_labels
        self._wake = wake
        self.planned = Planned()
        self._dependents = Dependents()
        self.relations = Relations(self._dependents, self.store, self._known)
        self._budgeted: set[PolicyKey] = set()
        """The policies that ask for an error budget."""
        self._pods_matter: set[CanaryKey] = set()
        self._tracked: Memo[bool] = Memo()
        """Who is followed for already, and by what that was judged."""

    def start(self) -> None:
        """Tell what is kept of each kind, and follow the Canaries, which say what else to follow."""
        register = self.caches.register
        for group in self._groups:
            register(canary_kind(group), self._reader.keep, owners=lambda each: each.held_service)
            register(alert_provider_kind(group), alert_provider_record)
        # Policies are of one group, and so are the templates that they name.
        for group in dict.fromkeys((*self._groups, GROUP)):
            register(metric_template_kind(group), metric_template_record)
        register_kept(self.caches, self._hashing)
        self.policies.start()
        for kind in self._canary_kinds():
            for namespace in self._namespaces or (ALL,):
                self.caches.require(kind, namespace)

    # ----------------------------------------------------------------------------------- looking up

    def find(self, key: CanaryKey) -> AnyCanary | None:
        """Look a Canary up that this controller acts on."""
        known = self._known(key)
        return self._reader.recall(known) if known is not None and known.taken else None

    def canaries(self) -> list[CanaryKey]:
        """List the Canaries that this controller acts on."""
        return [
            known.key
            for kind in self._canary_kinds()
            for known in self.caches.values(kind)
            if isinstance(known, KnownCanary) and known.taken
        ]

    def records(self, place: CanaryName) -> Iterator[AnyCanary]:
        """Look the Canaries of a name up, in every API group, those of other controllers too."""
        for group in self._groups:
            if (known := self._known(CanaryKey(group, *place))) is not None:
                yield self._reader.recall(known)

    def left(self, key: Hashable) -> bool:
        """Tell whether a Canary is another controller's to act on, by its labels."""
        known = self._known(key) if isinstance(key, CanaryKey) else None
        return known is not None and not known.taken

    def watches(self, namespace: str) -> bool:
        """Tell whether the Canaries of a namespace are followed."""
        return not self._namespaces or namespace in self._namespaces

    def knows_canaries(self) -> bool:
        """Tell whether it is known which Canaries there are."""
        return all(
            self.caches.synced(kind, namespace) or self.caches.absent(kind)
            for kind in self._canary_kinds()
            for namespace in self._namespaces or (ALL,)
        )

    def policies_pending(self) -> bool:
        """Tell whether policies, or the templates of their budgets, are not known yet."""
        return self.policies.pending() or any(map(self.following.pending, self._budgeted))

    async def look_again(self, place: CanaryName) -> None:
        """Read the Canaries of a name, of which an old version or none is known.

        Raises:
            ClusterError: one could not be read.
        """
        for kind in self._canary_kinds():
            if not self.caches.absent(kind):
                key = ObjectKey(kind=kind, namespace=place.namespace, name=place.name)
                await self.caches.look_again(key)

    def sees_workloads(self, record: CanaryRecord) -> bool:
        """Tell whether the target and the primary are known, whatever else is not."""
        kind, namespace = record.target_kind, record.key.namespace
        if kind is None:
            return False
        return self.caches.synced(kind, namespace) and not self.caches.obstacle(kind, namespace)

    def unseen(self, record: CanaryRecord) -> str:
        """Tell why the target and the primary may not be read; empty where they may."""
        kind = record.target_kind
        return "" if kind is None else self.caches.forbidden(kind, record.key.namespace)

    def apart(self, record: CanaryRecord) -> str:
        """Tell why the cluster of the routes cannot be followed, where that is another one."""
        return self.caches.apart(record.objects.written) if self.caches.is_split else ""

    def problems(self) -> list[str]:
        """Tell why it is not known which Canaries there are; nothing where it is.

        A group whose CRDs are not installed has none, as long as another group's are.
        """
        kinds = self._canary_kinds()
        absent = [kind for kind in kinds if self.caches.absent(kind)]
        if len(absent) < len(kinds):
            kinds = tuple(kind for kind in kinds if kind not in absent)
        return self.caches.problems(kinds)

    def _canary_kinds(self) -> tuple[Kind, ...]:
        return tuple(self._kinds.values())

    def _known(self, key: CanaryKey) -> KnownCanary | None:
        known = self.caches.get(self._kinds[key.group], key.namespace, key.name)
        return known if isinstance(known, KnownCanary) else None

    # ------------------------------------------------------------------------------------ following

    def look_at_pods(self, key: CanaryKey, *, wanted: bool) -> None:
        """Tell whether the pods of a Canary matter; they are followed when it is tracked next."""
        if wanted:
            self._pods_matter.add(key)
        else:
            self._pods_matter.discard(key)

    def track(self, record: AnyCanary) -> None:
        """Follow what matters to a Canary, and no more; nothing matters to one that can't be read."""
        if isinstance(record, BrokenCanary):
            self._let_go(record.key)
            return
        target, primary = self.store.target(record), self.store.primary(record)
        pods_matter = record.key in self._pods_matter
        troubled = pods_matter and self._in_trouble(record)
        inputs = (
            record.uid,
            record.generation or record.resource_version,
            target.references if target else None,
            primary.references if primary else None,
            target.outline if target else None,
            record.status.autoscaler,
            record.status.names,
            record.status.former_names,
            pods_matter,
            troubled,
        )
        if self._tracked.recall(record.key, inputs):
            return
        self._tracked.keep(record.key, inputs, True)
        former = {key.kind for key in (*former_routes(record), *record.copied_autoscalers)}
        routers = (record.router, *(each.router for each in formers(record)))
        for router in filter(None, routers):
            # What a divided workload is kept as is known already.
            divided = record.workload is not None and record.workload.divides
            for kind in set(router.kinds) - ({record.target_kind} if divided else set()):
                kept = partial(
                    pack,
                    refusal=router.refusal,
                    pending=router.pending,
                    with_status=router.needs_status,
                )
                self.caches.register(kind, kept)
        wanted = frozenset(needs(record, target, primary, configs=self._followed_configs))
        namespaced = {*wanted, *((kind, record.key.namespace) for kind in former)}
        followed = {
            (kind, place if self._namespaces else ALL)
            for kind, place in namespaced
            if kind not in self._canary_kinds()  # they are followed for all
        }
        label = side_label(target, self._selector_labels)
        if label is not None:
            # It may have budgets; a controller that may not read them goes on without.
            followed.add((BUDGET, record.key.namespace if self._namespaces else ALL))
        if pods_matter:
            followed.add((POD, record.key.namespace))
            if troubled:
                # They tell whether a pod in trouble is of the current template.
                beside = record.workload.beside if record.workload else ()
                followed |= {(kind, record.key.namespace) for kind in beside}
        self._depend(record.key, dependencies(record, target, primary, label))
        self.following.follow(record.key, wanted, followed)

    def _in_trouble(self, record: CanaryRecord) -> bool:
        return any(
            True
            for side in record.sides
            for _ in self.caches.owned(POD, record.key.namespace, side.name)
        )

    def _forget(self, known: KnownCanary) -> None:
        self._reader.forget(known)
        self._pods_matter.discard(known.key)
        self._let_go(known.key)

    def _leave(self, known: KnownCanary) -> None:
        """Leave a Canary to the controller that acts on it, and know what it has and asks for."""
        self._forget(known)
        self._depend(known.key, standing(known.key, known.peer, known.target_kind))

    def _let_go(self, key: CanaryKey) -> None:
        self._tracked.forget(key)
        self._depend(key, ())
        self.following.forget(key)

    def _depend(self, key: CanaryKey, objects: Iterable[ObjectKey]) -> None:
        for gone in self._dependents.set(key, objects):
            # Its kind may no longer be followed, so that no event says when it is deleted.
            self.configs.forget(gone.kind, gone.namespace, gone.name)

    # --------------------------------------------------------------------------------------- waking

    def _on_change(
        self, kind: Kind, namespace: str, name: str, before: object, after: object
    ) -> None:
        """Wake the Canaries that a changed object matters to."""
        record = after if after is not None else before
        if isinstance(record, KnownCanary):
            self._on_canary(record, before, gone=after is None)
            return
        if isinstance(record, PolicyRecord):
            self._follow_budget(record.key, after)
            self._on_policy(before, after)
            return
        if isinstance(record, PodRecord | MemberRecord):
            kind, name = record.kind, record.workload
        if isinstance(record, ConfigRecord) and after is None:
            self.configs.forget(kind, namespace, name)
        changed = ObjectKey(kind=kind, namespace=namespace, name=name)
        keys = (changed,) if kind != BUDGET else places(self.caches, changed, before, after)
        dependents = tuple(dict.fromkeys(each for key in keys for each in self._dependents.of(key)))
        # The target's autoscaler, and its budget, are their owner's to change.
        theirs = kind == BUDGET or kind in scaler_kinds()
        kept = isinstance(before, Packed) and (not theirs or before.of_tidegate)
        if dependents and isinstance(before, Packed) and kept:
            self.store.changes.note(changed, before, after if isinstance(after, Packed) else None)
        for key in dependents:
            if self.left(key):
                continue
            if isinstance(record, WorkloadRecord | PodRecord):
                # The target may refer to other configs now, or a pod be in trouble.
                canary = self.find(key)
                if canary is not None:
                    if key not in self._pods_matter and not matters(canary, before, after):
                        continue
                    self.track(canary)
            self._wake(key)

    def _on_canary(self, known: KnownCanary, before: object, *, gone: bool) -> None:
        was = before if isinstance(before, KnownCanary) else None
        concerned = self.relations.concerned(was) if was is not None else set()
        if gone:
            self._forget(known)
        else:
            if was is not None and was.uid != known.uid:
                self._reader.forget(was)
            if known.taken:
                self.track(self._reader.recall(known))
            else:
                self._leave(known)
            concerned |= self.relations.concerned(known)
        if gone or was is None or was.peer != known.peer:
            self._wake_all(concerned)
        stands = None if gone else known.standing
        if (was.standing if was else None) != stands:
            self.planned.name(known.key, stands.plan if stands else "")
            self._wake(MEMBER)
        claimed = (was.claim, was.labels) if was is not None else (None, {})
        if claimed != ((None, {}) if gone else (known.claim, known.labels)):
            self._wake_lines(known.key.namespace)
        self._wake(known.key)

    def _follow_budget(self, key: PolicyKey, policy: object) -> None:
        """Follow the templates that a policy reads its budget by."""
        place = policy.budget_namespace if isinstance(policy, PolicyRecord) else ""
        if not place:
            self._budgeted.discard(key)
            self.following.forget(key)
            return
        self._budgeted.add(key)
        templates = metric_template_kind(GROUP)
        followed = place if self._namespaces else ALL
        self.following.follow(key, {(templates, place)}, {(templates, followed)})

    def _on_policy(self, before: object, after: object) -> None:
        """Wake the Canaries that a policy may bind, or bound before; at rest nothing is withheld."""
        self.policies.changed()
        policies = [each for each in (before, after) if isinstance(each, PolicyRecord)]
        self._wake_all({each.key for each in policies if each.tells})
        if len(policies) > 1 and policies[0].with_status_of(policies[1]) == policies[1]:
            self._wake_granted(*policies)
            return
        for known in self.underway():
            if any(self.policies.reaches(each, known.key.namespace) for each in policies):
                self._wake(known.key)

    def wake_granted(self, before: PolicyRecord, after: PolicyRecord) -> None:
        """Wake those whose grants our own write has changed."""
        self.policies.changed()
        self._wake_granted(before, after)

    def _wake_granted(self, before: PolicyRecord, after: PolicyRecord) -> None:
        changed = {*before.status.running} ^ {*after.status.running}
        self.wake_known({each.uid for each in changed})

    def wake_known(self, uids: Collection[str]) -> None:
        """Wake the Canaries with these UIDs that are not at rest."""
        if uids:
            self._wake_all(known.key for known in self.underway() if known.uid in uids)

    def underway(self) -> Iterator[KnownCanary]:
        """List the Canaries that are not at rest, those of other controllers too."""
        for kind in self._canary_kinds():
            for known in self.caches.values(kind):
                if isinstance(known, KnownCanary) and known.peer.progress.phase not in IDLE:
                    yield known

    def wake_others(self, before: AnyCanary, after: AnyCanary) -> None:
        """Wake those to whom a Canary matters, where our own write has changed what they see of it."""
        if before.peer != after.peer:
            self._wake_all(self.relations.concerned(after))
        if before.claim != after.claim:
            self._wake_lines(after.key.namespace)
        if standing_of(before) != standing_of(after):
            self._wake(MEMBER)

    def standings(self) -> Iterator[FleetStanding]:
        """Give what is reported of Canaries that name a FleetPlan."""
        for kind in self._canary_kinds():
            for known in self.caches.values(kind):
                if isinstance(known, KnownCanary) and known.standing is not None:
                    yield known.standing

    def wake_planned(self, plan: str, canary: str) -> None:
        """Wake the Canaries that name a plan, or one of them; empty names are any."""
        self._wake_all(self.planned.of(plan, canary))

    def _wake_lines(self, namespace: str) -> None:
        """Have the policies look who limit how many Canaries of a namespace run at once."""
        self._wake_all(self.policies.limiting(namespace))

    def _wake_all(self, keys: Iterable[WorkKey]) -> None:
        for key in keys:
            self._wake(key)

    def _on_standing(self, kind: Kind) -> None:
        """Look at everybody again whom it matters to whether this kind is known."""
        if kind == DELIVERY_POLICY:
            self.policies.changed()
        if kind == DELIVERY_POLICY or (self._budgeted and kind == metric_template_kind(GROUP)):
            self._wake_all(self.canaries())
        if kind in {DELIVERY_POLICY, *self._canary_kinds()}:
            self._wake_all(self.policies.telling())
        for key in self.following.concerned(kind):
            self._wake(key)

"""DeliveryPolicies as the shell keeps them, and which of them bind a Canary.

A policy in the controller's own namespace binds Canaries of all namespaces, or of those that it
names; one in any other namespace binds those of its own, so that no team can stop another one.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from fnmatch import fnmatchcase
from functools import partial
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from canary.api.deliverypolicy import DeliveryPolicySpec
from canary.api.kinds import Kind, Manifest
from canary.api.meta import GROUP, VERSION
from canary.api.namespaces import OPEN, Boundary
from canary.api.policy_status import DeliveryPolicyStatus, read_policy_status
from canary.api.salvage import salvage_reach
from canary.api.validation import parse_delivery_policy
from canary.cluster.cache import ALL, CacheSet
from canary.controller.canaries import CanaryKey, CanaryRecord
from canary.core.facts import BindingPolicy
from canary.errors import InvalidSpec, Problem
from canary.resources.selecting import selects

DELIVERY_POLICY = Kind(
    group=GROUP, versions=(VERSION,), kind="DeliveryPolicy", plural="deliverypolicies"
)


class PolicyKey(NamedTuple):
    """What a DeliveryPolicy is known by where work is shared out."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"policy/{self.namespace}/{self.name}"


class MemberKey(NamedTuple):
    """What is done on the hub for the cluster as a whole."""

    namespace: str = ""

    def __str__(self) -> str:
        return "member"


MEMBER = MemberKey()
WorkKey = CanaryKey | PolicyKey | MemberKey
"""What is worked on, one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord:
    """A parsed DeliveryPolicy; of one that cannot be acted on, only what it binds."""

    namespace: str
    name: str
    resource_version: str = ""
    spec: DeliveryPolicySpec
    status: DeliveryPolicyStatus = field(default_factory=DeliveryPolicyStatus)
    zone: tzinfo = UTC
    invalid: str = ""

    @property
    def key(self) -> PolicyKey:
        """What it is known by."""
        return PolicyKey(self.namespace, self.name)

    @property
    def full_name(self) -> str:
        """Its name as people, and the Canaries in its line, write it."""
        return f"{self.namespace}/{self.name}"

    @property
    def budget_namespace(self) -> str:
        """The namespace of the template that its budget is read by; empty without a budget."""
        budget = self.spec.budget
        return (budget.metric.template_ref.namespace or self.namespace) if budget else ""

    @property
    def limits(self) -> bool:
        """Whether it limits how many run at once, or did so and has grants left."""
        granted = self.status.running or self.status.granted or self.status.queued
        return not self.invalid and (self.spec.max_concurrent is not None or bool(granted))

    @property
    def tells(self) -> bool:
        """Whether its status has, or had, more to say than that runs may start."""
        closes = self.spec.stop is not None or bool(self.spec.windows)
        return not self.invalid and (closes or self.limits or self.status != DeliveryPolicyStatus())

    def with_status_of(self, other: "PolicyRecord") -> "PolicyRecord":
        """Copy with another version's status."""
        return replace(self, status=other.status, resource_version=other.resource_version)

    def binds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether it is for Canaries with these labels."""
        selector = self.spec.selector
        return selector is None or selects(selector.as_written(), labels)

    @property
    def binding(self) -> BindingPolicy:
        """The policy as a decision reads it."""
        name = self.full_name
        unreadable = (
            f"waiting for DeliveryPolicy {name} to be corrected or deleted, as it may stop this "
            f"Canary: {self.invalid}"
        )
        return BindingPolicy(
            name=name,
            spec=self.spec,
            status=self.status,
            zone=self.zone,
            unreadable=unreadable if self.invalid else "",
        )


def policy_record(manifest: Manifest, boundary: Boundary = OPEN) -> PolicyRecord:
    """Read a DeliveryPolicy, whatever it holds."""
    metadata = manifest["metadata"]
    record = PolicyRecord(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        resource_version=metadata.get("resourceVersion", ""),
        spec=DeliveryPolicySpec(),
        status=read_policy_status(manifest.get("status")),
    )
    try:
        spec, zone = _read(manifest, boundary)
        return replace(record, spec=spec, zone=zone)
    except InvalidSpec as invalid:
        return replace(record, spec=salvage_reach(manifest), invalid=str(invalid))


def policy_problems(manifest: Manifest, boundary: Boundary = OPEN) -> tuple[Problem, ...]:
    """Name what is wrong with a DeliveryPolicy."""
    try:
        _read(manifest, boundary)
    except InvalidSpec as invalid:
        return invalid.problems
    return ()


def _read(manifest: Manifest, boundary: Boundary) -> tuple[DeliveryPolicySpec, tzinfo]:
    """Read a DeliveryPolicy with its time zone, which only the zones that are known here can tell."""
    policy = parse_delivery_policy(manifest)
    spec = policy.spec
    if beyond := tuple(boundary.problems(spec, policy.metadata.namespace)):
        raise InvalidSpec(beyond)
    if spec.time_zone is None:
        return spec, UTC
    try:
        return spec, ZoneInfo(spec.time_zone)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        remedy = "write an IANA time zone that exists, such as Europe/Berlin"
        raise InvalidSpec([Problem("spec.timeZone", spec.time_zone, remedy)]) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """Who waits for a place of a policy."""

    before: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Who is directly before each that waits, by UID; empty for the first one."""
    under_way: tuple[str, ...] = ()
    """Who has the places, as the first one in line reads it."""
    stuck: str = ""
    """Why no more grants can be given."""


class Policies:
    """Knows the DeliveryPolicies."""

    def __init__(
        self,
        caches: CacheSet,
        *,
        home: str,
        namespaces: tuple[str, ...],
        boundary: Boundary = OPEN,
    ) -> None:
        self._caches = caches
        self._boundary = boundary
        self._home = home
        """The controller's own namespace."""
        self._places = tuple(dict.fromkeys((*namespaces, home))) if namespaces else (ALL,)
        self._by_namespace: Mapping[str, tuple[PolicyRecord, ...]] | None = None
        self._lines: dict[PolicyKey, PolicyLine] = {}

    def start(self) -> None:
        """Follow the policies from now on."""
        kept = partial(policy_record, boundary=self._boundary)
        self._caches.register(DELIVERY_POLICY, kept)
        for place in self._places:
            self._caches.require(DELIVERY_POLICY, place)

    def changed(self) -> None:
        """Take note that a policy has changed."""
        self._by_namespace = None

    def find(self, key: PolicyKey) -> PolicyRecord | None:
        """Look a policy up."""
        found = self._caches.get(DELIVERY_POLICY, key.namespace, key.name)
        return found if isinstance(found, PolicyRecord) else None

    def limiting(self, namespace: str = ALL) -> list[PolicyKey]:
        """Name the policies that limit how many Canaries run at once, of a namespace or of all."""
        return [
            policy.key
            for policies in self._known().values()
            for policy in policies
            if policy.limits and (namespace == ALL or self.reaches(policy, namespace))
        ]

    def telling(self) -> list[PolicyKey]:
        """Name the policies whose status is kept up to date."""
        return [
            policy.key for policies in self._known().values() for policy in policies if policy.tells
        ]

    def line_up(self, key: PolicyKey, line: PolicyLine) -> set[str]:
        """Remember who waits for a policy; give the UIDs of those for whom that has changed."""
        was, self._lines[key] = self._lines.get(key, PolicyLine()), line
        if was.stuck != line.stuck:
            return {*was.before, *line.before}
        moved = {uid for uid, _ in was.before.items() ^ line.before.items()}
        if was.under_way != line.under_way:
            moved |= {uid for uid, before in line.before.items() if not before}
        return moved

    def dissolve(self, key: PolicyKey) -> None:
        """Forget the line of a policy that is gone."""
        self._lines.pop(key, None)

    def pending(self) -> bool:
        """Tell whether there may be policies that are neither known nor known to be out of reach."""
        return not all(
            self._caches.synced(DELIVERY_POLICY, place)
            or self._caches.obstacle(DELIVERY_POLICY, place)
            for place in self._places
        )

    def reaches(self, policy: PolicyRecord, namespace: str) -> bool:
        """Tell whether a policy may bind Canaries of a namespace."""
        if policy.namespace != self._home:
            return policy.namespace == namespace
        patterns = policy.spec.namespaces
        return not patterns or any(fnmatchcase(namespace, each) for each in patterns)

    def binding(self, record: CanaryRecord) -> tuple[BindingPolicy, ...]:
        """Give the policies that bind a Canary: those of the controller's namespace come first."""
        return (*self._out_of_reach(record.key.namespace), *self._binding(record))

    def _binding(self, record: CanaryRecord) -> Iterator[BindingPolicy]:
        namespace, labels = record.key.namespace, record.labels
        known = self._known()
        for place in dict.fromkeys((self._home, namespace)):
            for policy in known.get(place, ()):
                if self.reaches(policy, namespace) and policy.binds(labels):
                    line = self._lines.get(policy.key, PolicyLine())
                    yield replace(
                        policy.binding,
                        before=line.before.get(record.uid),
                        under_way=line.under_way,
                        stuck=line.stuck,
                    )

    def _out_of_reach(self, namespace: str) -> Iterator[BindingPolicy]:
        """Say which policies may not be read: there may be a stop among them."""
        for place in dict.fromkeys((self._home, namespace)):
            if why := self._caches.obstacle(DELIVERY_POLICY, place):
                message = f"waiting for DeliveryPolicies to be readable: {why}"
                yield BindingPolicy(
                    name=f"{place}/*", spec=DeliveryPolicySpec(), unreadable=message
                )
                return

    def _known(self) -> Mapping[str, tuple[PolicyRecord, ...]]:
        if self._by_namespace is None:
            found = defaultdict(list)
            for record in self._caches.values(DELIVERY_POLICY):
                if isinstance(record, PolicyRecord):
                    found[record.namespace].append(record)
            self._by_namespace = {
                namespace: tuple(sorted(records, key=lambda each: each.name))
                for namespace, records in found.items()
            }
        return self._by_namespace

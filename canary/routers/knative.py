"""Knative: the traffic block of the user's Service, which pins a Revision for each side.

The canary's entry has a tag, so that it is known even where both entries name the same Revision, and
so that testers reach it at an address of its own. Neither entry follows the newest Revision: an edit
during a run gets no request before tidegate says so. A Revision is never named before it is ready,
as Knative would then apply none of the entries.
https://knative.dev/docs/serving/traffic-management/
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

from canary.api.annotations import (
    PEER_PRIMARY_REVISION,
    PRIMARY_REVISION,
    PROMOTED,
    READY_REVISION,
)
from canary.api.canary import Canary
from canary.api.kinds import KNATIVE_SERVICE, Kind, Manifest, ObjectKey
from canary.api.raw import items, part, text
from canary.api.shown import shown
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.errors import Problem
from canary.objects.adoption import adoption_marks, original_spec
from canary.objects.ownership import adopted
from canary.objects.places import Path
from canary.objects.render import Lacking, Render, Restoration, annotations, fields
from canary.objects.taking import released
from canary.resources.knative import revision_mark
from canary.routers import ClusterState, Objects
from canary.routers.abilities import Abilities, refused
from canary.routers.accepted import of_earlier
from canary.routers.defaults import RouterDefaults
from canary.routers.shares import quantity

CANARY_TAG = "canary"
"""The tag of the canary's entry: its address is `canary-NAME.NAMESPACE.DOMAIN`."""

_ABILITIES = Abilities(
    service=frozenset(),
    # Its ingress learns of new weights a moment after the Service says that they hold.
    settles=timedelta(seconds=2),
)
_TRAFFIC = fields("traffic")
_GIVEN_BACK: tuple[Path, ...] = (
    *_TRAFFIC,
    *annotations(PRIMARY_REVISION, PROMOTED, PEER_PRIMARY_REVISION, READY_REVISION),
)


class KnativeRouter(RouterDefaults):
    """Split traffic between the Revisions of a Knative Service."""

    name: ClassVar[str] = "knative"
    kinds: ClassVar[tuple[Kind, ...]] = (KNATIVE_SERVICE,)
    needs_status: ClassVar[bool] = True

    def __init__(self, _variant: str = "") -> None:
        """Make the router; its API has one version."""

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights alone."""
        return _ABILITIES

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name a target without Revisions, and everything that a traffic block cannot say."""
        return (*_target_problems(canary), *refused(canary, self.name, _ABILITIES))

    def objects(self, canary: Canary) -> Objects:
        """Name the target."""
        namespace, name = canary.metadata.namespace, canary.spec.target_ref.name
        return Objects(edited=(ObjectKey(kind=KNATIVE_SERVICE, namespace=namespace, name=name),))

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the target with the traffic block.

        GitOps tools go on to manage it: what they write is the release.
        """
        (key,) = self.objects(canary).edited
        found = cluster.existing.get(key)
        if found is None:
            return _lacking(key, "create it", "does not exist")
        primary, newest = _primary(found), _newest(found)
        if not newest:
            return _lacking(key, "see its conditions", "has no Revision that is ready")
        original = _traffic_before(found)
        marks = adoption_marks(found, original, owns=_TRAFFIC, shared=True) | revision_mark(found)
        weights = ((primary, FULL - traffic.weight, ""), (newest, traffic.weight, CANARY_TAG))
        manifest = {
            "apiVersion": key.kind.api_version(cluster.version(key.kind)),
            "kind": key.kind.kind,
            "metadata": {"name": key.name, "namespace": key.namespace, "annotations": marks},
            "spec": {"traffic": [_entry(*each) for each in weights]},
        }
        return (Render(key=key, manifest=manifest, owns=(*annotations(*marks), *_TRAFFIC)),)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the weight of the canary's entry."""
        (key,) = self.objects(canary).edited
        spec = part(cluster.existing.get(key), "spec")
        return Seen(weight=_weight(spec)) if _is_ours(spec) else None

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give the target its own traffic block back, or none."""
        (key,) = self.objects(canary).edited
        found = cluster.existing.get(key)
        if found is None or not (adopted(found) or _is_ours(found.get("spec"))):
            return Restoration()
        original, version = _traffic_before(found), cluster.version(key.kind)
        return Restoration(
            write=(released(key, original, owns=_GIVEN_BACK, found=found, version=version),)
        )

    def query_routes(self, canary: Canary, cluster: ClusterState) -> tuple[str, str]:
        """Name the Revision of the canary, and that of the primary."""
        (key,) = self.objects(canary).edited
        found, name = cluster.existing.get(key), canary.spec.target_ref.name
        return _newest(found) or name, _primary(found) or name

    def refusal(self, manifest: Manifest) -> str:
        """Say why the Route of a Service does not have the traffic that its spec asks for."""
        status = part(manifest, "status")
        generation = part(part(manifest, "metadata"), "generation")
        if part(status, "observedGeneration") != generation:
            return ""
        return "; ".join(
            f"Knative reports RoutesReady=False: {text(each, 'reason')}: {text(each, 'message')}"
            for each in items(part(status, "conditions"))
            if text(each, "type") == "RoutesReady" and text(each, "status") == "False"
        )

    def pending(self, manifest: Manifest) -> bool:
        """Tell whether the traffic of the Service as it is does not hold yet, by what Knative says."""
        status = part(manifest, "status")
        holds, asked = _percents(status), _percents(part(manifest, "spec"))
        # A refusal says more; and of what follows the newest Revision nothing is compared.
        compared = holds and asked and "" not in asked and not self.refusal(manifest)
        return of_earlier(status, manifest) or (bool(compared) and holds != asked)


def _target_problems(canary: Canary) -> Iterator[Problem]:
    target, group = canary.spec.target_ref, KNATIVE_SERVICE.group
    if target.kind != KNATIVE_SERVICE.kind or not target.api_version.startswith(f"{group}/"):
        remedy = f"name a Service of {group}/v1, or another router: Knative routes to Revisions"
        yield Problem("spec.targetRef", shown(f"{target.api_version} {target.kind}"), remedy)


def _lacking(key: ObjectKey, remedy: str, fault: str) -> Lacking:
    return Lacking(
        kind=key.kind, namespace=key.namespace, name=key.name, remedy=remedy, fault=fault
    )


def _entry(revision: str, percent: int, tag: str) -> Manifest:
    """Write an entry as Knative gives it back."""
    entry: Manifest = {"revisionName": revision, "latestRevision": False, "percent": percent}
    return entry | {"tag": tag} if tag else entry


def _newest(found: Manifest | None) -> str:
    """Name the newest Revision that is ready; empty where there is none."""
    return text(part(found, "status"), "latestReadyRevisionName")


def _primary(found: Manifest | None) -> str:
    """Name the Revision that is promoted: by us, by the peer, or none yet, and the newest serves."""
    given = part(part(found, "metadata"), "annotations")
    promoted = text(given, PRIMARY_REVISION) or text(given, PEER_PRIMARY_REVISION)
    return promoted or _newest(found)


def _traffic_before(found: Manifest) -> Manifest:
    """Find the traffic block that the user wrote; empty where there was none."""
    before = original_spec(found, taken_over=_is_ours)
    return {"traffic": before["traffic"]} if before.get("traffic") else {}


def _of_canary(entry: object) -> bool:
    """Tell whether an entry is the canary's: by its tag, or as the peer writes it."""
    return text(entry, "tag") == CANARY_TAG or part(entry, "latestRevision") is True


def _is_ours(spec: object) -> bool:
    """Tell whether a spec splits traffic between two sides, as tidegate or the peer writes it."""
    traffic = items(part(spec, "traffic"))
    return len(traffic) == len(("primary", "canary")) and sum(map(_of_canary, traffic)) == 1


def _percents(owner: object) -> Counter[str]:
    """Add the percents of each Revision up, but for those without any; one without a name is empty."""
    found = Counter[str]()
    for each in items(part(owner, "traffic")):
        found[text(each, "revisionName")] += int(quantity(part(each, "percent")) or 0)
    return +found


def _weight(spec: object) -> int:
    """Read the percent of the canary's entry; no entry has less than none or more than all."""
    percent = next(
        quantity(part(each, "percent")) or 0
        for each in items(part(spec, "traffic"))
        if _of_canary(each)
    )
    return min(int(percent), FULL)

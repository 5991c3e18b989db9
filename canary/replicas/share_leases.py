"""How the Leases of those who share the Canaries are named, written and read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from canary.api.annotations import ACKNOWLEDGED, AGREEMENT
from canary.api.kinds import Manifest
from canary.api.meta import GROUP
from canary.replicas.leases import LeaseTimes, holder_of, marked, now_written, read_moment, spec_of
from canary.replicas.membership import Acknowledgement, Agreement, MemberLease, SharedLease
from canary.replicas.shares import NO_MEMBERS

LABEL = f"{GROUP}/shares"
"""On all Leases of a group; its value is the name of the shared one."""
HOLDER = "members"
"""Holds the shared Lease; the name of a single controller ends in digits of its own."""
LONGEST_NAME = 200


def lease_name(name: str, identity: str) -> str:
    """Name the Leases of a replica: lower-case letters, digits and hyphens, whatever its host."""
    safe = re.sub(r"[^a-z0-9]+", "-", f"{name}-{identity}".lower())
    return safe[:LONGEST_NAME].strip("-")


def _lease_seconds(lease: Manifest, times: LeaseTimes) -> float:
    return float(spec_of(lease).get("leaseDurationSeconds") or times.lease_seconds)


def member_lease(lease: Manifest, times: LeaseTimes) -> MemberLease:
    """Read the Lease of a member."""
    written = (lease["metadata"].get("annotations") or {}).get(ACKNOWLEDGED, "")
    epoch, _, generation = written.rpartition("/")
    return MemberLease(
        version=lease["metadata"]["resourceVersion"],
        lease_seconds=_lease_seconds(lease, times),
        renewed=read_moment(spec_of(lease).get("renewTime")),
        acknowledged=(
            Acknowledgement(epoch=epoch, generation=int(generation))
            if generation.isdecimal()
            else Acknowledgement()
        ),
    )


def shared_lease(lease: Manifest, times: LeaseTimes) -> SharedLease:
    """Read the Lease that all members share."""
    holder = holder_of(lease)
    return SharedLease(
        version=lease["metadata"]["resourceVersion"],
        lease_seconds=_lease_seconds(lease, times),
        renewed=read_moment(spec_of(lease).get("renewTime")),
        holder=holder,
        agreement=last_agreement(lease) if holder == HOLDER else None,
    )


def last_agreement(lease: Manifest) -> Agreement:
    """Read the last agreement, also of a Lease that is shared no more; a person may have edited it.

    One that can't be read has the generation 0, and no members.
    """
    metadata = lease["metadata"]
    written = (metadata.get("annotations") or {}).get(AGREEMENT, "")
    try:
        agreement = orjson.loads(written)
        return Agreement(
            epoch=metadata["uid"],
            generation=int(agreement["generation"]),
            members=frozenset(map(str, agreement["members"])),
            after=read_moment(agreement.get("after")),
        )
    except (ValueError, TypeError, KeyError):
        return Agreement(epoch=metadata["uid"], generation=0, members=NO_MEMBERS)


def agreement_annotations(agreement: Agreement) -> dict[str, str]:
    """Write an agreement, as the annotations of the Lease that it is in."""
    written: Manifest = {
        "generation": agreement.generation,
        "members": sorted(agreement.members),
    }
    if agreement.after is not None:
        written["after"] = agreement.after.isoformat()
    return {AGREEMENT: orjson.dumps(written).decode()}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLeases:
    """How the Leases of one group are written; `mark` is what the metadata of the shared one add."""

    namespace: str
    name: str
    """The name of the shared Lease."""
    times: LeaseTimes
    mark: Manifest

    def new(self, name: str, *, holder: str, annotations: Mapping[str, str]) -> Manifest:
        """Give a Lease that there is not yet."""
        lease: Manifest = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"acquireTime": now_written(), "leaseTransitions": 0},
        }
        return self.rewritten(lease, holder=holder, annotations=annotations)

    def rewritten(
        self, lease: Manifest, *, holder: str, annotations: Mapping[str, str]
    ) -> Manifest:
        """Give a Lease as its holder renews it, or takes it over."""
        spec = spec_of(lease)
        if spec.get("holderIdentity") not in {None, holder}:
            transitions = (spec.get("leaseTransitions") or 0) + 1
            spec = spec | {"acquireTime": now_written(), "leaseTransitions": transitions}
        claim = {
            "holderIdentity": holder,
            "leaseDurationSeconds": self.times.whole_lease_seconds,
            "renewTime": now_written(),
        }
        metadata = self.marked(lease["metadata"], annotations)
        return {**lease, "metadata": metadata, "spec": spec | claim}

    def marked(self, metadata: Manifest, annotations: Mapping[str, str]) -> Manifest:
        """Add to a Lease's metadata what makes it one of the group."""
        ours = {"labels": {LABEL: self.name}, "annotations": dict(annotations)}
        mark = self.mark if metadata["name"] == self.name else {}
        return marked(marked(metadata, mark), ours)

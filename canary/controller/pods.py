"""What the caches keep of pods: those in trouble, and which workload's template each is for."""

from collections.abc import Iterable
from dataclasses import dataclass

from canary.api.kinds import Kind, Manifest
from canary.controller.records import metadata_of
from canary.core.facts import Trouble
from canary.objects.waiting import waiting_containers
from canary.targets import Target

_HOPELESS = frozenset(
    {"CrashLoopBackOff", "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"}
)
"""Reasons of a waiting container that more waiting seldom mends.

The first failure of a pull (ErrImagePull), or a ConfigMap that is created a moment later
(CreateContainerConfigError), mends itself often enough to be left to the deadline.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRecord:
    """What stands between a workload and its pods: which template of which workload it is for."""

    kind: Kind
    """Of the workload."""
    workload: str
    version: str
    rollout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRecord:
    """A pod in trouble."""

    kind: Kind
    """Of the workload."""
    workload: str
    version: str
    trouble: Trouble


def member_record(targets: Iterable[Target], manifest: Manifest) -> MemberRecord | None:
    """Trim what stands between a workload and its pods; None where it belongs to none."""
    for target in targets:
        member = target.member(manifest)
        if member is not None:
            return MemberRecord(
                kind=target.kind,
                workload=member.workload,
                version=member.version,
                rollout=member.rollout,
            )
    return None


def pod_record(targets: Iterable[Target], manifest: Manifest) -> PodRecord | None:
    """Trim a pod; None where it is in no trouble, or belongs to no workload that is known."""
    trouble = None if metadata_of(manifest).get("deletionTimestamp") else _trouble(manifest)
    if trouble is None:
        return None
    for target in targets:
        member = target.member(manifest)
        if member is not None:
            return PodRecord(
                kind=target.kind,
                workload=member.workload,
                version=member.version,
                trouble=trouble,
            )
    return None


def _trouble(pod: Manifest) -> Trouble | None:
    for each in waiting_containers(pod):
        if each.reason in _HOPELESS:
            return Trouble(
                reason=each.cause,
                pod=metadata_of(pod)["name"],
                container=each.name,
                message=each.message,
            )
    return None

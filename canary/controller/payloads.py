"""What hooks and event webhooks learn of a Canary."""

import hashlib
from collections.abc import Iterable, Mapping

from canary.api.status import Notice, Severity
from canary.controller.canaries import CanaryObject, CanaryRecord
from canary.core.needs import Subject
from canary.hooks.payload import EventMetadata, HookPayload


def hook_payload(
    record: CanaryRecord, cluster_name: str, subject: Subject, metadata: Mapping[str, str]
) -> HookPayload:
    """Tell a hook what is under way, and which revision it is asked about."""
    status = record.status
    return HookPayload(
        name=record.key.name,
        namespace=record.key.namespace,
        phase=status.phase,
        checksum=_checksum(subject.revision, subject.configs),
        metadata=dict(metadata),
        weight=status.canary_weight,
        step=status.step,
        revision=subject.revision,
        images=subject.images,
        cluster=cluster_name,
    )


def notice_payload(
    record: CanaryObject, cluster_name: str, notice: Notice, metadata: Mapping[str, str]
) -> HookPayload:
    """Tell a hook what has happened, as it was when it happened."""
    event: EventMetadata = {
        "eventMessage": notice.message,
        "eventType": "Normal" if notice.severity is Severity.INFO else "Warning",
        "timestamp": str(int(notice.at.timestamp() * 1000)),
    }
    status = record.status
    return HookPayload(
        name=record.key.name,
        namespace=record.key.namespace,
        phase=notice.phase,
        checksum=_checksum(status.last_applied_spec, sorted(status.tracked_configs.items())),
        metadata={**metadata, **{key: str(value) for key, value in event.items()}},
        weight=notice.weight,
        step=notice.step,
        revision=notice.revision,
        images=notice.images,
        cluster=cluster_name,
    )


def _checksum(revision: str, configs: Iterable[tuple[str, str]]) -> str:
    """Identify a revision with its configs, as receivers of the peer's calls expect."""
    parts = (revision, *(f"{place}={checksum}" for place, checksum in configs))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

"""What hooks and event webhooks are told of a Canary."""

import hashlib
from collections.abc import Mapping

from canary.api.status import CanaryStatus, Notice, Severity
from canary.controller.canaries import CanaryRecord
from canary.controller.webhooks import HookPayload


def hook_payload(
    record: CanaryRecord, cluster_name: str, metadata: Mapping[str, str]
) -> HookPayload:
    """Tell a hook what is under way."""
    status = record.status
    return HookPayload(
        name=record.key.name,
        namespace=record.key.namespace,
        phase=status.phase,
        checksum=_checksum(status),
        metadata=dict(metadata),
        weight=status.canary_weight,
        step=status.step,
        revision=status.last_applied_spec,
        images=status.images,
        cluster=cluster_name,
    )


def notice_payload(
    record: CanaryRecord, cluster_name: str, notice: Notice, metadata: Mapping[str, str]
) -> HookPayload:
    """Tell a hook what has happened, as it was when it happened."""
    event = {
        "eventMessage": notice.message,
        "eventType": "Normal" if notice.severity is Severity.INFO else "Warning",
        "timestamp": str(int(notice.at.timestamp() * 1000)),
    }
    return HookPayload(
        name=record.key.name,
        namespace=record.key.namespace,
        phase=notice.phase,
        checksum=_checksum(record.status),
        metadata={**metadata, **event},
        weight=notice.weight,
        step=notice.step,
        revision=notice.revision,
        images=notice.images,
        cluster=cluster_name,
    )


def _checksum(status: CanaryStatus) -> str:
    """Identify a revision with its configs, as receivers of the peer's calls expect."""
    parts = (
        status.last_applied_spec,
        *sorted(f"{k}={v}" for k, v in status.tracked_configs.items()),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

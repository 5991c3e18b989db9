"""What is kept of each kind that is followed beside the Canaries and their routes."""

from functools import partial

from canary.api.kinds import BUDGET, POD, SERVICE
from canary.cluster.cache import CacheSet
from canary.controller.configs import KINDS
from canary.controller.pods import member_record, pod_record
from canary.controller.records import WorkloadReader, config_record, pack
from canary.resources.budgets import label_places
from canary.resources.revision import Hashing
from canary.scalers import scaler_kinds
from canary.targets import TARGETS, target_for


def register_kept(caches: CacheSet, hashing: Hashing) -> None:
    """Tell the caches what is kept of each kind, and what finds it."""
    targets = [target_for(name) for name in TARGETS.names()]
    caches.register(SERVICE, pack)
    for target in targets:
        if target.divides or target.serves:
            kept = partial(pack, with_status=target.divides or target.holds_primary)
            caches.register(target.kind, kept)
        else:
            caches.register(target.kind, WorkloadReader(target, hashing).read)
        for kind in target.beside:
            member = partial(member_record, targets)
            caches.register(kind, member, owners=lambda record: (record.workload,))
    caches.register(POD, partial(pod_record, targets), owners=lambda record: (record.workload,))
    for kind in KINDS.values():
        caches.register(
            kind, config_record, metadata_only=True, owners=lambda record: record.copy_of
        )
    for kind in scaler_kinds():
        caches.register(kind, pack)
    caches.register(BUDGET, pack, owners=lambda packed: label_places(packed.manifest))

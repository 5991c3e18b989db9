"""Rivals: Canaries that have one target, or one service, and would undo each other's work."""

from collections.abc import Iterable

from canary.controller.canaries import CanaryRecord, KnownCanary
from canary.errors import Problem


def leaving_rival(record: CanaryRecord, others: Iterable[KnownCanary]) -> str:
    """Name a Canary that is being deleted and has the same target, or service; empty without."""
    return next(
        (
            str(other.key)
            for other in others
            if other.deleting
            and other.key.namespace == record.key.namespace
            and (
                (record.target and other.target == record.target)
                or (record.service and other.service == record.service)
            )
        ),
        "",
    )


def rivalry(record: CanaryRecord, others: Iterable[KnownCanary]) -> tuple[Problem, ...]:
    """Tell what an older Canary has already: two with one target, or service, undo each other."""
    for other in others:
        older = (other.created, other.key) < (record.created, record.key)
        if other.key.namespace != record.key.namespace or other.deleting or not older:
            continue
        if record.target and other.target == record.target:
            remedy = f"delete one of the two Canaries: {other.key} has this target already"
            return (Problem("spec.targetRef.name", record.target, remedy),)
        if record.service in other.services and record.service:
            remedy = f"name another service: that of {other.key} has this name already"
            return (Problem("spec.service.name", record.service, remedy),)
    return ()

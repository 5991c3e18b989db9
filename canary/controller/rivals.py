"""Rivals: Canaries that have one target, or one service, and would undo each other's work."""

from collections.abc import Callable, Iterable
from dataclasses import replace

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
    """Tell what another Canary has already: two with one target, or service, undo each other.

    It has what it is made under, whichever of the two is older; where neither has it yet, the older
    one gets it.
    """
    for other in others:
        if other.key.namespace != record.key.namespace or other.deleting:
            continue
        if record.target in {other.target, other.held.target} - {""} and _before(
            other, record, _holds_target, record.target
        ):
            remedy = f"delete one of the two Canaries: {other.key} has this target already"
            return (Problem("spec.targetRef.name", record.target, remedy),)
        if record.service in other.services and _before(
            other, record, _holds_service, record.service
        ):
            remedy = f"name another service: that of {other.key} has this name already"
            return (Problem("spec.service.name", record.service, remedy),)
    return ()


def going_on(record: CanaryRecord, problems: tuple[Problem, ...]) -> CanaryRecord:
    """Give a Canary in a run with the names that it holds, where it asks for those of another."""
    held = record.held
    if record.canary is None or not held.target or not held.service:
        return record
    spec = record.canary.spec.with_names(service=held.service, provider=record.provider)
    target = spec.target_ref.model_copy(update={"name": held.target})
    spec = spec.model_copy(update={"target_ref": target}).with_primary(held.primary)
    canary = record.canary.model_copy(update={"spec": spec})
    return replace(record, canary=canary, problems=problems)


def _before(
    other: KnownCanary,
    record: CanaryRecord,
    rank: Callable[[CanaryRecord | KnownCanary, str], int],
    name: str,
) -> bool:
    """Tell whether another Canary has a name before this one."""
    if not name:
        return False
    return (rank(other, name), other.created, other.key) < (
        rank(record, name),
        record.created,
        record.key,
    )


def _holds_target(canary: CanaryRecord | KnownCanary, name: str) -> int:
    return 0 if canary.held.target == name else 1


def _holds_service(canary: CanaryRecord | KnownCanary, name: str) -> int:
    """Rank what is made under a name before what is left under it, and that before a wish."""
    if canary.held.service == name:
        return 0
    return 1 if name in canary.services[1:] else 2

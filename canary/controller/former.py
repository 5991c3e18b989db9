"""Canaries by other names than those of their newest specs: what they hold, and what is left."""

from collections.abc import Iterator
from dataclasses import replace

from analysis.errors import UnknownPlugin
from canary.api.kinds import ObjectKey
from canary.controller.canaries import CanaryRecord
from canary.core.names import HasRouteNames
from canary.errors import Problem
from canary.routers import Router, router_for


def formers(record: CanaryRecord) -> list[CanaryRecord]:
    """Give a Canary with each of the former names of which something is left."""
    return [_former(record, names) for names in record.status.former_names]


def held(record: CanaryRecord) -> list[CanaryRecord]:
    """Give a Canary with the names that it has, where its spec names a router that is not known."""
    if record.router is not None or not record.held.provider:
        return []
    return [_former(record, record.held)]


def lost_routers(record: CanaryRecord) -> str:
    """Say which routers have made something, and can't give it back as they are not installed."""
    others = (*formers(record), *held(record))
    names = sorted({each.provider for each in others if each.router is None})
    return "; ".join(
        f"the router {name} is not installed: install it to have its routes given back"
        for name in names
    )


def former_routes(record: CanaryRecord) -> Iterator[ObjectKey]:
    """Name the routes under the names of earlier specs; nothing waits until they are known."""
    for other in formers(record):
        yield from other.objects.all


def going_on(record: CanaryRecord, problems: tuple[Problem, ...]) -> CanaryRecord:
    """Give a Canary in a run with the names that it holds, where it asks for those of another."""
    held = record.held
    if not held.target or not held.service:
        return record
    spec = record.canary.spec.with_names(
        service=held.service, provider=record.provider, references=held.references
    )
    target = spec.target_ref.model_copy(update={"name": held.target})
    spec = spec.model_copy(update={"target_ref": target}).with_primary(held.primary)
    canary = record.canary.model_copy(update={"spec": spec})
    return replace(record, canary=canary, problems=problems)


def _former(record: CanaryRecord, names: HasRouteNames) -> CanaryRecord:
    """Give a Canary with the names of an earlier spec; no router where that is not known now."""
    spec = record.canary.spec.with_names(
        service=names.service, provider=names.provider, references=names.references
    )
    try:
        router: Router | None = router_for(names.provider)
    except UnknownPlugin:
        router = None
    return replace(
        record,
        canary=record.canary.model_copy(update={"spec": spec}),
        router=router,
        provider=names.provider,
        references=names.references,
    )

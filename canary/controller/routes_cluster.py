"""Which kinds are in the cluster of the routes, where that is another one."""

from collections.abc import Iterable, Iterator

from canary.api.kinds import Kind
from canary.routers import ROUTERS, router_for
from canary.targets import TARGETS, target_for


def of_routes() -> frozenset[str]:
    """Name what routers need, but for what is in a Canary's own cluster: Services and targets."""
    return frozenset(kind.resource for kind in (*written_there(), *_movable(_asked())))


def written_there() -> tuple[Kind, ...]:
    """Give the kinds that routers write there, each once."""
    kinds = (kind for name in ROUTERS.names() for kind in router_for(name).writes)
    return tuple({kind.resource: kind for kind in _movable(kinds)}.values())


def _asked() -> Iterator[Kind]:
    for name in ROUTERS.names():
        router = router_for(name)
        yield from router.kinds
        yield from router.asks


def _movable(kinds: Iterable[Kind]) -> Iterator[Kind]:
    here = {target_for(name).kind.resource for name in TARGETS.names()}
    return (kind for kind in kinds if kind.group and kind.resource not in here)

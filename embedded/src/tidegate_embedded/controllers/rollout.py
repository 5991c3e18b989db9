"""The arithmetic of a rolling update. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Replicas:
    """What a ReplicaSet is asked for, and how many of its pods are available."""

    wanted: int
    available: int


def resolved(value: int | str | None, total: int, *, up: bool) -> int:
    """Resolve a number or a percentage of a total."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    share = float(value.removesuffix("%")) * total / 100
    return math.ceil(share) if up else math.floor(share)


def bounds(
    max_surge: int | str | None, max_unavailable: int | str | None, total: int
) -> tuple[int, int]:
    """Resolve how many pods more, and how many available ones fewer, a rollout may have."""
    surge = resolved(max_surge, total, up=True)
    unavailable = resolved(max_unavailable, total, up=False)
    if surge == 0 and unavailable == 0:
        # Both rounded down to nothing would never move.
        unavailable = 1
    return surge, min(unavailable, total)


def new_replicas(total: int, surge: int, new: Replicas, old: Sequence[Replicas]) -> int:
    """Return what to ask of the new ReplicaSet next."""
    if new.wanted >= total:
        return total
    room = total + surge - new.wanted - sum(replicas.wanted for replicas in old)
    return new.wanted + max(0, min(room, total - new.wanted))


def old_replicas(total: int, unavailable: int, new: Replicas, old: Sequence[Replicas]) -> list[int]:
    """Return what to ask of the old ReplicaSets next, the oldest first.

    Pods that are not available go first; then as many as availability allows.
    """
    wanted = [replicas.wanted for replicas in old]
    least = total - unavailable
    new_missing = max(0, new.wanted - new.available)
    budget = sum(wanted) + new.wanted - least - new_missing
    for index, replicas in enumerate(old):
        if budget <= 0:
            break
        sick = min(max(0, wanted[index] - replicas.available), budget)
        wanted[index] -= sick
        budget -= sick
    available = new.available + sum(
        min(wanted[index], replicas.available) for index, replicas in enumerate(old)
    )
    spare = available - least
    for index in range(len(old)):
        if spare <= 0:
            break
        fewer = min(wanted[index], spare)
        wanted[index] -= fewer
        spare -= fewer
    return wanted


@dataclass(frozen=True, slots=True)
class Part:
    """What a ReplicaSet is asked for, of so many pods that all of them could have at that time."""

    wanted: int
    allowed: int


def in_proportion(total: int, surge: int, parts: Sequence[Part]) -> list[int]:
    """Return what to ask of ReplicaSets whose Deployment is scaled amid a rollout, the oldest first.

    Each keeps its part of all pods that the rollout may have. What rounding leaves over goes to the
    largest: of equals to the newest where pods are added, and to the oldest where they are taken.
    """
    allowed = total + surge if total else 0
    wanted = [part.wanted for part in parts]
    missing = left = allowed - sum(wanted)
    if not missing:
        return wanted
    ties = -1 if missing > 0 else 1
    order = sorted(range(len(parts)), key=lambda index: (-wanted[index], ties * index))
    for index in order:
        part = parts[index]
        if not left or not part.allowed:
            continue
        change = _rounded(part.wanted * allowed / part.allowed) - part.wanted
        change = min(change, left) if missing > 0 else max(change, left)
        wanted[index] += change
        left -= change
    wanted[order[0]] = max(0, wanted[order[0]] + left)
    return wanted


def _rounded(number: float) -> int:
    """Round half away from zero, as Kubernetes does; numbers of pods are not negative."""
    return math.floor(number + 0.5)

"""The primary's PodDisruptionBudgets: those of the target, for the primary's pods.

A budget of another owner that covers the primary's pods already is enough: where two cover a pod,
Kubernetes refuses to evict it.
"""

from collections.abc import Iterable, Mapping

from canary.api.canary import Canary
from canary.api.kinds import BUDGET, Manifest, ObjectKey, copy_of
from canary.objects.ownership import ours_or_ownerless, owners
from canary.objects.render import Render, whole
from canary.objects.taking import made
from canary.resources.names import SelectorLabel, primary_name
from canary.resources.primary import primary_selector
from canary.resources.selecting import selects


def label_places(budget: Manifest) -> tuple[str, ...]:
    """Name the labels, as key=value, of which a budget's pods have some: it is found by them."""
    selector = budget["spec"].get("selector") or {}
    pairs = [*(selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or ():
        if each.get("operator") == "In":
            pairs += [(each["key"], value) for value in each.get("values") or ()]
    return tuple(dict.fromkeys(label_place(*pair) for pair in pairs))


def label_place(key: str, value: str) -> str:
    """Name a label as budgets are found by it."""
    return f"{key}={value}"


def primary_budgets(
    canary: Canary,
    label: SelectorLabel,
    pods: Mapping[str, str],
    budgets: Iterable[Manifest],
    existing: Mapping[str, Manifest],
) -> tuple[Render, ...]:
    """Give a budget of the primary for each one that covers pods with the target's labels alone.

    `budgets` are those that may cover pods of either side, and `existing` those that have the names
    of the primary's.
    """
    found, primary = tuple(budgets), {**pods, label.key: label.primary}
    theirs = [each for each in found if not ours_or_ownerless(canary, owners(each))]
    if any(_covers(each, primary) for each in theirs):
        return ()
    return tuple(
        _twin(canary, each, label, existing.get(primary_name(each["metadata"]["name"])))
        for each in theirs
        if _covers(each, pods)
    )


def _covers(budget: Manifest, pods: Mapping[str, str]) -> bool:
    return selects(budget["spec"].get("selector") or {}, pods)


def _twin(
    canary: Canary, source: Manifest, label: SelectorLabel, existing: Manifest | None
) -> Render:
    spec = copy_of(source["spec"])
    body = {"spec": {**spec, "selector": primary_selector(spec["selector"], label)}}
    name = primary_name(source["metadata"]["name"])
    key = ObjectKey(kind=BUDGET, namespace=canary.metadata.namespace, name=name)
    return made(canary, key, body, owns=whole(body), found=existing)

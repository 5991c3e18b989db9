"""How many objects there are: counted with each change, and shown in a few lines for each kind."""

from collections.abc import Callable
from typing import Any

import pytest

from canary.api.kinds import CONFIG_MAP, DEPLOYMENT, SERVICE, Kind, Manifest
from canary.cluster.ledger import Ledger
from canary.cluster.tally import ObjectTally
from canary.controller.metrics import Metrics
from canary.controller.records import WorkloadReader, config_record, pack
from canary.controller.tallies import owner_of
from canary.demo.manifests import deployment
from canary.targets import target_for
from tests.controller.test_metrics import value

OF_A_CANARY = {
    "ownerReferences": [
        {"apiVersion": "tidegate.dev/v1beta1", "kind": "Canary", "name": "app", "uid": "u"}
    ]
}
OF_A_JOB = {"ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "a", "uid": "u"}]}
ORPHANED = {"labels": {"app.kubernetes.io/managed-by": "tidegate"}}


def an_object(name: str = "a", namespace: str = "shop", **metadata: Any) -> Manifest:
    return {"metadata": {"name": name, "namespace": namespace, **metadata}, "spec": {}}


def workload(manifest: Manifest) -> object:
    whole = deployment("1")
    whole["metadata"] |= manifest["metadata"]
    return WorkloadReader(target_for("Deployment")).read(whole)


KEPT: dict[str, tuple[Callable[[Manifest], object], Manifest, str]] = {
    "a Service that a Canary owns": (pack, an_object(**OF_A_CANARY), "canary"),
    "a Service that a Canary owned": (pack, an_object(**ORPHANED), "canary"),
    "a user's Service": (pack, an_object(), "other"),
    "a Service of a Job": (pack, an_object(**OF_A_JOB), "other"),
    "a primary": (workload, an_object(**OF_A_CANARY), "canary"),
    "a target": (workload, an_object(), "other"),
    "a copy of a ConfigMap": (config_record, an_object(**OF_A_CANARY), "canary"),
    "a user's ConfigMap": (config_record, an_object(), "other"),
    "what is no object of a Canary's": (lambda _: "a pod", an_object(), ""),
}


@pytest.mark.parametrize(("keep", "manifest", "owner"), KEPT.values(), ids=KEPT)
def test_an_object_is_counted_as(
    keep: Callable[[Manifest], object], manifest: Manifest, owner: str
) -> None:
    assert owner_of(keep(manifest)) == owner


class Counted:
    """The ledger of a kind, with events by name and namespace."""

    def __init__(self, kind: Kind = SERVICE) -> None:
        self.tally = ObjectTally(owner_of)
        self.ledger = Ledger(
            kind, trim=pack, owners=None, on_change=lambda *_: None, tally=self.tally
        )
        self.version = 0

    def manifest(self, name: str, namespace: str, metadata: dict[str, Any]) -> Manifest:
        self.version += 1
        return an_object(name, namespace, resourceVersion=str(self.version), **metadata)

    def add(self, name: str, namespace: str = "shop", **metadata: Any) -> None:
        self.ledger.take_event("MODIFIED", self.manifest(name, namespace, metadata))

    def write(self, name: str, namespace: str = "shop", **metadata: Any) -> None:
        self.ledger.put(self.manifest(name, namespace, metadata))

    def remove(self, name: str, namespace: str = "shop") -> None:
        self.ledger.take_event("DELETED", self.manifest(name, namespace, {}))


def test_an_object_counts_once_however_often_it_changes_and_whoever_told_of_it() -> None:
    counted = Counted()
    counted.write("a", **OF_A_CANARY)
    counted.add("a", **OF_A_CANARY)
    counted.add("b")
    counted.write("b")
    assert counted.tally.sorts == {"canary": 1, "other": 1}
    assert counted.tally.fullest == ("shop", 2)


def test_an_object_that_changes_its_owner_counts_as_the_new_ones() -> None:
    counted = Counted()
    counted.add("a", **OF_A_CANARY)
    counted.add("a")
    assert counted.tally.sorts == {"canary": 0, "other": 1}
    assert counted.tally.fullest == ("shop", 1)


def test_what_is_deleted_counts_no_more_however_that_is_learned() -> None:
    counted = Counted()
    for name in "abcd":
        counted.add(name)
    counted.remove("a")
    counted.remove("a")
    counted.ledger.drop(("shop", "b"))
    assert counted.tally.sorts == {"other": 2}
    counted.ledger.take_page([counted.manifest("d", "shop", {})], str(counted.version))
    counted.ledger.take_all({("shop", "d")})
    assert counted.tally.sorts == {"other": 1}
    counted.ledger.clear()
    assert (counted.tally.sorts, counted.tally.fullest) == ({"other": 0}, ("", 0))


def test_the_fullest_namespace_is_the_one_that_has_the_most_at_any_time() -> None:
    counted = Counted()
    held: list[tuple[str, str]] = []
    for turn in range(300):
        # Each namespace grows and shrinks in its own time.
        namespace = "abc"[turn % 3]
        if turn % (7 + turn % 3) < 4:
            held.append((f"s{turn}", namespace))
            counted.add(*held[-1])
        elif held:
            counted.remove(*held.pop(turn % len(held)))
        counts = {each: sum(where == each for _, where in held) for each in "abc"}
        fullest, most = counted.tally.fullest
        assert most == max(counts.values())
        assert most == counts.get(fullest, 0)
    assert held


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1", router="istio")


def test_the_page_has_no_line_of_objects_before_there_are_caches(metrics: Metrics) -> None:
    assert b"\ntidegate_objects" not in metrics.page()[0]


def test_the_page_adds_up_what_is_followed_in_each_namespace_by_itself(metrics: Metrics) -> None:
    services, more, deployments = Counted(), Counted(), Counted(DEPLOYMENT)
    services.add("a", **OF_A_CANARY)
    services.add("b")
    for name in "abc":
        more.add(name, "web", **OF_A_CANARY)
    deployments.add("a")
    metrics.objects(
        lambda: (
            (SERVICE, services.tally),
            (SERVICE, more.tally),
            (DEPLOYMENT, deployments.tally),
            (CONFIG_MAP, Counted(CONFIG_MAP).tally),
        )
    )
    assert value(metrics, "tidegate_objects", kind="services", owner="canary") == 4
    assert value(metrics, "tidegate_objects", kind="services", owner="other") == 1
    fullest = "tidegate_objects_fullest_namespace"
    assert value(metrics, fullest, kind="services", namespace="web") == 3
    assert value(metrics, fullest, kind="services", namespace="shop") is None
    assert value(metrics, fullest, kind="deployments.apps", namespace="shop") == 1


def test_ten_thousand_objects_add_as_many_lines_as_one(metrics: Metrics) -> None:
    counted = Counted()
    metrics.objects(lambda: ((SERVICE, counted.tally),))
    counted.add("first", **OF_A_CANARY)
    lines = metrics.page()[0].count(b"\ntidegate_objects")
    for number in range(10_000):
        counted.add(f"s{number}", f"n{number % 100}", **OF_A_CANARY)
    assert metrics.page()[0].count(b"\ntidegate_objects") == lines
    assert value(metrics, "tidegate_objects", kind="services", owner="canary") == 10_001

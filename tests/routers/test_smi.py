"""What is SMI's own: weights as quantities in the first version."""

import pytest

from canary.core.traffic import Seen, Traffic
from canary.routers.smi import SmiRouter
from tests.routers.builders import a_canary, a_cluster, rendered


@pytest.mark.parametrize(
    ("version", "weights"),
    [
        ("v1alpha1", ["80", "20"]),
        ("v1alpha2", [80, 20]),
        ("v1alpha3", [80, 20]),
        ("v1alpha4", [80, 20]),
    ],
)
def test_weights_are_written_as_the_served_version_takes_them(
    version: str, weights: list[object]
) -> None:
    router, canary = SmiRouter(), a_canary("smi")
    cluster = a_cluster(router, canary, version=version)
    (split,) = rendered(router, canary, cluster, Traffic(weight=20))
    assert [each["weight"] for each in split["spec"]["backends"]] == weights


@pytest.mark.parametrize(
    ("primary", "on_canary", "seen"),
    [
        ("900m", "100m", Seen(weight=10)),
        ("1k", "1000", Seen(weight=50)),
        (0.75, 0.25, Seen(weight=25)),
        (1, 0, Seen(weight=0)),
        (1000, 1, Seen(weight=1)),
        (1, 1000, Seen(weight=99)),
        (0, 0, None),
        ("-5", "5", None),
        ("9e999999999", "1", None),
        (True, 1, None),
        (None, 1, None),
    ],
)
def test_weights_are_read_as_shares(primary: object, on_canary: object, seen: Seen | None) -> None:
    router, canary = SmiRouter(), a_canary("smi")
    backends = [
        {"service": "podinfo-primary", "weight": primary},
        {"service": "podinfo-canary", "weight": on_canary},
        {"service": "shadow", "weight": 5},
    ]
    existing = {"kind": "TrafficSplit", "metadata": {"name": "podinfo"}}
    cluster = a_cluster(router, canary, [existing | {"spec": {"backends": backends}}])
    assert router.read(canary, cluster) == seen


def test_the_first_host_is_what_clients_call() -> None:
    router = SmiRouter()
    canary = a_canary("smi", service={"hosts": ["a.example.com", "b.example.com"]})
    (split,) = rendered(router, canary, a_cluster(router, canary), Traffic(weight=20))
    assert split["spec"]["service"] == "a.example.com"

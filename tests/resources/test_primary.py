"""The primary: the target's template, with pods that nothing mistakes for the target's."""

from copy import deepcopy
from typing import Any

import pytest

from canary.api.annotations import WRITTEN
from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.errors import Problem
from canary.objects.render import Render
from canary.resources.names import SelectorLabel, primary_name, selector_label
from canary.targets import Promotion, target_for
from tests.resources.builders import LABEL, OWNER, a_canary, a_deployment


def wanted(target: Manifest, canary: Canary | None = None, **options: Any) -> Render:
    before = deepcopy(target)
    defaults = {"revision": "1-abc", "selector_label": LABEL, "configs": {}}
    promotion = Promotion(**(defaults | options))
    result = target_for("Deployment").promoted(canary or a_canary(), target, promotion)
    assert target == before
    return result


def rendered(target: Manifest, **options: Any) -> Manifest:
    return wanted(target, **options).mended(options.get("existing"))


def test_it_is_the_targets_template_under_the_primarys_label() -> None:
    target = a_deployment(
        strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        minReadySeconds=5,
        progressDeadlineSeconds=60,
        revisionHistoryLimit=3,
        paused=True,
    )
    assert rendered(target, replicas=2) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "podinfo-primary",
            "namespace": "test",
            "labels": {"app": "podinfo-primary", "app.kubernetes.io/managed-by": "tidegate"},
            "annotations": {
                "tidegate.dev/revision": "1-abc",
                WRITTEN: '{"annotations":["tidegate.dev/revision"],"labels":["app"]}',
            },
            "ownerReferences": [OWNER],
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "podinfo-primary"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
            "minReadySeconds": 5,
            "progressDeadlineSeconds": 60,
            "revisionHistoryLimit": 3,
            "template": {
                "metadata": {
                    "labels": {"app": "podinfo-primary"},
                    "annotations": {"tidegate.dev/revision": "1-abc"},
                },
                "spec": {"containers": [{"name": "podinfod", "image": "podinfo:1"}]},
            },
        },
    }


def test_what_a_mesh_and_its_policies_read_of_pods_is_the_targets() -> None:
    target = a_deployment()
    read: dict[str, Any] = {
        "labels": {"sidecar.istio.io/inject": "true", "version": "v1"},
        "annotations": {"linkerd.io/inject": "enabled", "vault.hashicorp.com/agent-inject": "true"},
    }
    template = target["spec"]["template"]
    template["spec"]["serviceAccountName"] = "shop"
    template["metadata"]["labels"] |= read["labels"]
    template["metadata"]["annotations"] = read["annotations"]
    pods = rendered(target)["spec"]["template"]
    assert pods["spec"]["serviceAccountName"] == "shop"
    assert pods["metadata"]["labels"] == read["labels"] | {"app": "podinfo-primary"}
    assert pods["metadata"]["annotations"].items() >= read["annotations"].items()


def test_replicas_are_left_to_an_autoscaler() -> None:
    assert "replicas" not in rendered(a_deployment())["spec"]
    assert rendered(a_deployment(), replicas=0)["spec"]["replicas"] == 0


def test_every_other_label_of_the_selector_is_kept() -> None:
    labels = {"app": "podinfo", "tier": "web"}
    spec = rendered(a_deployment(labels=labels))["spec"]
    assert spec["selector"] == {"matchLabels": {"app": "podinfo-primary", "tier": "web"}}
    assert spec["template"]["metadata"]["labels"] == {"app": "podinfo-primary", "tier": "web"}


@pytest.mark.parametrize(
    "labels",
    [
        {"app": "shop", "tier": "web"},
        {"app": "podinfo", "tier": "api"},
        {"app.kubernetes.io/name": "shop"},
    ],
    ids=["another value", "another label beside it", "another key"],
)
def test_pods_of_a_target_made_anew_with_other_labels_are_taken_by_the_primary(
    labels: dict[str, str],
) -> None:
    existing = rendered(a_deployment(labels={"app": "podinfo", "tier": "web"}))
    target = a_deployment(labels=labels)
    label = selector_label(target)
    assert isinstance(label, SelectorLabel)
    spec = rendered(target, existing=existing, selector_label=label)["spec"]
    selected = spec["selector"]["matchLabels"]
    assert selected == {"app": "podinfo-primary", "tier": "web"}
    pods = spec["template"]["metadata"]["labels"]
    assert selected.items() <= pods.items()
    assert not labels.items() <= pods.items(), "the canary's service does not lead to them"


def test_expressions_of_the_selector_follow_the_label() -> None:
    expressions = [
        {"key": "app", "operator": "In", "values": ["podinfo", "other"]},
        {"key": "app", "operator": "Exists"},
        {"key": "tier", "operator": "In", "values": ["podinfo"]},
    ]
    target = a_deployment()
    target["spec"]["selector"]["matchExpressions"] = expressions
    found = rendered(target)["spec"]["selector"]["matchExpressions"]
    assert [each.get("values") for each in found] == [
        ["podinfo-primary", "other"],
        None,
        ["podinfo"],
    ]


def test_the_selector_of_an_existing_primary_stays() -> None:
    existing = rendered(a_deployment())
    existing["spec"]["selector"] = {"matchLabels": {"app": "podinfo-primary", "old": "yes"}}
    existing["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "4"
    again = rendered(a_deployment(labels={"app": "podinfo", "new": "1"}), existing=existing)
    assert again["spec"]["selector"] == existing["spec"]["selector"]
    assert again["spec"]["template"]["metadata"]["labels"] == {
        "app": "podinfo-primary",
        "old": "yes",
        "new": "1",
    }
    kept = {"deployment.kubernetes.io/revision": "4", "tidegate.dev/revision": "1-abc"}
    assert kept.items() <= again["metadata"]["annotations"].items()


def test_of_the_template_of_an_existing_primary_nothing_stays() -> None:
    """The law of targets: the primary's template is the analysed one, field by field."""
    existing = rendered(a_deployment(), replicas=3)
    wanted = deepcopy(existing["spec"])
    pod = existing["spec"]["template"]["spec"]
    pod["containers"][0]["env"] = [{"name": "BY_HAND", "value": "1"}]
    pod["nodeSelector"] = {"by": "hand"}
    existing["spec"]["template"]["metadata"]["annotations"]["by"] = "hand"
    existing["spec"]["paused"] = True
    assert rendered(a_deployment(), existing=existing)["spec"] == wanted


def test_a_template_without_labels_gets_those_that_it_needs() -> None:
    target = a_deployment(template={"metadata": None})
    metadata = rendered(target)["spec"]["template"]["metadata"]
    assert metadata["labels"] == {"app": "podinfo-primary"}


CANONICAL = "service.istio.io/canonical-name"


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"app": "podinfo"}, "podinfo"),
        ({"app": "podinfo", "app.kubernetes.io/name": "web"}, "web"),
        ({"app.kubernetes.io/name": "web", CANONICAL: "shop"}, "shop"),
        (None, "podinfo"),
    ],
)
def test_target_and_primary_may_be_one_application(labels, name) -> None:
    """By the label that Istio reads first, with the name that it has for the target."""
    target = a_deployment(template={"metadata": {"labels": labels} if labels else None})
    one = a_canary(service={"canonicalName": True})
    render = wanted(target, one, selector_label=SelectorLabel("tier", "web"))
    pod = render.mended(None)["spec"]["template"]["metadata"]["labels"]
    assert pod[CANONICAL] == name


def test_unless_that_is_asked_no_label_is_added() -> None:
    assert CANONICAL not in rendered(a_deployment())["spec"]["template"]["metadata"]["labels"]


def test_what_speaks_of_the_original_is_not_copied() -> None:
    flux, applied = (
        "kustomize.toolkit.fluxcd.io/name",
        "kubectl.kubernetes.io/last-applied-configuration",
    )
    metadata = {
        "labels": {"app": "podinfo", flux: "apps", "team": "pay"},
        "annotations": {flux: "apps", applied: "{}", "prometheus.io/scrape": "true"},
    }
    metadata["labels"]["app.kubernetes.io/instance"] = "shop"
    target = a_deployment(template={"metadata": metadata})
    target["metadata"] |= {
        "labels": {
            flux: "apps",
            "team": "pay",
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/instance": "shop",
        },
        "annotations": {
            "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:test/podinfo",
            "argocd.argoproj.io/sync-wave": "3",
            "deployment.kubernetes.io/revision": "7",
            "helm.toolkit.fluxcd.io/driftDetection": "enabled",
            "note": "1",
        },
    }
    result = rendered(target, include_label_prefixes=("*",))
    assert result["metadata"]["labels"] == {
        "team": "pay",
        "app": "podinfo-primary",
        "app.kubernetes.io/managed-by": "tidegate",
    }
    del result["metadata"]["annotations"][WRITTEN]
    assert result["metadata"]["annotations"] == {"note": "1", "tidegate.dev/revision": "1-abc"}
    assert result["spec"]["template"]["metadata"] == {
        "labels": {
            "app": "podinfo-primary",
            "team": "pay",
            # Pods keep it: what selects them by it goes on to.
            "app.kubernetes.io/instance": "shop",
        },
        "annotations": {"prometheus.io/scrape": "true", "tidegate.dev/revision": "1-abc"},
    }


@pytest.mark.parametrize(
    ("prefixes", "labels"),
    [([], {}), (["te"], {"team": "pay"}), (["x", "cost"], {"cost-centre": "4"})],
)
def test_labels_of_the_target_are_copied_by_prefix(
    prefixes: list[str], labels: dict[str, str]
) -> None:
    target = a_deployment()
    target["metadata"]["labels"] = {"team": "pay", "cost-centre": "4"}
    found = rendered(target, include_label_prefixes=tuple(prefixes))["metadata"]["labels"]
    assert found == labels | {"app": "podinfo-primary", "app.kubernetes.io/managed-by": "tidegate"}


def test_tracked_configs_are_the_primarys_copies() -> None:
    sources = [
        {"configMapRef": {"name": "tracked"}},
        {"secretRef": {"name": "tracked"}},
        {"configMapRef": {"name": "shared"}},
    ]
    target = a_deployment(container={"envFrom": sources})
    result = rendered(target, configs={"configmap/tracked": "tracked-podinfo-1"})
    assert result["spec"]["template"]["spec"]["containers"][0]["envFrom"] == [
        {"configMapRef": {"name": "tracked-podinfo-1"}},
        {"secretRef": {"name": "tracked"}},
        {"configMapRef": {"name": "shared"}},
    ]


def test_pods_keep_their_distance_from_their_own_kind() -> None:
    def term(value: str) -> Manifest:
        return {
            "topologyKey": "kubernetes.io/hostname",
            "labelSelector": {
                "matchLabels": {"app": value, "tier": "podinfo"},
                "matchExpressions": [{"key": "app", "operator": "In", "values": [value, "other"]}],
            },
        }

    def pod(value: str) -> Manifest:
        return {
            "affinity": {
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}},
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        term(value),
                        term("neighbour"),
                        {"topologyKey": "zone"},
                    ],
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {"weight": 1, "podAffinityTerm": term(value)}
                    ],
                },
                "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term(value)]},
            },
            "topologySpreadConstraints": [term(value)],
        }

    spec = rendered(a_deployment(pod=pod("podinfo")))["spec"]["template"]["spec"]
    for part, expected in pod("podinfo-primary").items():
        assert spec[part] == expected


def test_a_new_revision_alone_rolls_the_pods() -> None:
    target = a_deployment()
    old = rendered(target, revision="1-old", replicas=1)
    new = wanted(target, existing=old)
    assert new.differs(old)
    assert not new.differs(new.mended(old))
    assert {place[:2] for place in new.changes({}, old)} == {
        ("metadata", "annotations"),
        ("spec", "template"),
    }


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        ({"app": "a", "name": "b"}, SelectorLabel("app", "a")),
        ({"name": "b", "app.kubernetes.io/name": "c"}, SelectorLabel("name", "b")),
        ({"app.kubernetes.io/name": "c", "x": "y"}, SelectorLabel("app.kubernetes.io/name", "c")),
    ],
)
def test_the_label_that_tells_the_sides_apart_is_the_first_candidate(
    labels: dict[str, str], label: SelectorLabel
) -> None:
    assert selector_label(a_deployment(labels=labels)) == label


def test_a_target_without_a_usable_label_is_a_problem() -> None:
    missing = selector_label(a_deployment(labels={"tier": "web", "x": "y"}), ["app", "name"])
    assert isinstance(missing, Problem)
    assert str(missing).startswith("spec.selector.matchLabels: 'tier, x': select the pods")
    long = selector_label(a_deployment(labels={"app": "x" * 56}))
    assert isinstance(long, Problem)
    assert "55 characters" in str(long)
    assert isinstance(selector_label(a_deployment(labels={"app": "x" * 55})), SelectorLabel)
    without = a_deployment()
    del without["spec"]["selector"]
    assert isinstance(selector_label(without), Problem)


def test_copies_are_named_after_their_originals() -> None:
    assert primary_name("app") == "app-primary"
    assert LABEL.primary == "podinfo-primary"

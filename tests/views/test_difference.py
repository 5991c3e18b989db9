"""What a release changes: images, env, resources and configs, and no secret's value."""

from copy import deepcopy

import pytest

from canary.resources.configs import ConfigKind, ConfigReference
from canary.views.difference import config_changes, copies, template_changes


def workload(**container):
    base = {"name": "app", "image": "shop:6.0"}
    return {"spec": {"template": {"spec": {"containers": [base | container]}}}}


def told(before, after):
    return [str(each) for each in template_changes(after, before, "shop")]


def test_nothing_is_told_of_sides_that_are_the_same():
    assert told(workload(), workload()) == []
    assert told({}, {}) == []


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ({}, {"image": "shop:6.1"}, ["image app: shop:6.0 → shop:6.1"]),
        (
            {"env": [{"name": "OLD", "value": "1"}, {"name": "SAME", "value": "1"}]},
            {"env": [{"name": "FLAG", "value": "on"}, {"name": "SAME", "value": "1"}]},
            ["env app: FLAG  (unset) → on", "env app: OLD  1 → (unset)"],
        ),
        (
            {"env": [{"name": "DB_PASSWORD", "value": "old"}]},
            {"env": [{"name": "DB_PASSWORD", "value": "new"}]},
            ["env app: DB_PASSWORD  (not shown) → (not shown)"],
        ),
        (
            {"env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "a", "key": "k"}}}]},
            {"env": [{"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "b", "key": "k"}}}]},
            ["env app: KEY  secret a/k → configmap b/k"],
        ),
        (
            {"env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]},
            {"env": [{"name": "IP", "valueFrom": {"resourceFieldRef": {}}}]},
            ["env app: IP  status.podIP → another source"],
        ),
        ({}, {"env": [{"name": "EMPTY"}]}, ['env app: EMPTY  (unset) → ""']),
        ({}, {"envFrom": [{"configMapRef": {"name": "x"}}]}, ["env app: envFrom changes"]),
        (
            {"resources": {"limits": {"memory": "1Gi", "cpu": 1}}},
            {"resources": {"limits": {"memory": "2Gi", "cpu": 1}, "requests": {"cpu": 1}}},
            [
                "resources app: requests.cpu  (unset) → 1",
                "resources app: limits.memory  1Gi → 2Gi",
            ],
        ),
        (
            {"command": ["app"]},
            {"command": ["app"], "args": ["--verbose"]},
            ["container app: args changes"],
        ),
    ],
)
def test_what_changes_in_a_container_is_told_in_words(before, after, says):
    assert told(workload(**before), workload(**after)) == says


def test_containers_and_fields_of_the_pod_that_change_are_named():
    before, after = workload(), workload()
    before["spec"]["template"]["spec"]["initContainers"] = [{"name": "migrate", "image": "m:1"}]
    after["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "p:1"})
    after["spec"]["template"]["spec"]["serviceAccountName"] = "shop"
    assert told(before, after) == [
        "container migrate: is gone",
        "container proxy: is new",
        "pod: serviceAccountName changes",
    ]


def with_config(name, side):
    made = workload(envFrom=[{"secretRef": {"name": f"keys{name}"}}])
    made["spec"]["template"]["spec"]["volumes"] = [
        {"name": "flags", "configMap": {"name": f"flags{name}"}},
        {"name": "shared", "configMap": {"name": "shared"}},
    ]
    made["spec"]["template"]["spec"]["topologySpreadConstraints"] = [
        {"maxSkew": 1, "labelSelector": {"matchLabels": {"app": side}}}
    ]
    return made


@pytest.mark.parametrize("copy", ["-shop-0123456789ab", "-primary"])
def test_what_the_primary_must_have_by_another_name_is_no_change(copy):
    target, primary = with_config("", "shop"), with_config(copy, "shop-primary")
    before = deepcopy(primary)
    assert told(primary, target) == []
    assert primary == before
    assert copies(target, primary, "shop") == {
        ConfigReference(ConfigKind.CONFIG_MAP, "flags"): f"flags{copy}",
        ConfigReference(ConfigKind.CONFIG_MAP, "shared"): "shared",
        ConfigReference(ConfigKind.SECRET, "keys"): f"keys{copy}",
    }


SECRET = ConfigReference(ConfigKind.SECRET, "keys")
FLAGS = ConfigReference(ConfigKind.CONFIG_MAP, "flags")


@pytest.mark.parametrize(
    ("reference", "before", "after", "says"),
    [
        (FLAGS, None, None, []),
        (FLAGS, None, {}, ["configmap flags: is new"]),
        (FLAGS, {}, None, ["configmap flags: is gone"]),
        (FLAGS, {"data": {"a": "1"}}, {"data": {"a": "1"}}, []),
        (
            FLAGS,
            {"data": {"a": "1", "b": "1"}},
            {"data": {"a": "2"}, "binaryData": {"c": "AA=="}},
            ["configmap flags: c added, b removed, a changed"],
        ),
        (
            SECRET,
            {"data": {"token": "b2xk"}},
            {"data": {"token": "bmV3"}},
            ["secret keys: token changed (values not shown)"],
        ),
    ],
)
def test_the_keys_of_configs_that_change_are_named_and_no_value(reference, before, after, says):
    assert [str(each) for each in config_changes(reference, before, after)] == says

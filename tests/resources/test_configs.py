"""Tracked ConfigMaps and Secrets: found, summed up, copied and renamed."""

import re
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.api.kinds import CONFIG_MAP, SECRET, Manifest
from canary.resources.configs import (
    ConfigKind,
    ConfigReference,
    checksum,
    config_copy,
    copy_name,
    references,
    rename_references,
    tracked,
)
from tests.resources.builders import OWNER, a_canary

EVERYWHERE: dict[str, Any] = {
    "volumes": [
        {"name": "a", "configMap": {"name": "volume"}},
        {"name": "b", "secret": {"secretName": "volume", "optional": True}},
        {
            "name": "c",
            "projected": {
                "sources": [
                    {"configMap": {"name": "projected"}},
                    {"secret": {"name": "projected"}},
                    {"serviceAccountToken": {"path": "token"}},
                ]
            },
        },
        {"name": "d", "emptyDir": {}},
        {"name": "e", "csi": {"driver": "vault"}},
        {"name": "f", "configMap": {"optional": True}},
    ],
    "containers": [
        {
            "name": "main",
            "env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "env", "key": "a"}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "env", "key": "b"}}},
                {"name": "C", "value": "plain"},
                {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
            "envFrom": [
                {"configMapRef": {"name": "from", "optional": True}},
                {"secretRef": {"name": "from"}},
            ],
        }
    ],
    "initContainers": [{"name": "init", "envFrom": [{"configMapRef": {"name": "init"}}]}],
    "ephemeralContainers": [{"name": "debug", "envFrom": [{"secretRef": {"name": "debug"}}]}],
    "imagePullSecrets": [{"name": "registry"}],
}


def test_every_way_to_refer_to_a_config_is_found() -> None:
    assert [(each.key, each.optional) for each in references({"spec": EVERYWHERE})] == [
        ("configmap/env", False),
        ("configmap/from", True),
        ("configmap/init", False),
        ("configmap/projected", False),
        ("configmap/volume", False),
        ("secret/debug", False),
        ("secret/env", False),
        ("secret/from", False),
        ("secret/projected", False),
        ("secret/volume", True),
    ]


def test_a_template_may_refer_to_nothing() -> None:
    assert references({}) == ()
    assert references({"spec": {"containers": None, "volumes": None}}) == ()


@pytest.mark.parametrize(
    ("flags", "optional"),
    [((True, True), True), ((True, False), False), ((False, True), False), ((None, True), False)],
)
def test_a_config_is_optional_only_if_every_reference_says_so(
    flags: tuple[bool | None, bool | None], optional: bool
) -> None:
    sources = [{"configMapRef": {"name": "a", "optional": flag}} for flag in flags]
    template = {"spec": {"containers": [{"name": "x", "envFrom": sources}]}}
    assert references(template) == (ConfigReference(ConfigKind.CONFIG_MAP, "a", optional),)


def test_references_are_renamed_by_kind_and_name() -> None:
    template: Manifest = {"spec": deepcopy(EVERYWHERE)}
    renamed = rename_references(
        template, {"configmap/env": "env-primary", "secret/volume": "volume-primary"}
    )
    assert template == {"spec": EVERYWHERE}
    expected = {each.key for each in references(template)} - {"configmap/env", "secret/volume"}
    assert {each.key for each in references(renamed)} == expected | {
        "configmap/env-primary",
        "secret/volume-primary",
    }
    assert rename_references(template, {}) == template


def a_config(kind: str = "ConfigMap", **fields: Any) -> Manifest:
    metadata = {"name": "app", "namespace": "test", "resourceVersion": "7"}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata} | fields


@pytest.mark.parametrize(
    "other",
    [
        a_config(data={"a": "2"}),
        a_config(data={"b": "1"}),
        a_config(data={"a": "1"}, binaryData={"b": "AA=="}),
        a_config(binaryData={"a": "1"}),
        a_config(),
    ],
)
def test_a_checksum_changes_with_all_content(other: Manifest) -> None:
    assert checksum(other) != checksum(a_config(data={"a": "1"}))


def test_a_checksum_does_not_change_with_anything_else() -> None:
    once = checksum(a_config(data={"a": "ü", "b": "1"}))
    assert once == checksum(
        a_config("Secret", data={"b": "1", "a": "ü"}, binaryData=None, immutable=True)
    )
    assert "ü" not in once


@pytest.mark.parametrize(
    ("obj", "is_tracked"),
    [
        (a_config(), True),
        (a_config("Secret"), True),
        (a_config("Secret", type="Opaque"), True),
        (a_config("Secret", type="kubernetes.io/tls"), True),
        (a_config("Secret", type="kubernetes.io/basic-auth"), True),
        (a_config("Secret", type="kubernetes.io/ssh-auth"), True),
        (a_config("Secret", type="kubernetes.io/service-account-token"), False),
        (a_config("Secret", type="helm.sh/release.v1"), False),
    ],
)
def test_the_apps_own_configs_are_tracked(obj: Manifest, is_tracked: bool) -> None:
    assert tracked(obj) is is_tracked


@pytest.mark.parametrize("key", ["tidegate.dev/config-tracking", "flagger.app/config-tracking"])
@pytest.mark.parametrize(
    ("value", "is_tracked"), [("disabled", False), ("disable", False), ("", True)]
)
def test_tracking_is_turned_off_by_annotation(key: str, value: str, is_tracked: bool) -> None:
    obj = a_config()
    obj["metadata"]["annotations"] = {key: value}
    assert tracked(obj) is is_tracked


def test_a_copy_has_the_content_and_none_of_the_history() -> None:
    obj = a_config(
        "Secret", type="kubernetes.io/tls", immutable=True, data={"a": "MQ=="}, binaryData=None
    )
    obj["metadata"] |= {
        "labels": {"app": "x", "kustomize.toolkit.fluxcd.io/name": "apps", "team": "pay"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "1"},
        "ownerReferences": [{"uid": "operator"}],
    }
    owner = {key: OWNER[key] for key in ("apiVersion", "kind", "name", "uid")}
    expected = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "app-podinfo-1",
            "namespace": "test",
            "labels": {"app.kubernetes.io/managed-by": "tidegate"},
            "annotations": {},
            "ownerReferences": [owner],
        },
        "type": "kubernetes.io/tls",
        "immutable": True,
        "data": {"a": "MQ=="},
    }
    name = "app-podinfo-1"
    assert config_copy(a_canary(), obj, kind=SECRET, name=name).manifest == expected
    with_labels = config_copy(
        a_canary(), obj, kind=SECRET, name=name, include_label_prefixes=["team"]
    ).manifest["metadata"]
    assert with_labels["labels"] == {"team": "pay", "app.kubernetes.io/managed-by": "tidegate"}
    assert with_labels["annotations"]["team"] == "1"


def test_nobody_changes_the_content_of_a_copy_even_of_a_config_that_changes() -> None:
    assert (
        config_copy(a_canary(), a_config(data={"a": "1"}), kind=CONFIG_MAP, name="copy").manifest[
            "immutable"
        ]
        is True
    )


SETTINGS = ConfigReference(ConfigKind.CONFIG_MAP, "settings")


def test_a_copy_has_a_name_of_its_own_for_each_canary_config_and_content() -> None:
    name = copy_name("podinfo", SETTINGS, "abc")
    assert name.startswith("settings-podinfo-")
    assert name == copy_name("podinfo", SETTINGS, "abc")
    others = {
        copy_name("podinfo", SETTINGS, "abd"),
        copy_name("podinfo", ConfigReference(ConfigKind.SECRET, "settings"), "abc"),
        copy_name("podinfo", ConfigReference(ConfigKind.CONFIG_MAP, "settings-podinfo"), "abc"),
        copy_name("podinfo-2", SETTINGS, "abc"),
        # Both begin with a-b-c.
        copy_name("c", ConfigReference(ConfigKind.CONFIG_MAP, "a-b"), "abc"),
        copy_name("b-c", ConfigReference(ConfigKind.CONFIG_MAP, "a"), "abc"),
    }
    assert len(others | {name}) == 7


@given(
    config=st.from_regex(
        r"[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?(\.[a-z0-9]{1,63}){0,3}", fullmatch=True
    ),
    canary=st.from_regex(
        r"[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?(\.[a-z0-9]{1,63}){0,3}", fullmatch=True
    ),
)
def test_the_name_of_a_copy_is_valid_however_long_those_that_it_is_made_of_are(
    config: str, canary: str
) -> None:
    name = copy_name(canary, ConfigReference(ConfigKind.SECRET, config), "abc")
    assert len(name) <= 253
    label = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    assert re.fullmatch(rf"{label}(\.{label})*", name)

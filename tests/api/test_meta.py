"""The types of single fields."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from analysis.durations import format_duration, parse_duration
from canary.api.canary import CanarySpec
from canary.api.meta import ObjectMeta
from canary.api.people import AlertReference, Severity, Webhook, WebhookType
from canary.api.validation import parse_canary
from tests.api.examples import GOOD_CANARIES, a_canary, patched


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1m30s", 90),
        ("2h", 7200),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("3us", 3e-6),
        ("3µs", 3e-6),
        ("1h2m3s4ms", 3723.004),
    ],
)
def test_a_go_duration_is_read_as_seconds(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "10", "s", "-1s", "1 s", "1s ", "1d", "1e3s", "1m" * 17, "٣s"]
)
def test_what_is_no_go_duration_is_refused(text):
    with pytest.raises(ValueError, match="such as 90s"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=8760)))
def test_a_duration_reads_back_to_what_was_written(duration):
    assert timedelta(seconds=parse_duration(format_duration(duration))) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(days=3), "72h"),
        (timedelta(microseconds=1500), "1ms500us"),
    ],
)
def test_a_duration_is_written_in_its_shortest_form(duration, text):
    assert format_duration(duration) == text


class TestCanary:
    def test_names_follow_the_target(self):
        spec = parse_canary(a_canary()).spec
        assert spec.service_name == "podinfo"
        assert spec.primary_name == "podinfo-primary"

    def test_services_follow_the_apex_name_and_the_primary_follows_the_target(self):
        spec = parse_canary(patched(a_canary(), {"service/name": "web"})).spec
        assert spec.primary_service_name == "web-primary"
        assert spec.canary_service_name == "web-canary"
        assert spec.primary_name == "podinfo-primary"

    @pytest.mark.parametrize(("written", "reverts"), [(None, True), (True, True), (False, False)])
    def test_deletion_reverts_unless_told_not_to(self, written, reverts):
        obj = patched(a_canary(), {"revertOnDeletion": written})
        assert parse_canary(obj).spec.reverts_on_deletion is reverts

    @pytest.mark.parametrize(("policy", "reverts"), [("restore", True), ("orphan", False)])
    def test_a_deletion_policy_says_the_same_in_other_words(self, policy, reverts):
        obj = patched(a_canary(), {"deletionPolicy": policy})
        assert parse_canary(obj).spec.reverts_on_deletion is reverts

    @pytest.mark.parametrize(("written", "counts"), [(0, 1), (1, 1), (5, 5)])
    def test_a_threshold_of_0_counts_as_1(self, written, counts):
        obj = patched(a_canary(), {"analysis/threshold": written})
        assert parse_canary(obj).spec.analysis.failures_to_roll_back == counts

    @pytest.mark.parametrize(
        ("target_port", "listens"), [(None, 9898), (0, 9898), (8080, 8080), ("web", "web")]
    )
    def test_pods_listen_on_the_target_port_or_else_on_the_port(self, target_port, listens):
        obj = patched(a_canary(), {"service/targetPort": target_port})
        assert parse_canary(obj).spec.service.container_port == listens

    def test_a_whole_number_written_as_a_float_is_an_integer(self):
        spec = parse_canary(GOOD_CANARIES["a whole number written as 10.0"]).spec
        assert isinstance(spec.analysis.step_weight, int)

    def test_what_was_written_is_kept_apart_from_defaults(self):
        obj = a_canary()
        assert parse_canary(obj).spec.as_written() == obj["spec"]

    def test_every_field_reads_back_to_what_was_written(self):
        spec = parse_canary(GOOD_CANARIES["every field at once"]).spec
        assert CanarySpec.model_validate(spec.as_written()) == spec

    def test_a_model_cannot_be_changed_but_copied_with_changes(self):
        spec = parse_canary(a_canary()).spec
        with pytest.raises(ValidationError, match="frozen"):
            spec.suspend = True
        assert spec.but(suspend=True).suspend

    def test_models_are_also_built_by_attribute_names(self):
        hook = Webhook(name="a", url="http://a/", timeout=timedelta(seconds=3))
        assert hook.timeout == timedelta(seconds=3)


class TestHooksAndAlerts:
    def test_an_empty_type_means_rollout(self):
        assert Webhook.model_validate({"name": "a", "type": ""}).type is WebhookType.ROLLOUT

    def test_an_empty_severity_means_info(self):
        alert = AlertReference.model_validate(
            {"name": "a", "severity": "", "providerRef": {"name": "b"}}
        )
        assert alert.severity is Severity.INFO

    def test_only_confirm_hooks_are_gates(self):
        assert {each.value for each in WebhookType if each.is_gate} == {
            "confirm-rollout",
            "confirm-traffic-increase",
            "confirm-promotion",
        }

    def test_a_gate_stays_shut_for_three_days_at_most_unless_told_otherwise(self):
        assert Webhook(name="a", type=WebhookType.CONFIRM_ROLLOUT).deadline == timedelta(hours=72)


class TestObjectMeta:
    def test_metadata_is_read_as_the_api_server_writes_it(self):
        meta = ObjectMeta.model_validate(
            {
                "name": "a",
                "namespace": "b",
                "uid": "c",
                "generation": 3,
                "resourceVersion": "77",
                "labels": {"l": "1"},
                "annotations": None,
                "finalizers": ["tidegate.dev/revert"],
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "deletionTimestamp": None,
                "managedFields": [{"manager": "kubectl"}],
            }
        )
        assert (meta.namespace, meta.uid, meta.generation) == ("b", "c", 3)
        assert (meta.resource_version, meta.labels, meta.annotations) == ("77", {"l": "1"}, {})
        assert meta.finalizers == ("tidegate.dev/revert",)
        assert meta.creation_timestamp is not None
        assert meta.creation_timestamp.isoformat() == "2026-01-02T03:04:05+00:00"
        assert meta.deletion_timestamp is None

    def test_metadata_of_another_shape_is_refused(self):
        with pytest.raises(ValidationError):
            ObjectMeta.model_validate(["a"])

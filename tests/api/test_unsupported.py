"""What the schema has and this version does not act on yet is said, never silently ignored."""

import pytest

from analysis.providers import PROVIDERS
from canary.api.unsupported import LATER, unsupported
from canary.api.validation import parse_alert_provider, parse_canary, parse_metric_template
from canary.controller.installed import missing_plugins
from canary.notifiers import NOTIFIERS
from canary.routers import ROUTERS
from canary.targets import TARGETS
from tests.api.examples import (
    GOOD_CANARIES,
    a_canary,
    a_receiver,
    a_template,
    patched,
)

REFUSED = {
    "sticky sessions": (
        {"analysis/sessionAffinity": {"cookieName": "c"}},
        "spec.analysis.sessionAffinity",
        "an object",
    ),
}


@pytest.mark.parametrize(("changes", "field", "value"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("group", ["tidegate.dev", "flagger.app"])
def test_a_canary_that_asks_for_more_is_told_so(group, changes, field, value):
    obj = patched(a_canary(), changes) | {"apiVersion": f"{group}/v1beta1"}
    (problem,) = unsupported(parse_canary(obj))
    assert str(problem).startswith(f"{field}: {value}: this version does not support ")


def test_a_first_canary_asks_for_nothing_more():
    assert unsupported(parse_canary(a_canary())) == ()


def test_a_horizontal_pod_autoscaler_is_supported():
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "name": "podinfo",
        "primaryScalerReplicas": {"minReplicas": 2},
    }
    assert unsupported(parse_canary(patched(a_canary(), {"autoscalerRef": scaler}))) == ()


def test_everything_that_is_not_acted_on_is_named_at_once():
    problems = unsupported(parse_canary(GOOD_CANARIES["every field at once"]))
    assert len(problems) == 1


@pytest.mark.parametrize("name", sorted(LATER["tidegate.providers"]))
def test_a_metric_store_of_a_later_version_is_told_so(name):
    template = parse_metric_template(patched(a_template(), {"provider/type": name}))
    (problem,) = missing_plugins(template)
    assert str(problem).startswith(
        f"spec.provider.type: {name!r}: this version does not support it; name one of "
    )


def test_what_is_installed_is_not_told_of():
    assert not [*missing_plugins(parse_metric_template(a_template()))]
    assert not [*missing_plugins(parse_alert_provider(a_receiver()))]
    assert not [*missing_plugins(parse_canary(a_canary()), default_router="istio")]


def test_what_is_said_to_come_later_is_not_here_yet():
    for table in (ROUTERS, PROVIDERS, NOTIFIERS, TARGETS):
        assert not LATER.get(table.group, frozenset()) & set(table.names())

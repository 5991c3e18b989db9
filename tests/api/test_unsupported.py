"""What Flagger's manifests name and no plug-in brings is said, never silently ignored."""

import pytest

from analysis.errors import UnknownPlugin
from analysis.providers import PROVIDERS
from canary.api.unsupported import LATER, not_started_with
from canary.api.validation import parse_alert_provider, parse_canary, parse_metric_template
from canary.controller.installed import missing_plugins
from canary.notifiers import NOTIFIERS
from canary.routers import ROUTERS
from canary.targets import TARGETS
from tests.api.examples import (
    a_canary,
    a_receiver,
    a_template,
)


def test_what_is_installed_is_not_told_of():
    assert not [*missing_plugins(parse_metric_template(a_template()))]
    assert not [*missing_plugins(parse_alert_provider(a_receiver()))]
    assert not [*missing_plugins(parse_canary(a_canary()), default_router="istio")]


def test_what_is_said_to_come_later_is_not_here_yet():
    for table in (ROUTERS, PROVIDERS, NOTIFIERS, TARGETS):
        assert not LATER.get(table.group, frozenset()) & set(table.names())


@pytest.mark.parametrize("named", ["appmesh", "appmesh:v1beta2"])
def test_a_flag_that_names_what_has_ended_says_so_before_what_there_is(named: str) -> None:
    unknown = UnknownPlugin("tidegate.routers", named, ["istio"])
    assert not_started_with("--router", unknown) == (
        "--router: AWS ended App Mesh on 30 September 2026: move to istio, or to gatewayapi; there is "
        f"no router {named!r}; {unknown.remedy}"
    )


def test_a_flag_that_names_what_there_never_was_says_what_there_is() -> None:
    unknown = UnknownPlugin("tidegate.routers", "nowhere", ["istio"])
    assert not_started_with("--router", unknown) == f"--router: {unknown}"

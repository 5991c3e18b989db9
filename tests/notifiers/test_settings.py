"""What can be chosen of a receiver: each type says so, and anything else is refused with the way out."""

from collections.abc import Mapping
from typing import Any

import pytest

from analysis.errors import UnknownPlugin
from canary.controller.reading import CanaryReader
from canary.controller.validator import Validator
from canary.notifiers import NOTIFIERS, NotifierConfig, SettingValue
from canary.notifiers.posting import PostingNotifier
from canary.notifiers.settings import listed, refused_settings, written
from tests.api.examples import GONE, a_receiver, patched

CHOICES = [
    (name, setting, value)
    for name in NOTIFIERS.names()
    for setting in NOTIFIERS.load(name).settings  # type: ignore[attr-defined]
    for value in setting.values
]


def refused(type_: str, **settings: SettingValue) -> list[str]:
    return [str(each) for each in refused_settings(type_, settings)]


@pytest.mark.parametrize(
    ("type_", "settings", "said"),
    [
        ("slack", {}, []),
        ("pagerduty", {"pageOnGates": True}, []),
        ("opsgenie", {"pageOnGates": False}, []),
        (
            "slack",
            {"pageOnGates": True},
            [
                "spec.settings.pageOnGates: true: remove it: a receiver of type slack knows no settings"
            ],
        ),
        (
            "pagerduty",
            {"pageOnGate": True},
            [
                "spec.settings.pageOnGate: true: remove it: a receiver of type pagerduty knows pageOnGates"
            ],
        ),
        (
            # It may be a token that was meant for the Secret.
            "slack",
            {"token": "xoxb-1"},
            [
                "spec.settings.token: (hidden): remove it: a receiver of type slack knows no settings"
            ],
        ),
        (
            "pagerduty",
            {"pageOnGates": "true"},
            ["spec.settings.pageOnGates: 'true': write false or true"],
        ),
        ("pagerduty", {"pageOnGates": 1}, ["spec.settings.pageOnGates: 1: write false or true"]),
    ],
)
def test_what_a_type_does_not_know_is_refused_with_what_it_knows(
    type_: str, settings: Mapping[str, SettingValue], said: list[str]
) -> None:
    assert refused(type_, **settings) == said


def test_a_type_that_is_not_installed_is_no_matter_of_its_settings() -> None:
    assert refused("carrier-pigeon") == []
    with pytest.raises(UnknownPlugin):
        refused("carrier-pigeon", pageOnGates=True)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"type": "pagerduty", "settings": {"pageOnGates": True}}, []),
        ({"type": "pagerduty", "settings": {"rings": 3}}, ["spec.settings.rings"]),
        ({"type": "carrier-pigeon", "settings": {"rings": 3}}, ["spec.type"]),
        ({"type": "pagerduty", "settings": GONE}, []),
    ],
)
def test_admission_and_lint_name_the_setting(changes: dict[str, Any], fields: list[str]) -> None:
    written_down = patched(patched(a_receiver(), {"settings": {}}), changes)
    found = Validator(CanaryReader("istio")).problems("alertproviders", written_down)
    assert [each.field for each in found] == fields


@pytest.mark.parametrize(("name", "setting", "value"), CHOICES)
def test_every_choice_is_taken_and_the_first_holds_without_one(
    name: str, setting: Any, value: SettingValue
) -> None:
    assert refused(name, **{setting.name: value}) == []
    assert setting.text.endswith(".")
    notifier = NOTIFIERS.load(name)(NotifierConfig())
    assert isinstance(notifier, PostingNotifier)
    assert notifier.chosen(setting) == setting.values[0]
    chosen = NOTIFIERS.load(name)(NotifierConfig(settings={setting.name: value}))
    assert isinstance(chosen, PostingNotifier)
    assert chosen.chosen(setting) == value


def test_a_value_is_written_as_in_yaml() -> None:
    assert [written(each) for each in (True, 2, "cdevents")] == ["true", "2", "cdevents"]


def test_a_setting_of_one_value_is_named_alone() -> None:
    assert listed((2,)) == "2"

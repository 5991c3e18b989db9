"""The settings of receivers: what was chosen is checked against what a notifier knows.

Which settings there are is said by each notifier; no name of one stands here.
"""

from collections.abc import Iterator, Mapping

from canary.api.shown import HIDDEN, shown
from canary.errors import Problem
from canary.notifiers import NOTIFIERS, NotifierSetting, SettingValue

FIELD = "spec.settings"


def refused_settings(type_: str, chosen: Mapping[str, SettingValue]) -> Iterator[Problem]:
    """Name what was chosen of a receiver and its notifier does not know, with what it knows.

    Raises:
        UnknownPlugin: nothing tells receivers of this type.
    """
    if not chosen:
        return  # Most choose nothing, and a notifier takes a while to import.
    settings: tuple[NotifierSetting, ...] = getattr(NOTIFIERS.load(type_), "settings", ())
    known = {each.name: each for each in settings}
    for name, value in chosen.items():
        setting = known.get(name)
        if setting is None:
            names = ", ".join(sorted(known)) or "no settings"
            remedy = f"remove it: a receiver of type {type_} knows {names}"
            # What is no setting may be a token that was meant for the Secret.
            found = HIDDEN if isinstance(value, str) else shown(value)
            yield Problem(f"{FIELD}.{name}", found, remedy)
        elif not any(_same(value, each) for each in setting.values):
            remedy = f"write {listed(setting.values)}"
            yield Problem(f"{FIELD}.{name}", shown(value), remedy)


def chosen_of(setting: NotifierSetting, chosen: Mapping[str, SettingValue]) -> SettingValue:
    """Give what was chosen of a setting, or what holds where nothing was."""
    return chosen.get(setting.name, setting.values[0])


def written(value: SettingValue) -> str:
    """Write a value as YAML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def listed(values: tuple[SettingValue, ...]) -> str:
    """Write what there is to choose: `false or true`."""
    *others, last = map(written, values)
    return f"{', '.join(others)} or {last}" if others else last


def _same(value: SettingValue, other: SettingValue) -> bool:
    # For Python true is 1; in YAML they are two values.
    return type(value) is type(other) and value == other

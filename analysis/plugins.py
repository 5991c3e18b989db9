"""The table of a plug-in family: names to classes, imported when first asked for.

Our own names come first, the entry points of installed packages second, so that no package can
take the place of a built-in plug-in. An entry point is used only after `enable` has named it: what
happens to be installed does not act by itself. What a family's plug-ins must do does not belong here: the
protocol lives in the family's package, beside its table.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Generic, TypeVar, cast

from analysis.errors import PLUGIN_NOUNS, UnknownPlugin

Plugin = TypeVar("Plugin")

ASLEEP: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"tidegate.providers": {"job": "analysis.providers.job:JobProvider"}}
)
"""Plug-ins of our own, by group, that act as little by themselves as those of installed packages."""

_enabled: set[str] = set()


def enable(names: Iterable[str]) -> None:
    """Let the plug-ins of installed packages that have these names be found, for this process.

    Raises:
        UnknownPlugin: no installed package brings one of them; the exception lists what they bring.
    """
    named = set(names)
    if not named:
        return
    ours = {name for group in ASLEEP.values() for name in group}
    if foreign := named - ours:
        installed = {entry.name for group in PLUGIN_NOUNS for entry in entry_points(group=group)}
        for name in sorted(foreign - installed):
            raise UnknownPlugin("", name, installed)
    _enabled.update(named)


class PluginTable(Generic[Plugin]):
    """The plug-ins of one family by name; each name stands for "module:Class".

    `Plugin` is the family's protocol: `PluginTable[Router](group="tidegate.routers", builtin={...})`.
    `defaults` names a class with the methods that a plug-in may do without: of these it gets the
    ones that it has not, so that one written for an earlier protocol goes on working.
    """

    def __init__(self, *, group: str, builtin: Mapping[str, str], defaults: str = "") -> None:
        self.group = group
        self._defaults = defaults
        self._complete: dict[type, type] = {}
        self._own: dict[str, object] = {}
        self._builtin = {
            name: EntryPoint(name=name, value=value, group=group) for name, value in builtin.items()
        }

    def names(self) -> tuple[str, ...]:
        """Every known name, sorted, those included that `enable` has named."""
        return tuple(sorted(self._known))

    def load(self, name: str) -> Callable[..., Plugin]:
        """Import the class that the name stands for.

        Raises:
            UnknownPlugin: nothing has this name; the exception lists the known ones.
            ImportError, AttributeError: the module or the class behind the name does not exist,
                a defect of the package that registered it.
        """
        if name in self._builtin:
            if name not in self._own:
                self._own[name] = self._builtin[name].load()
            return cast("Callable[..., Plugin]", self._own[name])
        found = self._entry(name).load()
        if not self._defaults or not isinstance(found, type):
            return cast("Callable[..., Plugin]", found)
        return cast("Callable[..., Plugin]", self._completed(found))

    def check(self, name: str) -> None:
        """Find out whether a name stands for a class, without importing it.

        Raises:
            UnknownPlugin: nothing has this name; the exception lists the known ones.
        """
        self._entry(name)

    def _completed(self, found: type) -> type:
        """Give a plug-in's class the methods that it may do without, and does."""
        if found not in self._complete:
            entry = EntryPoint(name="defaults", value=self._defaults, group=self.group)
            self._complete[found] = type(found.__name__, (found, entry.load()), {})
        return self._complete[found]

    def _entry(self, name: str) -> EntryPoint:
        # Built-in names are looked up first also because scanning every installed package is slow.
        known = self._builtin if name in self._builtin else self._known
        if name not in known:
            # Ours that are off are named to those who name them.
            others = ASLEEP.get(self.group, {}).keys() - {name}
            dormant = self._installed.keys() - known.keys() - others
            raise UnknownPlugin(self.group, name, known, dormant)
        return known[name]

    @property
    def _known(self) -> dict[str, EntryPoint]:
        enabled = _enabled & self._installed.keys() if _enabled else ()
        return {name: self._installed[name] for name in enabled} | self._builtin

    @cached_property
    def _installed(self) -> dict[str, EntryPoint]:
        """The entry points of installed packages, and ours that are off by default, enabled or not."""
        ours = ASLEEP.get(self.group, {}).items()
        return {entry.name: entry for entry in entry_points(group=self.group)} | {
            name: EntryPoint(name=name, value=value, group=self.group) for name, value in ours
        }

"""What the compliance suites need to know of a plug-in: a module a plug-in, found by its name.

`tests/cases/FAMILY/NAME.py` holds the `CASE` of one of tidegate's own, with the name in small letters
and `_` for `-`. A plug-in of an installed package has its case in a folder of the same form, which
`--cases FOLDER` names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from analysis.model import Metric, ProviderSpec
from analysis.plugins import PluginTable
from canary.api.kinds import Manifest
from canary.notifiers import NOTIFIERS, Notifier, NotifierConfig
from tests.analysis.servers import Handler
from tests.receiver import Answer

#: Where cases are looked for, in this order.
folders = [Path(__file__).parent / "cases"]


@cache
def case_of(family: PluginTable[Any], name: str) -> Any:
    """Load the case of a plug-in.

    Raises:
        LookupError: it has none; says where one belongs.
    """
    place = Path(family.group.partition(".")[2]) / f"{name.lower().replace('-', '_')}.py"
    for file in (folder / place for folder in folders):
        if file.exists():
            spec = spec_from_file_location(f"cases.{place.parent}.{place.stem}", file)
            assert spec is not None
            assert spec.loader is not None
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return module.CASE
    raise LookupError(
        f"{name} has no case: write tests/cases/{place}, or name the folder that has {place} with "
        "--cases"
    )


def cases_of(family: PluginTable[Any]) -> dict[str, Any]:
    """Load the case of each plug-in of a family."""
    return {name: case_of(family, name) for name in family.names()}


def notifier_cases() -> tuple["NotifierCase", ...]:
    """Load the ways in which notifiers are used."""
    return tuple(way for ways in cases_of(NOTIFIERS).values() for way in ways)


@dataclass(frozen=True, kw_only=True)
class RouterCase:
    """What can be asked of a router."""

    needed: Mapping[str, Any] = field(default_factory=dict)
    """The fields of `spec.service` that it cannot do without."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """The same of `spec` itself, such as `ingressRef`."""
    canaries: tuple[Mapping[str, Any], ...] = ()
    """Canaries that between them ask for everything it can do: their `service`, their `analysis`
    and other fields of `spec`."""
    foreign: Mapping[str, Manifest] = field(default_factory=dict)
    """A spec that users wrote before tidegate came, by each kind that it writes."""
    read: tuple[Manifest, ...] = ()
    """The objects of their user that it reads and cannot do without."""
    annotations: frozenset[str] = frozenset()
    """The annotations by which it says who is routed where."""
    published: tuple[tuple[str, str], ...] = ()
    """The Go modules, with their versions, and files in them that hold the CRDs of its kinds."""
    mesh: Mapping[str, Any] | None = None
    """The fields of `spec.service` with which the embedded mesh routes by its objects.

    None where the mesh does not read them, or they cannot say who matches.
    """


@dataclass(frozen=True, kw_only=True)
class TargetCase:
    """A workload of a kind, made of what is in `tests/targets/workloads.py`."""

    written: Manifest
    """As its user writes it: with `SELECTOR` and `TEMPLATE`, for three pods."""
    running: Mapping[str, Any]
    """Its status with three pods: two of the newest template, one available."""
    pod: Manifest
    """A pod of it."""
    remembered: Manifest
    """What the history holds of its template."""


@dataclass(frozen=True, kw_only=True)
class ScalerCase:
    """An autoscaler of a kind."""

    written: Manifest
    """As its user writes it: named `scaler`, for the Deployment podinfo, with 2 to 4 replicas."""


@dataclass(frozen=True, kw_only=True)
class ProviderCase:
    """How a provider is pointed at a server, and how that server speaks."""

    spec: Callable[[str], ProviderSpec]
    query: str
    five: Handler
    nothing: Handler
    nan: Handler


@dataclass(frozen=True, kw_only=True)
class NotifierCase:
    """One way in which a notifier is used; its case is a tuple of these."""

    name: str
    notifier: str
    path: str = "/services/T000/B000/path-is-secret"
    token: str = ""
    success: Answer
    """How a receiver answers that takes an alert."""

    def make(self, url: str, **changes: Any) -> Notifier:
        """Make the notifier."""
        settings: dict[str, Any] = {
            "address": f"{url}{self.path}",
            "token": self.token,
            "channel": "releases",
            "username": "tidegate",
            "timeout": timedelta(seconds=10),
        }
        return NOTIFIERS.load(self.notifier)(NotifierConfig(**(settings | changes)))


@dataclass(frozen=True, kw_only=True)
class JudgeCase:
    """What a judge is asked to judge."""

    metrics: tuple[Metric, ...]
    """Metrics with the questions that it needs."""

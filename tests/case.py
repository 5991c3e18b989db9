"""What the compliance suites need to know of a plug-in: a module a plug-in, found by its name.

`tests/cases/FAMILY/NAME.py` holds the `CASE` of one of tidegate's own, with the name in small letters
and `_` for `-` and `.`. A plug-in of an installed package has its case in a folder of the same form, which
`--cases FOLDER` names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from analysis.errors import FailureKind
from analysis.model import Credentials, Metric, NoData, ProviderSpec, QueryFailure
from analysis.plugins import PluginTable
from analysis.providers import PROVIDERS
from canary.api.kinds import Manifest
from canary.notifiers import NOTIFIERS, Notifier, NotifierConfig, SettingValue
from tests.analysis.checked import FakeChecks
from tests.analysis.servers import Handler
from tests.receiver import Answer

#: When the compliance suite of providers asks.
NOW = datetime(2026, 1, 1, tzinfo=UTC)

#: Where cases are looked for, in this order.
folders = [Path(__file__).parent / "cases"]


def minutes(count: int) -> timedelta:
    """Give a time."""
    return timedelta(minutes=count)


@cache
def case_of(family: PluginTable[Any], name: str) -> Any:
    """Load the case of a plug-in.

    Raises:
        LookupError: it has none; says where one belongs.
    """
    module = name.lower().replace("-", "_").replace(".", "_")
    place = Path(family.group.partition(".")[2]) / f"{module}.py"
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


def provider_cases() -> dict[str, "ProviderCase"]:
    """Load the cases of all providers, those of their other languages and versions included."""
    return {
        f"{name} {way}".strip(): each
        for name, case in cases_of(PROVIDERS).items()
        for way, each in (("", case), *case.also.items())
    }


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
    edits: bool = False
    """Whether it writes into objects of its user alone, and makes none."""
    released: bool = False
    """Whether the object that it writes into is what is released: GitOps tools go on to manage it."""
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
    """As its user writes it: with `SELECTOR` and `TEMPLATE`, for three pods, if it has any."""
    running: Mapping[str, Any] | None = None
    """Its status with three pods: two of the newest template, one available; None without pods."""
    pod: Manifest | None = None
    """A pod of it."""
    remembered: Manifest | None = None
    """What the history holds of its template; None without a history."""


@dataclass(frozen=True, kw_only=True)
class ScalerCase:
    """An autoscaler of a kind."""

    written: Manifest
    """As its user writes it: named `scaler`, for the Deployment podinfo, with 2 to 4 replicas."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """Credentials, with the headers in which they are sent."""

    credentials: Credentials
    sent: Mapping[str, str]


LOGINS: Mapping[str, Login] = {
    "token": Login(
        credentials=Credentials(token="s3cr3t-token"),
        sent={"Authorization": "Bearer s3cr3t-token"},
    ),
    "password": Login(
        credentials=Credentials(username="us3rname", password="pa55word"),
        sent={"Authorization": "Basic dXMzcm5hbWU6cGE1NXdvcmQ="},
    ),
}
"""Secrets in these words alone: tests look for them in everything that is told."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, with its parameters and what it posts as JSON or as text."""

    method: str = "GET"
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    content: object = None


@dataclass(frozen=True, kw_only=True)
class CountCase:
    """How a provider counts by queries of its own; each is of the case's spec."""

    query: str
    end: datetime
    """The end of the block that is counted at `tests.case.NOW`."""
    asked: Callable[[datetime, datetime], Asked]
    """The request about the time from one moment until another."""
    totals: Mapping[str, tuple[Handler, float]] = field(default_factory=dict)
    """Answers of more than one value, and how many requests that are."""


@dataclass(frozen=True, kw_only=True)
class ResumedCase:
    """How a provider has its store work on checks; each is of the case's spec."""

    query: str
    store: Callable[[], FakeChecks]
    """Makes a store without checks, which says 5 once they are over."""
    started: Callable[[str], Asked]
    """The last request of a start by a key, about the minute before `tests.case.NOW`."""
    cancelled: Callable[[str], Asked] | None
    """The request that ends a check, by its handle; None where the store ends none."""
    value: float = 5.0
    once: bool = True
    """Whether one key starts one check, however often it is used."""
    outcomes: Mapping[str, tuple[Handler, type[NoData | QueryFailure] | float, str]] = field(
        default_factory=dict
    )
    """Last words of a store in their documented form: what they are, and a part of what is told."""


@dataclass(frozen=True, kw_only=True)
class ProviderCase:
    """How a provider is pointed at a server, and how that server speaks."""

    spec: Callable[[str], ProviderSpec]
    """The spec for a server, with the credentials that it cannot do without."""
    query: str
    five: Handler
    nothing: Handler
    nan: Handler
    logins: Mapping[str, Login] = field(default_factory=lambda: LOGINS)
    answers: frozenset[int] = frozenset({200})
    """The statuses that are no failure."""
    asked: Asked | None = None
    """The first request of the query about the minute before `tests.case.NOW`."""
    lag: timedelta = timedelta(0)
    """How far before the moment of a question its window ends at the most."""
    values: Mapping[str, tuple[Handler, float]] = field(default_factory=dict)
    """Answers in their documented form that are values."""
    no_data: Mapping[str, Handler] = field(default_factory=dict)
    """Answers in their documented form that say that there is no value."""
    failures: Mapping[str, tuple[Handler, FailureKind, str]] = field(default_factory=dict)
    """Answers that are none, with a part of what is told of them."""
    counts: CountCase | None = None
    """None where it counts nothing, or in the language of counts."""
    uncounted: Mapping[str, str] = field(default_factory=dict)
    """Queries that give a value and no count, with a part of what is said of them."""
    resumed: ResumedCase | None = None
    """None where every question is answered at once."""
    also: Mapping[str, "ProviderCase"] = field(default_factory=dict)
    """Other languages and versions of the store, of which only the documented answers are tried."""


@dataclass(frozen=True, kw_only=True)
class NotifierCase:
    """One way in which a notifier is used; its case is a tuple of these.

    It is an empty one for a notifier that does not post over HTTP, and has tests of its own.
    """

    name: str
    notifier: str
    scheme: str = "http"
    """How its addresses begin that lead to a server without TLS."""
    path: str = "/services/T000/B000/path-is-secret"
    token: str = ""
    channel: str = "releases"
    success: Answer
    """How a receiver answers that takes an alert."""
    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    ref: str = ""
    """How the message is named that comes of it; empty where it can be neither answered nor edited."""
    gone: Answer | None = None
    """How a receiver answers an edit of a message that was deleted; None where none is edited."""

    def make(self, url: str, **changes: Any) -> Notifier:
        """Make the notifier."""
        settings: dict[str, Any] = {
            "address": f"{self.scheme}{url.removeprefix('http')}{self.path}",
            "token": self.token,
            "channel": self.channel,
            "username": "tidegate",
            "settings": self.settings,
            "timeout": timedelta(seconds=10),
        }
        return NOTIFIERS.load(self.notifier)(NotifierConfig(**(settings | changes)))


@dataclass(frozen=True, kw_only=True)
class JudgeCase:
    """What a judge is asked to judge."""

    metrics: tuple[Metric, ...]
    """Metrics with the questions that it needs."""

"""What the engine speaks of: metrics and where to ask for them, what came back, and verdicts.

Nothing here asks or judges: providers ask, judges judge.
Long because it is the vocabulary that providers, judges and the controller share.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from math import isnan

from analysis.authentication import user_and_password
from analysis.egress import UNRESTRICTED, EgressPolicy
from analysis.errors import FailureKind
from analysis.secrecy import HIDDEN, hide, shown_address, userinfo


class Verdict(StrEnum):
    """What judging said."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class NoDataPolicy(StrEnum):
    """What becomes of a metric that gave no value."""

    FAIL = "fail"
    HOLD = "hold"
    PASS = "pass"  # noqa: S105 - a verdict

    @property
    def verdict(self) -> Verdict:
        """The verdict that it stands for."""
        if self is NoDataPolicy.HOLD:
            return Verdict.INCONCLUSIVE
        return Verdict.FAIL if self is NoDataPolicy.FAIL else Verdict.PASS


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a value must lie; the bounds themselves pass, and no bound accepts everything."""

    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        for name, bound in (("min", self.min), ("max", self.max)):
            if bound is not None and isnan(bound):
                raise ValueError(f"thresholdRange.{name}: NaN bounds nothing; write a number")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(
                f"thresholdRange: no value is both ≥ {self.min:g} and ≤ {self.max:g}; "
                "write min no greater than max"
            )

    @property
    def text(self) -> str:
        """The range as a person reads it: "99 ≤ value", "value ≤ 500", "1 ≤ value ≤ 2"."""
        lower = "" if self.min is None else f"{plain_number(self.min)} ≤ "
        upper = "" if self.max is None else f" ≤ {plain_number(self.max)}"
        return f"{lower}value{upper}" if lower or upper else "any value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who asks: a bearer token, or a user name with its password; the token wins.

    `others` are the values of further keys that a provider names, as key and value.
    """

    token: str | None = None
    username: str | None = None
    password: str | None = None
    others: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        """Tell what kind of credentials these are, and nothing of them."""
        kind = "token" if self.token else "username, password" if self.username else ""
        kinds = ", ".join(each for each in (kind, *(key for key, _ in self.others)) if each)
        return f"Credentials({kinds or 'none'})"

    __str__ = __repr__

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that no message may hold, as it is written and as it is sent."""
        sent = user_and_password(self.username, self.password or "") if self.username else None
        values = (self.token, self.password, sent, *(value for _, value in self.others))
        return tuple(secret for secret in values if secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """Where metrics come from, and how it is asked; equal specs share one provider.

    `ca_bundle` is PEM text. `targets` are the addresses that a provider without a store of its own
    reads itself.
    """

    type: str
    address: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    credentials: Credentials = Credentials()
    insecure_skip_verify: bool = False
    ca_bundle: str | None = None
    timeout: timedelta = timedelta(seconds=5)
    targets: tuple[str, ...] = ()
    region: str = ""
    """Where the store keeps its data, for stores that have regions."""
    options: tuple[tuple[str, str], ...] = ()
    """What else the provider must know, as name and value; each provider names what it reads."""
    egress: EgressPolicy = UNRESTRICTED
    """Where its addresses may lead, if they were not named by the administrator."""

    def __repr__(self) -> str:
        """Show everything that is no secret."""
        headers = ", ".join(f"{name}: {HIDDEN}" for name, _ in self.headers)
        targets = ", ".join(shown_address(target) for target in self.targets)
        return (
            f"ProviderSpec(type={self.type!r}, address={shown_address(self.address)!r}, "
            f"headers=({headers}), credentials={self.credentials!r}, "
            f"insecure_skip_verify={self.insecure_skip_verify}, "
            f"ca_bundle={'given' if self.ca_bundle else None}, timeout={self.timeout}, "
            f"targets=({targets}), region={self.region!r}, options={self.options!r})"
        )

    __str__ = __repr__

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that no message may hold."""
        return (
            *self.credentials.secrets,
            *(value for _, value in self.headers),
            *chain.from_iterable(userinfo(each) for each in (self.address, *self.targets)),
        )

    def redact(self, text: str) -> str:
        """Hide every secret of this spec in a text that comes from elsewhere."""
        return hide(text, self.secrets)


class Arm(StrEnum):
    """Whom a question is about."""

    CANARY = "canary"
    PRIMARY = "primary"
    """Whom the canary is compared with."""
    SECOND = "second"
    """Another one that runs what that one runs. Who tells these two apart is deceived by something
    that is no fault of a release."""


SIDES = (Arm.CANARY, Arm.PRIMARY)
"""Those that are compared."""


class Signal(StrEnum):
    """What is asked of an arm."""

    VALUE = "value"
    REQUESTS = "requests"
    BAD = "bad"
    """Requests that failed, or were too slow."""
    GOOD = "good"
    """Requests that did not, where these are easier to count: the others are bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question of a metric, and the query that answers it."""

    query: str
    """Rendered: it goes to the provider as it is."""
    arm: Arm = Arm.CANARY
    signal: Signal = Signal.VALUE
    """What is asked of the arm."""
    since: datetime | None = None
    """From when on it is counted what came on top; None where the query gives the value itself."""
    earlier: timedelta = timedelta(0)
    """How long before the analysis it is asked about; what it gives is taken for that of now."""

    def counted_from(self, since: datetime) -> "Ask":
        """Ask the same from a moment on, as each look does of every question: `replace` is slow."""
        return Ask(
            query=self.query,
            arm=self.arm,
            signal=self.signal,
            since=since,
            earlier=self.earlier,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What is measured, and where its value must lie.

    `interval` is the window that its queries look back on.
    """

    name: str
    asks: tuple[Ask, ...]
    """What its judge must know, at least one question. Most judges need one."""
    provider: ProviderSpec
    interval: timedelta
    threshold_range: Bounds
    on_no_data: NoDataPolicy = NoDataPolicy.FAIL
    on_error: NoDataPolicy = NoDataPolicy.HOLD
    unit: str = ""
    judge: str = "threshold"
    options: tuple[tuple[str, str], ...] = ()
    """What else its judge must know, as name and value; each judge names what it reads."""
    peers: int = 1
    """How many metrics of a run this judge judges, this one included: a judge that may be wrong
    once in so many runs shares that out among them."""
    min_requests: int = 0
    """How many requests the canary must have had before there is a verdict, for judges that count."""
    good: str = ""
    """What makes a counted request a good one, as in `within 500 ms`; empty where its name says it."""
    on_inconclusive: NoDataPolicy = NoDataPolicy.PASS
    """What follows where there are enough requests, and they prove nothing yet."""
    since: datetime | None = None
    """Where the first count of a judge begins; one interval back where it is None."""
    warm_up: timedelta = timedelta(0)
    """How long after that moment it begins."""
    critical: bool = False
    """Whether one failure of it is enough."""
    shadow: bool = False
    """Whether it is judged and shown, and never acted on."""
    asked_by: str = ""
    """Who asks; means nothing to the engine, which shows it to its observer."""
    control: str = "primary"
    """Whom the canary is compared with, for people: it stands where the primary does."""
    second: str = "baseline"
    """Who runs the same as that one, for people, where anybody is asked about it."""

    @property
    def query(self) -> str:
        """The query of its first question, for people."""
        return self.asks[0].query

    def counted_with(self, ask: Ask) -> tuple[Ask, ...]:
        """Give the questions about what is counted over the time of this one, itself included."""
        alike = tuple(
            replace(each, since=ask.since)
            for each in self.asks
            if each.since is not None
            and (each.since - each.earlier, each.earlier) == (ask.since, ask.earlier)
        )
        return alike or (ask,)

    def named(self, arm: Arm) -> str:
        """Name a side for people."""
        return {Arm.PRIMARY: self.control, Arm.SECOND: self.second}.get(arm, arm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value, and what the provider remarked on it.

    `at` is the moment that was asked about; of a count the moment up to which it goes.
    """

    value: float
    at: datetime
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoData:
    """The provider answered, and knows no value.

    `warming_up` says that it has not watched for long enough to know: such an answer speaks
    neither for nor against anything.
    """

    reason: str
    warming_up: bool = False
    known_from: datetime | None = None
    """From when on the provider can count, where it could not since the moment it was asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryFailure:
    """The provider gave no answer."""

    reason: str
    kind: FailureKind = FailureKind.UNAVAILABLE

    @property
    def retryable(self) -> bool:
        """Whether the same question may be answered later."""
        return self.kind.retryable


Outcome = Sample | NoData | QueryFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One metric judged: `metric` is its name, `message` a sentence for people."""

    metric: str
    verdict: Verdict
    value: float | None
    bound: str
    message: str
    query: str
    proven: bool = False
    """Whether the verdict need not be repeated to count: it is a proof, or its metric critical."""
    shadow: bool = False
    """Whether it is only shown."""
    unanswered: bool = False
    """Whether its question could not be put, or was not answered."""
    undecided: bool = False
    """Whether its judge has what it asked for, and finds nothing proven either way."""
    pending: bool = False
    """Whether its store works on the answer."""


def marked(check: Check, *, shadow: bool, critical: bool, unanswered: bool) -> Check:
    """Say of a check what its judge does not know."""
    proven = check.proven or (critical and check.verdict is Verdict.FAIL)
    if (shadow, proven, unanswered) == (check.shadow, check.proven, check.unanswered):
        return check
    return replace(check, shadow=shadow, proven=proven, unanswered=unanswered)


Memory = Mapping[str, str]
"""What a judge keeps of a metric from one analysis of a run to the next, in words of its own."""

#: What a memory may come to, as `memory_bytes` counts it: every metric's is in the Canary's status.
MEMORY_BYTES = 448


def memory_bytes(memory: Memory) -> int:
    """Count the bytes of a memory as JSON that is written into JSON."""
    written = json.dumps(dict(memory))
    # What is escaped is ASCII: written once more it has quotes around it, and a sign before these.
    return len(written) + 2 + written.count('"') + written.count("\\")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a judge says of a metric, and what it keeps for the next time."""

    check: Check
    memory: Memory = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A check that a store works on: the key by which it is started, since when, and what finds it.

    The handle is empty as long as no store has said that it has started the check.
    """

    key: str
    since: datetime
    handle: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All metrics judged once, in their order."""

    checks: tuple[Check, ...] = field(default=())
    memories: Mapping[str, Memory] = field(default_factory=dict)
    """What the judges keep, by the metric's name; of a metric that was not judged it is left out."""
    requests: Mapping[str, Mapping[Arm, Outcome]] = field(default_factory=dict)
    """How many requests each side has had, by who counts them; empty where no one is asked."""
    started: Mapping[str, Started | None] = field(default_factory=dict)
    """What stores work on, by the metric's name: None where a check is over, or could not begin."""

    @property
    def verdict(self) -> Verdict:
        """The worst that a check says that counts; no checks have nothing against it."""
        verdicts = {check.verdict for check in self.counting}
        for worst in (Verdict.FAIL, Verdict.INCONCLUSIVE):
            if worst in verdicts:
                return worst
        return Verdict.PASS

    @property
    def counting(self) -> tuple[Check, ...]:
        """The checks that are acted on."""
        return tuple(check for check in self.checks if not check.shadow)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.counting if check.verdict == Verdict.FAIL)


def plain_number(number: float) -> str:
    """Write a number as people do: 99, 0.5, 1000000."""
    return f"{number:.12g}"

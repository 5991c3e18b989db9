"""The DeliveryPolicy: what many Canaries at once may do, and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Strict

from canary.api.budget import PolicyBudget
from canary.api.fields import Form, Span, Whole, wrong
from canary.api.labels import LabelSelector
from canary.api.meta import ApiModel, ObjectMeta
from canary.api.rules import (
    SPREAD_HAS_WINDOWS,
    WINDOW_ENDS_LATER,
    WINDOW_HAS_TIMES,
    WINDOWS_HAVE_A_ZONE,
    rules,
)

MOST_CONCURRENT = 200
"""So many grants fit into a status, with room for groups."""

NamespacePattern = Annotated[
    str,
    Form(
        r"[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?",
        "write the name of a namespace, with * for any part of it, such as shop-*",
        maximum=63,
    ),
]


WindowName = Annotated[
    str,
    Form(
        r"[A-Za-z0-9]([A-Za-z0-9 ._-]*[A-Za-z0-9])?",
        "write letters, digits, blanks, dots, hyphens and underscores, with a letter or digit at "
        "both ends",
        maximum=63,
    ),
]
ClockTime = Annotated[
    str, Form(r"([01][0-9]|2[0-3]):[0-5][0-9]", "write a time such as 08:00, quoted", maximum=5)
]


@dataclass(frozen=True, slots=True)
class _LocalTime(Form):
    """A local time that the calendar has."""

    def check(self, value: str) -> str:
        """Return the text, or raise with the remedy."""
        Form.check(self, value)
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise wrong(self.remedy) from None
        return value


LocalTime = Annotated[
    str,
    _LocalTime(
        r"20[0-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]",
        "write a local time of this century such as 2026-12-20T00:00, quoted and without a zone",
        maximum=16,
    ),
]
TimeZone = Annotated[
    str,
    Form(
        r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*",
        "write an IANA time zone, such as Europe/Berlin or UTC",
        maximum=64,
    ),
]


class StopMode(StrEnum):
    """What a stop does to runs under way."""

    HOLD = "Hold"
    ROLL_BACK = "RollBack"


class PolicyStop(ApiModel):
    """A stop: no run starts, gets more traffic or is promoted."""

    mode: StopMode = Field(
        default=StopMode.HOLD,
        description="Hold keeps runs at their weights; RollBack rolls back every run that has begun "
        "and is not being promoted.",
    )
    reason: Annotated[str, Strict(), Field(min_length=1, max_length=256)] = Field(
        description="Why, for the people who wait, such as the number of an incident."
    )
    by: Annotated[str, Strict(), Field(max_length=253)] = Field(
        default="", description="Who has asked for it; `tidegate stop` writes this."
    )


class Expedite(StrEnum):
    """Whether a person may expedite a run."""

    ALLOWED = "Allowed"
    REFUSED = "Refused"


class Day(StrEnum):
    """A day of the week."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"


class WindowKind(StrEnum):
    """Whether a window opens or closes."""

    ALLOW = "Allow"
    DENY = "Deny"


class Covered(StrEnum):
    """What a window is about."""

    START = "Start"
    ADVANCE = "Advance"
    PROMOTE = "Promote"


class PolicyWindow(ApiModel):
    """A time that opens or closes: on days of the week, or once."""

    model_config = ConfigDict(json_schema_extra=rules(WINDOW_HAS_TIMES, WINDOW_ENDS_LATER))

    name: WindowName = Field(description="Name of the window, for the people who wait.")
    kind: WindowKind = Field(
        description="Allow: what it covers happens in windows of this kind only. Deny: not in this "
        "one, whatever others allow."
    )
    days: tuple[Day, ...] = Field(
        default=(),
        max_length=7,
        description="Days on which a time from `from` to `to` begins; every day when left out.",
    )
    from_: ClockTime | None = Field(
        default=None, alias="from", description="Local time at which it begins, such as 08:00."
    )
    to: ClockTime | None = Field(
        default=None,
        description="Local time at which it ends, on the next day where it is not after `from`.",
    )
    since: LocalTime | None = Field(
        default=None, description="Local moment at which it begins, such as 2026-12-20T00:00."
    )
    until: LocalTime | None = Field(default=None, description="Local moment at which it ends.")
    covers: tuple[Covered, ...] = Field(
        default=(Covered.START,),
        min_length=1,
        max_length=3,
        description="Start: runs begin. Advance: they get more traffic, and are promoted. Promote: "
        "they are promoted, or make the switch of blue/green.",
    )


class DeliveryPolicySpec(ApiModel):
    """Which Canaries a policy binds, and to what."""

    model_config = ConfigDict(json_schema_extra=rules(WINDOWS_HAVE_A_ZONE, SPREAD_HAS_WINDOWS))

    namespaces: tuple[NamespacePattern, ...] = Field(
        default=(),
        max_length=64,
        description="Namespaces whose Canaries it binds, such as `shop-*`; all when left out. It "
        "counts in the controller's namespace only: elsewhere a policy binds its own namespace.",
    )
    selector: LabelSelector | None = Field(
        default=None, description="Canaries that it binds, by their labels; all when left out."
    )
    stop: PolicyStop | None = Field(
        default=None, description="While this is set, no Canary goes on with a new revision."
    )
    time_zone: TimeZone | None = Field(
        default=None, description="IANA time zone of the windows, such as Europe/Berlin."
    )
    windows: tuple[PolicyWindow, ...] = Field(
        default=(), max_length=32, description="When Canaries may go on, and when not."
    )
    spread: Annotated[timedelta, Span(timedelta(seconds=1), timedelta(hours=12))] | None = Field(
        default=None,
        description="Over how long the starts are spread of runs that have waited for a window.",
    )
    max_concurrent: Annotated[int, Whole(1, MOST_CONCURRENT)] | None = Field(
        default=None,
        description="How many runs may be under way at once; others wait in line, by priority and "
        "then by age. The members of a group count as one.",
    )
    budget: PolicyBudget | None = Field(
        default=None,
        description="The error budget that must be left when a run starts; it is asked again every "
        "minute while it is spent.",
    )
    expedite: Expedite = Field(
        default=Expedite.ALLOWED,
        description="Whether a person may expedite a run: it then waits for no window of any policy "
        "and in no line. Refused refuses the command for the Canaries that this policy binds.",
    )


class DeliveryPolicy(ApiModel):
    """What many Canaries at once may do, and when."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["tidegate.dev/v1beta1"] = Field(
        description="API group and version of this object."
    )
    kind: Literal["DeliveryPolicy"] = Field(description="Kind of this object.")
    metadata: ObjectMeta = Field(description="Name, labels and the like.")
    spec: DeliveryPolicySpec = Field(description="Which Canaries it binds, and to what.")

"""Notifiers tell people: each turns an alert into what one kind of receiver understands, and sends it.

The protocol every notifier keeps, and the table of their names. When an alert is due, who gets it
and when it is sent again belongs to the controller. Notifiers do not know each other; what those
that post over HTTP share is in `analysis.http`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import ClassVar, Protocol

from analysis.egress import UNRESTRICTED, EgressPolicy
from analysis.plugins import PluginTable
from canary.api.status import Severity
from canary.errors import CanaryError
from canary.notifiers.whole import NOTHING_MORE, AlertWhole

SettingValue = bool | int | str


class NotDelivered(CanaryError):
    """A receiver did not take an alert; `retryable` where it may take the same alert later.

    `retry_after` is what the receiver asked to wait for, in seconds; None where it said nothing.
    """

    def __init__(self, reason: str, *, retryable: bool, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.retry_after = retry_after


class MessageGone(NotDelivered):
    """The message that was to be answered or edited is not there, or can't be edited any longer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, retryable=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """What a person can press beneath an alert. It gives no right: who presses it needs their own."""

    verb: str
    label: str
    question: str
    """What is asked before the press counts."""
    reference: str
    """What the press is about, for the process that answers it: a `GateReference`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to be told to people."""

    id: str
    """The same whenever this alert is sent again, so that receivers can drop a repeat."""
    reason: str
    """What happened, in one CamelCase word."""
    cause: str = ""
    """Why the run has ended, in one CamelCase word such as `ChecksFailed`; empty before its end."""
    severity: Severity
    message: str
    name: str
    """The Canary's name."""
    namespace: str
    target: str
    phase: str
    weight: int
    """Percent of traffic that the canary had."""
    step: int
    revision: str
    images: str
    """The images of the revision, or what it changes in them, for people: `app:6.1 → app:6.2`."""
    commit: str = ""
    """The hash of the commit that the revision was built from; empty where it is not known."""
    serving: str = ""
    """The image, with its digest, that serves from now on where a run has ended; empty where no image
    is known by one."""
    cluster: str
    """Empty where the cluster has no name."""
    title: str = ""
    """A headline of the receiver's own; empty where it has none."""
    run: int = 0
    """The number of the run that it tells of; 0 outside of a run."""
    again: bool = False
    """Whether the run tests a revision once more that the run before has failed with."""
    fields: tuple[tuple[str, str], ...]
    """What else people read: names with values, in their order."""
    at: datetime
    link: str = ""
    """Where the dashboard shows the Canary; empty where that is not known."""
    logs: str = ""
    """Where the Canary's logs are; empty where that is not known, like the runbook."""
    runbook: str = ""
    """Where it says what to do about this alert. Both links are among the fields as well."""
    traceparent: str = ""
    """The span of the run, by W3C's Trace Context; empty outside of a run."""
    buttons: tuple[Button, ...] = ()
    """What can be pressed beneath it, where the receiver has buttons."""
    whole: AlertWhole = NOTHING_MORE
    """What else is known, for notifiers that ask for it."""

    @property
    def canary(self) -> str:
        """The Canary, as people write it."""
        return f"{self.name}.{self.namespace}"

    @property
    def headline(self) -> str:
        """What people read first."""
        return self.title or f"{self.canary}: {self.reason}"

    @property
    def shown_fields(self) -> tuple[tuple[str, str], ...]:
        """The fields, the cluster among them where it has a name."""
        return (("Cluster", self.cluster), *self.fields) if self.cluster else self.fields


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierSetting:
    """What users can choose of a receiver in `spec.settings`, beside how it is reached."""

    name: str
    values: tuple[SettingValue, ...]
    """What there is to choose; the first holds where nothing is chosen."""
    text: str
    """What it does, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NotifierConfig:
    """A receiver, and how it is reached; what is empty is not set."""

    address: str = ""
    """Often a secret itself: who knows it can write."""
    token: str = ""
    signing_key: str = ""
    """Signs what is sent, for receivers that look; it is never sent itself."""
    channel: str = ""
    username: str = ""
    proxy: str = ""
    timeout: timedelta = timedelta(seconds=10)
    """Time limit of one delivery."""
    egress: EgressPolicy = UNRESTRICTED
    """Where the address and the proxy may lead."""
    settings: Mapping[str, SettingValue] = field(default_factory=lambda: MappingProxyType({}))
    """What was chosen, by the names of the notifier's settings; it was checked against them."""

    def __repr__(self) -> str:
        """Tell which parts are set, and nothing that could be a secret."""
        hidden = ("address", "token", "signing_key", "proxy")
        given = ", ".join(name for name in hidden if getattr(self, name))
        return (
            f"NotifierConfig(channel={self.channel!r}, username={self.username!r}, "
            f"timeout={self.timeout}, hidden: {given or 'none'})"
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that no message may hold."""
        path = f"/{self.address.partition('://')[2].partition('/')[2]}"
        given = (self.address, path, self.token, self.signing_key, self.proxy)
        return tuple(each for each in given if each)


class Notifier(Protocol):
    """Tell one receiver. Made with a `NotifierConfig`; holds no connection between two alerts.

    No secret of the config may be in what is raised. What a plug-in leaves out is in `defaults.py`;
    one without threads is never given one.
    """

    threads: ClassVar[bool]
    """Whether an alert can be a reply to another."""
    edits: ClassVar[bool]
    """Whether an alert that was sent can be changed."""
    buttons: ClassVar[bool]
    """Whether what is pressed beneath an alert reaches the dashboard."""
    settings: ClassVar[tuple[NotifierSetting, ...]]
    """What can be chosen in `spec.settings`; anything else is refused there."""

    @property
    def whole(self) -> bool:
        """Whether its alerts are to carry the whole of their Canary: `Alert.whole`."""

    @property
    def remark(self) -> str:
        """What a person who tries the receiver out must know, in a sentence; empty for nothing."""

    async def send(self, alert: Alert, thread: str | None = None) -> str | None:
        """Deliver an alert, as a reply where a thread is given, within the time limit.

        Gives the reference by which `thread` and `update` name the message: at most 512 letters,
        digits and `_.:/@=+-`, and no secret; None where it can be neither answered nor edited.

        Raises:
            MessageGone: the thread is not there.
            NotDelivered: the receiver did not take it.
        """

    async def update(self, alert: Alert, thread: str) -> None:
        """Change the message that a reference names into this alert, within the time limit.

        Raises:
            MessageGone: the message is not there, or can't be changed any longer.
            NotDelivered: the receiver did not take it.
        """


NOTIFIERS: PluginTable[Notifier] = PluginTable(
    group="tidegate.notifiers",
    builtin={
        "alertmanager": "canary.notifiers.alertmanager:AlertmanagerNotifier",
        "apprise": "canary.notifiers.apprise:AppriseNotifier",
        "cloudevents": "canary.notifiers.cloudevents:CloudEventsNotifier",
        "discord": "canary.notifiers.discord:DiscordNotifier",
        "email": "canary.notifiers.email:EmailNotifier",
        "github": "canary.notifiers.github:GitHubNotifier",
        "gitlab": "canary.notifiers.gitlab:GitLabNotifier",
        "gchat": "canary.notifiers.gchat:GoogleChatNotifier",
        "mattermost": "canary.notifiers.mattermost:MattermostNotifier",
        "msteams": "canary.notifiers.msteams:TeamsNotifier",
        "opsgenie": "canary.notifiers.opsgenie:OpsgenieNotifier",
        "pagerduty": "canary.notifiers.pagerduty:PagerDutyNotifier",
        "rocket": "canary.notifiers.rocket:RocketNotifier",
        "slack": "canary.notifiers.slack:SlackNotifier",
        "telegram": "canary.notifiers.telegram:TelegramNotifier",
        "webhook": "canary.notifiers.webhook:WebhookNotifier",
    },
    defaults="canary.notifiers.defaults:NotifierDefaults",
)

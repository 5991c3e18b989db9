"""Alerts: which receivers in chat get a notice, and what it says.

When an alert is sent, and sent again, belongs to `notify.py`; how a chat is spoken to, to the
notifiers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from analysis.egress import UNRESTRICTED, EgressPolicy
from analysis.errors import UnknownPlugin
from analysis.secrecy import origin
from canary.api.alertprovider import AlertProviderSpec, AlertTemplate, ReceiverLinks
from canary.api.pages import canary_page
from canary.api.people import AlertReference
from canary.api.status import Notice, Severity
from canary.controller.canaries import CanaryKey, CanaryObject, CanaryRecord
from canary.controller.messages import alert_of, leading, progress_of, worded
from canary.controller.receivers import UNKNOWN_TYPE, DefaultReceiver, Receiver
from canary.controller.secrets import SecretReader
from canary.controller.templates import AlertProviders, alert_provider_key
from canary.controller.wholes import whole_of
from canary.errors import InvalidSpec, NotFound, Problem
from canary.notifiers import NOTIFIERS, Alert, NotDelivered, Notifier, NotifierConfig
from canary.notifiers.settings import refused_settings
from canary.views.thread import RunMessage

SLACK = "https://slack.com"
"""Where Slack's API is: a token of a bot is Slack's own, and may be sent there."""

_LOUDNESS: Mapping[Severity, int] = {Severity.INFO: 0, Severity.WARN: 1, Severity.ERROR: 2}


_BEGINS = "RunStarted"
"""The alert whose message is edited as the run goes."""
_SENSITIVE = ("token", "hmac")
"""The keys of a Secret that go, or sign, only to an address that the Secret holds or names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """What tells a receiver, of what, and in which words."""

    notifier: Notifier
    reasons: tuple[str, ...] = ()
    """The only ones that it gets; all if there are none."""
    template: AlertTemplate | None = None
    links: ReceiverLinks | None = None
    buttons: bool = False
    """Whether gates can be answered beneath its alerts."""

    def hears(self, reason: str) -> bool:
        """Tell whether the receiver gets alerts of a reason."""
        return not self.reasons or reason in self.reasons


class AlertSender:
    """Finds the receivers of a notice, and sends it to them."""

    def __init__(
        self,
        *,
        secrets: SecretReader,
        templates: AlertProviders,
        default: DefaultReceiver | None,
        cluster_name: str,
        dashboard: str = "",
        egress: EgressPolicy = UNRESTRICTED,
        multi_tenant: bool = False,
    ) -> None:
        self._secrets = secrets
        self._templates = templates
        self._default = default
        self._cluster_name = cluster_name
        self._dashboard = dashboard.rstrip("/")
        self._egress = egress
        self._multi_tenant = multi_tenant

    def named(self, record: CanaryObject) -> dict[str, Receiver]:
        """Name the receivers that a Canary names, else the default one."""
        references: Sequence[AlertReference] = ()
        if isinstance(record, CanaryRecord):
            references = record.canary.spec.analysis.alerts
        if not references and self._default is not None:
            return {"default": self._default}
        return {f"{place}/{each.name}": each for place, each in enumerate(references)}

    def receivers(self, record: CanaryObject, notice: Notice) -> dict[str, Receiver]:
        """Name those of them that a notice is for."""
        if not notice.alert:
            return {}
        loudness = _LOUDNESS[notice.severity]
        return {
            name: receiver
            for name, receiver in self.named(record).items()
            if loudness >= _LOUDNESS[receiver.severity]
        }

    def threaded(self, key: CanaryKey, receiver: Receiver) -> bool:
        """Tell whether a receiver has a thread for each run."""
        threading = self._threading(key, receiver)
        return threading is not None and (threading.notifier.threads or threading.notifier.edits)

    def edited(self, key: CanaryKey, receiver: Receiver) -> bool:
        """Tell whether the first message of a run's thread is edited as the run goes.

        It is where the receiver hears of everything: elsewhere an alert is the first message.
        """
        threading = self._threading(key, receiver)
        return (
            threading is not None
            and threading.notifier.edits
            and threading.hears(_BEGINS)
            and receiver.severity is Severity.INFO
        )

    def type_of(self, key: CanaryKey, receiver: Receiver) -> str:
        """Name the type of a receiver, `slack`; `unknown` where none of ours is known of it."""
        if isinstance(receiver, DefaultReceiver):
            return receiver.kind
        try:
            type_ = self._provider(key, receiver).type
        except (NotFound, InvalidSpec, NotDelivered):
            return UNKNOWN_TYPE
        return type_ if type_ in NOTIFIERS.names() else UNKNOWN_TYPE

    def _threading(self, key: CanaryKey, receiver: Receiver) -> Speaker | None:
        """Make what tells a receiver that asks for threads, to see what it can do."""
        if isinstance(receiver, DefaultReceiver):
            return None
        try:
            spec = self._provider(key, receiver)
            if not spec.threads:
                return None
            notifier = NOTIFIERS.load(spec.type)(NotifierConfig())
            return Speaker(notifier=notifier, reasons=spec.reasons, template=spec.template)
        except (NotFound, InvalidSpec, UnknownPlugin, NotDelivered):
            return None  # The alert itself says what is wrong.

    async def send(
        self,
        record: CanaryObject,
        notice: Notice,
        receiver: Receiver,
        *,
        thread: str | None = None,
    ) -> str | None:
        """Tell one receiver, in a thread where one is given; give the message's reference.

        Raises:
            MessageGone: the thread is not there.
            NotDelivered: it was not taken; says whether it may be later.
            ClusterError: the receiver's secret can't be read now.
        """
        speaker = await self.speaker(record.key, receiver)
        if not speaker.hears(notice.reason):
            return None
        alert = alert_of(record, notice, self._cluster_name, buttons=speaker.buttons)
        alert = self._finished(alert, record, speaker)
        notifier = speaker.notifier
        if thread is None or not notifier.threads:
            # A plug-in that knows no threads may have been written before there were any.
            return await notifier.send(alert)
        return await notifier.send(alert, thread)

    async def show(
        self,
        record: CanaryObject,
        message: RunMessage,
        receiver: Receiver,
        *,
        run: int,
        at: datetime,
        thread: str | None = None,
    ) -> str | None:
        """Show how a run goes, in place of a message where one is given; give its reference.

        Raises:
            MessageGone: the message is not there.
            NotDelivered: it was not taken.
            ClusterError: the receiver's secret can't be read now.
        """
        speaker = await self.speaker(record.key, receiver)
        alert = progress_of(record, message, run, at, self._cluster_name, buttons=speaker.buttons)
        written = self._finished(alert, record, speaker)
        if thread is None:
            return await speaker.notifier.send(written)
        await speaker.notifier.update(written, thread)
        return thread

    def _finished(self, alert: Alert, record: CanaryObject, speaker: Speaker) -> Alert:
        """Have an alert lead to the Canary's page, in its receiver's words and as whole as it asks."""
        page = f"{self._dashboard}{canary_page(*record.key)}" if self._dashboard else ""
        told = leading(worded(replace(alert, link=page), speaker.template), speaker.links)
        if not speaker.notifier.whole:
            return told
        return replace(told, whole=whole_of(record, alert.run, self._dashboard))

    async def speaker(self, key: CanaryKey, receiver: Receiver) -> Speaker:
        """Make what tells a receiver.

        Raises:
            NotDelivered: it can't be told as it is set up, or its AlertProvider is not known yet.
            ClusterError: its secret can't be read now.
        """
        try:
            kind, config = await self._resolve(key, receiver)
            notifier = NOTIFIERS.load(kind)(config)
        except (NotFound, InvalidSpec, UnknownPlugin) as error:
            raise NotDelivered(str(error), retryable=False) from error
        if isinstance(receiver, DefaultReceiver):
            return Speaker(notifier=notifier)
        spec = self._provider(key, receiver)
        return Speaker(
            notifier=notifier,
            reasons=spec.reasons,
            template=spec.template,
            links=spec.links,
            buttons=spec.buttons and notifier.buttons,
        )

    async def check(self, key: CanaryKey, receiver: AlertReference) -> None:
        """Find out whether a receiver could be told, without telling it anything.

        Raises:
            CanaryError: its AlertProvider or Secret does not exist, or can't be used.
            UnknownPlugin: nothing tells receivers of its type.
        """
        kind, config = await self._resolve(key, receiver)
        NOTIFIERS.check(kind)
        if not config.address and not config.token:
            remedy = "add the key address to the Secret that the AlertProvider names"
            raise InvalidSpec([Problem("spec.secretRef", receiver.provider_ref.name, remedy)])

    async def _resolve(self, key: CanaryKey, receiver: Receiver) -> tuple[str, NotifierConfig]:
        if isinstance(receiver, DefaultReceiver):
            return receiver.kind, receiver.config
        namespace = receiver.provider_ref.namespace or key.namespace
        spec = self._provider(key, receiver)
        if refused := tuple(refused_settings(spec.type, spec.settings)):
            raise InvalidSpec(refused)
        address, token, signing_key = spec.address or "", "", ""
        secret = await self._secrets.read(namespace, spec.secret_ref)
        if secret is not None:
            values = secret.pick(("address", *_SENSITIVE), required=False)
            # What is read from a file often ends with a line break, which no address may have.
            own, token, signing_key = (
                values.get(key, "").strip() for key in ("address", *_SENSITIVE)
            )
            address = own or address
            # An address in the Secret itself says where it goes, and so does a token of Slack's.
            if (token or signing_key) and address and not own and origin(address) != SLACK:
                secret.pick_for(address, _SENSITIVE, required=False)
        if spec.proxy and self._multi_tenant:
            remedy = "remove it: with --multi-tenant only the administrator names proxies"
            raise InvalidSpec([Problem("spec.proxy", origin(spec.proxy), remedy)])
        return spec.type, NotifierConfig(
            address=address,
            token=token,
            signing_key=signing_key,
            channel=spec.channel,
            username=spec.username,
            proxy=spec.proxy or "",
            egress=self._egress,
            settings=spec.settings,
        )

    def _provider(self, key: CanaryKey, receiver: AlertReference) -> AlertProviderSpec:
        reference = receiver.provider_ref
        namespace = reference.namespace or key.namespace
        if self._templates.unknown(alert_provider_key(key, reference)):
            # The alert of an invalid Canary may come before the list of AlertProviders.
            told = f"AlertProvider {namespace}/{reference.name} is not known yet"
            raise NotDelivered(told, retryable=True)
        return self._templates.alert_provider(key.group, namespace, reference.name).spec

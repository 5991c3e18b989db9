"""Alerts: which receivers in chat get a notice, and what it says.

When an alert is sent, and sent again, belongs to `notify.py`; how a chat is spoken to, to the
notifiers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.egress import UNRESTRICTED, EgressPolicy
from analysis.errors import UnknownPlugin
from analysis.secrecy import origin
from canary.api.people import AlertReference
from canary.api.status import Notice, Severity
from canary.controller.canaries import CanaryKey, CanaryObject, CanaryRecord
from canary.controller.secrets import SecretReader
from canary.controller.templates import TemplateReader, alert_provider_key
from canary.errors import InvalidSpec, NotFound, Problem
from canary.notifiers import NOTIFIERS, Alert, NotDelivered, NotifierConfig
from canary.settings import Settings

SLACK = "https://slack.com"
"""Where Slack's API is: a token of a bot is Slack's own, and may be sent there."""

_LOUDNESS: Mapping[Severity, int] = {Severity.INFO: 0, Severity.WARN: 1, Severity.ERROR: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultReceiver:
    """The receiver for Canaries that name none, and what it gets."""

    kind: str
    config: NotifierConfig
    severity: Severity


Receiver = AlertReference | DefaultReceiver


class AlertSender:
    """Finds the receivers of a notice, and sends it to them."""

    def __init__(
        self,
        *,
        secrets: SecretReader,
        templates: TemplateReader,
        default: DefaultReceiver | None,
        cluster_name: str,
        egress: EgressPolicy = UNRESTRICTED,
        multi_tenant: bool = False,
    ) -> None:
        self._secrets = secrets
        self._templates = templates
        self._default = default
        self._cluster_name = cluster_name
        self._egress = egress
        self._multi_tenant = multi_tenant

    def receivers(self, record: CanaryObject, notice: Notice) -> dict[str, Receiver]:
        """Name the receivers: those the Canary names for this severity, else the default one."""
        if not notice.alert:
            return {}
        references: Sequence[AlertReference] = ()
        if isinstance(record, CanaryRecord):
            references = record.canary.spec.analysis.alerts
        if not references and self._default is not None:
            named: dict[str, Receiver] = {"default": self._default}
        else:
            named = {f"{place}/{each.name}": each for place, each in enumerate(references)}
        loudness = _LOUDNESS[notice.severity]
        return {
            name: receiver
            for name, receiver in named.items()
            if loudness >= _LOUDNESS[receiver.severity]
        }

    async def send(self, record: CanaryObject, notice: Notice, receiver: Receiver) -> None:
        """Tell one receiver.

        Raises:
            NotDelivered: it was not taken; says whether it may be later.
            ClusterError: the receiver's secret can't be read now.
        """
        try:
            kind, config = await self._resolve(record.key, receiver)
            notifier = NOTIFIERS.load(kind)(config)
        except (NotFound, InvalidSpec, UnknownPlugin) as error:
            raise NotDelivered(str(error), retryable=False) from error
        await notifier.send(_alert(record, notice, self._cluster_name))

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
        reference = receiver.provider_ref
        namespace = reference.namespace or key.namespace
        if self._templates.unknown(alert_provider_key(key, reference)):
            # The alert of an invalid Canary may come before the list of AlertProviders.
            told = f"AlertProvider {namespace}/{reference.name} is not known yet"
            raise NotDelivered(told, retryable=True)
        spec = self._templates.alert_provider(key.group, namespace, reference.name).spec
        address, token = spec.address or "", ""
        secret = await self._secrets.read(namespace, spec.secret_ref)
        if secret is not None:
            values = secret.pick(("address", "token"), required=False)
            token = values.get("token", "")
            address = values.get("address") or address
            # An address in the Secret itself says where it goes, and so does a token of Slack's.
            if token and address and not values.get("address") and origin(address) != SLACK:
                secret.pick_for(address, ("token",))
        if spec.proxy and self._multi_tenant:
            remedy = "remove it: with --multi-tenant only the administrator names proxies"
            raise InvalidSpec([Problem("spec.proxy", origin(spec.proxy), remedy)])
        return spec.type, NotifierConfig(
            address=address,
            token=token,
            channel=spec.channel,
            username=spec.username,
            proxy=spec.proxy or "",
            egress=self._egress,
        )


def default_receiver(settings: Settings) -> DefaultReceiver | None:
    """Give the receiver for a Canary that names none."""
    severity = Severity(settings.alert_severity)
    match settings.receiver:
        case "slack":
            config = NotifierConfig(
                address=settings.slack_url,
                token=settings.slack_token,
                channel=settings.slack_channel,
                username=settings.slack_user,
                proxy=settings.slack_proxy,
            )
            return DefaultReceiver(kind="slack", config=config, severity=severity)
        case "webhook":
            config = NotifierConfig(
                address=settings.alert_webhook, token=settings.alert_webhook_token
            )
            return DefaultReceiver(kind="webhook", config=config, severity=severity)
    return None


def _alert(record: CanaryObject, notice: Notice, cluster_name: str) -> Alert:
    target = record.canary.spec.target_ref if isinstance(record, CanaryRecord) else None
    fields = [
        ("Images", notice.images),
        ("Revision", notice.revision),
        ("Phase", str(notice.phase)),
    ]
    if target is not None:
        fields.insert(0, ("Target", f"{target.kind}/{target.name}.{record.key.namespace}"))
    if notice.weight:
        fields.append(("Weight", f"{notice.weight} %"))
    return Alert(
        id=f"{record.uid}/{notice.id}",
        reason=notice.reason,
        severity=notice.severity,
        message=notice.message,
        name=record.key.name,
        namespace=record.key.namespace,
        target=target.name if target else "",
        phase=notice.phase,
        weight=notice.weight,
        step=notice.step,
        revision=notice.revision,
        images=notice.images,
        cluster=cluster_name,
        fields=tuple((name, value) for name, value in fields if value),
        at=notice.at,
    )

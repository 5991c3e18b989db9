"""`tidegate notify test PROVIDER`: sends an alert as the controller would, to see whether it comes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

import click

from canary.api.alertprovider import AlertProvider
from canary.api.kinds import Manifest, ObjectKey
from canary.api.meta import GROUP, VERSION, NamespacedReference
from canary.api.people import AlertReference
from canary.api.status import CanaryStatus, Phase, Run, Severity
from canary.api.validation import parse_alert_provider
from canary.cli.common import reaching_a_cluster
from canary.cli.connection import connected, with_plugins
from canary.cli.ending import Failed
from canary.cli.naming import groups_of, of_api_group
from canary.cli.offering import offer_namespaces
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.controller.alerts import AlertSender, Speaker
from canary.controller.canaries import CanaryKey
from canary.controller.messages import BLOCKED, gate_buttons, leading, worded
from canary.controller.secrets import SecretReader
from canary.controller.templates import alert_provider_kind
from canary.controller.wholes import whole_with
from canary.errors import NotFound
from canary.notifiers import Alert, NotDelivered
from canary.notifiers.whole import NOTHING_MORE, AlertWhole

_SEVERITIES = {
    "RolledBack": Severity.ERROR,
    "PromotionFailed": Severity.ERROR,
    "InitializationFailed": Severity.ERROR,
    "Invalid": Severity.ERROR,
    BLOCKED: Severity.WARN,
}
"""How loud the reasons are that are no mere news."""
_BEGINS = "RunStarted"
_NOWHERE = CanaryKey(group=GROUP, namespace="default", name="test")
_BUTTONS = gate_buttons(_NOWHERE, "test", {"confirm-promotion/0/0": "confirm-promotion"})
"""They lead to no gate: who presses one reads that, and so sees that a press arrives."""
_EXAMPLES = """\b
Examples:
  tidegate notify test on-call -n shop
  tidegate notify test on-call --reason GateBlocked
"""


class _Provider:
    """The one AlertProvider that is tried."""

    def __init__(self, found: AlertProvider) -> None:
        self._found = found

    def alert_provider(self, _group: str, _namespace: str, _name: str) -> AlertProvider:
        """Give it."""
        return self._found

    def unknown(self, _key: ObjectKey) -> bool:
        """Tell that it is known."""
        return False


@click.group
def notify() -> None:
    """Try out the receivers of alerts."""


@notify.command("test", epilog=_EXAMPLES)
@click.argument("provider", metavar="PROVIDER")
@click.option(
    "-n",
    "--namespace",
    shell_complete=offer_namespaces,
    help="Its namespace; that of the context when left out.",
)
@click.option(
    "--reason", default="RolledBack", show_default=True, help="The reason that the alert gives."
)
@of_api_group
@with_plugins
@reaching_a_cluster
def try_out(
    provider: str,
    namespace: str | None,
    reason: str,
    api_group: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Send a test alert to the receiver of an AlertProvider, from this machine.

    With spec.threads it is a reply to another one, which is edited where the receiver allows that.
    Needs the rights to read the AlertProvider and its Secret.
    """

    async def work(cluster: Cluster) -> None:
        within = namespace or cluster.credentials.namespace
        group, manifest = await _read(cluster, within, provider, groups_of(api_group))
        found = parse_alert_provider(manifest)
        sender = AlertSender(
            secrets=SecretReader(cluster, monotonic),
            templates=_Provider(found),
            default=None,
            cluster_name="",
        )
        reference = AlertReference(name=provider, provider_ref=NamespacedReference(name=provider))
        key = CanaryKey(group=group, namespace=within, name="test")
        try:
            speaker = await sender.speaker(key, reference)
            told = await _send(speaker, reason, key, threads=found.spec.threads)
        except NotDelivered as error:
            raise Failed(f"{within}/{provider} did not take it: {error}") from error
        screen = Screen()
        screen.line(f"{within}/{provider} has taken {told}")
        if speaker.notifier.remark:
            screen.line(speaker.notifier.remark)

    connected(kubeconfig, context, work)


async def _read(
    cluster: Cluster, namespace: str, name: str, groups: Sequence[str]
) -> tuple[str, Manifest]:
    """Read an AlertProvider of the first API group that has it.

    Raises:
        Failed: none has.
        ClusterError: it cannot be read.
    """
    answers = []
    for group in groups:
        try:
            return group, await cluster.read(alert_provider_kind(group), namespace, name)
        except NotFound as error:
            answers.append(error)
    raise Failed(
        f"there is no AlertProvider {name} in namespace {namespace}: {answers[0]}; name another "
        "namespace with -n"
    )


async def _send(speaker: Speaker, reason: str, key: CanaryKey, *, threads: bool) -> str:
    """Send what a receiver gets of a run; say what it was.

    Raises:
        Failed: the receiver does not get this reason.
        NotDelivered: it was not taken.
    """
    if not speaker.hears(reason):
        heard = ", ".join(speaker.reasons)
        raise Failed(f"spec.reasons leaves {reason} out; give one of these with --reason: {heard}")

    def alert(of: str) -> Alert:
        buttons = _BUTTONS if speaker.buttons and of == BLOCKED else ()
        told = leading(worded(_alert(of, key.namespace), speaker.template), speaker.links)
        return replace(
            told, buttons=buttons, whole=_whole(key) if speaker.notifier.whole else NOTHING_MORE
        )

    notifier = speaker.notifier
    thread = None
    if threads and (notifier.threads or notifier.edits):
        thread = await notifier.send(alert(_BEGINS))
    if thread is None:
        await notifier.send(alert(reason))
        return f"the alert {reason}"
    said = [f"the alert {_BEGINS}"]
    if notifier.threads:
        await notifier.send(alert(reason), thread)
        said.append(f"the reply {reason}")
    else:
        await notifier.send(alert(reason))
        said.append(f"the alert {reason}")
    if notifier.edits:
        await notifier.update(alert(reason), thread)
        said.append("an edit of the first")
    return ", ".join(said)


def _whole(key: CanaryKey) -> AlertWhole:
    """Give the whole of a Canary whose first run has just begun."""
    metadata = {"namespace": key.namespace, "name": key.name}
    manifest = {"apiVersion": f"{key.group}/{VERSION}", "metadata": metadata}
    run = Run(id="1-test", revision="test", started_at=datetime.now(UTC))
    status = CanaryStatus(phase=Phase.PROGRESSING, run=run, runs=1)
    return whole_with(key, manifest, status, number=1, dashboard="")


def _alert(reason: str, namespace: str) -> Alert:
    now = datetime.now(UTC)
    return Alert(
        id=f"test/{now.timestamp()}/{reason}",
        reason=reason,
        severity=_SEVERITIES.get(reason, Severity.INFO),
        message="This is a test by tidegate notify test: nothing has happened.",
        name="test",
        namespace=namespace,
        target="test",
        phase="Progressing",
        weight=20,
        step=2,
        revision="test",
        images="app:1.0 → app:1.1",
        cluster="",
        run=1,
        fields=(("Images", "app:1.0 → app:1.1"), ("Revision", "test"), ("Weight", "20 %")),
        at=now,
    )

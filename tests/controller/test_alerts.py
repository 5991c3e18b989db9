"""How a receiver is told: as its AlertProvider says, or not at all with the reason."""

from collections.abc import Callable
from typing import Any

import pytest

from canary.api.alertprovider import AlertProvider
from canary.api.kinds import ObjectKey
from canary.api.meta import GROUP, NamespacedReference, SecretReference
from canary.api.people import AlertReference
from canary.api.validation import parse_alert_provider
from canary.controller.alerts import AlertSender
from canary.controller.canaries import CanaryKey
from canary.controller.secrets import SecretContent
from canary.errors import InvalidSpec
from canary.notifiers import NotDelivered
from canary.notifiers.posting import PostingNotifier
from tests.api.examples import a_receiver, patched

KEY = CanaryKey(GROUP, "test", "podinfo")
REFERENCE = AlertReference(name="it", provider_ref=NamespacedReference(name="on-call"))


class _Known:
    """The one AlertProvider, and a Secret with a token."""

    def __init__(self, found: AlertProvider) -> None:
        self._found = found

    def alert_provider(self, _group: str, _namespace: str, _name: str) -> AlertProvider:
        return self._found

    def unknown(self, _key: ObjectKey) -> bool:
        return False

    async def read(
        self, _namespace: str, reference: SecretReference | None
    ) -> SecretContent | None:
        return SecretContent(
            name=reference.name if reference else "",
            type="Opaque",
            send_to=(),
            values={"token": "t0ken"},
        )


@pytest.fixture
def sender() -> Callable[..., AlertSender]:
    def make(**spec: Any) -> AlertSender:
        known = _Known(parse_alert_provider(patched(a_receiver(), spec)))
        return AlertSender(
            secrets=known,  # type: ignore[arg-type]
            templates=known,
            default=None,
            cluster_name="",
        )

    return make


async def test_what_was_chosen_of_a_receiver_reaches_its_notifier(
    sender: Callable[..., AlertSender],
) -> None:
    alerts = sender(type="pagerduty", settings={"pageOnGates": True})
    await alerts.check(KEY, REFERENCE)
    notifier = (await alerts.speaker(KEY, REFERENCE)).notifier
    assert isinstance(notifier, PostingNotifier)
    (setting,) = notifier.settings
    assert notifier.chosen(setting) is True


async def test_a_setting_that_the_type_does_not_know_is_told_before_and_at_an_alert(
    sender: Callable[..., AlertSender],
) -> None:
    alerts = sender(type="telegram", settings={"pageOnGates": True})
    said = (
        "spec.settings.pageOnGates: true: remove it: a receiver of type telegram knows no settings"
    )
    with pytest.raises(InvalidSpec, match=said):
        await alerts.check(KEY, REFERENCE)
    with pytest.raises(NotDelivered, match=said) as caught:
        await alerts.speaker(KEY, REFERENCE)
    assert not caught.value.retryable

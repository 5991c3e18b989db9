"""Notifier `webhook`: posts an alert as JSON to an address of the user's own.

The body is an `AlertPayload`, in version 2 with what an `AlertWhole` holds. Any 2xx is success. A token is sent as a bearer token; with a key the
body is signed, so that the receiver can tell it from what others send.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import ClassVar

from canary.notifiers import Alert, NotifierSetting
from canary.notifiers.payload import VERSION, payload, whole_payload
from canary.notifiers.posting import Posting, PostingNotifier, as_sent

SIGNATURE = "X-Tidegate-Signature"
_VERSION = NotifierSetting(
    name="version",
    values=(1, VERSION),
    text="Version 2 adds the run, the one before, links, and the Canary as `tidegate get -o json` "
    "prints it: [the whole of an alert](payloads.md#the-whole-of-an-alert).",
)


class WebhookNotifier(PostingNotifier):
    """Post alerts as JSON."""

    name = "webhook"
    settings: ClassVar[tuple[NotifierSetting, ...]] = (_VERSION,)

    @property
    def whole(self) -> bool:
        """Whether its alerts are to carry the whole of their Canary."""
        return self.chosen(_VERSION) == VERSION

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Post the alert as it is."""
        document = whole_payload(alert) if self.whole else payload(alert)
        headers = {**self.bearer, **self._signature(as_sent(document), alert.at)}
        return [Posting(address=self._config.address, document=document, headers=headers)]

    def _signature(self, body: bytes, at: datetime) -> Mapping[str, str]:
        """Sign a body and when the alert was raised; nothing without a key.

        A repeat has the same signature: it is the same alert, and has the same id.
        """
        if not self._config.signing_key:
            return {}
        moment = int(at.timestamp())
        signed = f"{moment}.".encode() + body
        digest = hmac.new(self._config.signing_key.encode(), signed, sha256).hexdigest()
        return {SIGNATURE: f"t={moment},v1={digest}"}

"""The page of payloads: it has every field that is sent, and every header of a call."""

import re

import pytest

from canary.api.people import Webhook
from canary.api.status import Severity
from canary.controller.events import RecordedEvent
from canary.hooks.caller import HookCaller
from canary.notifiers import NotifierConfig
from canary.notifiers.cloudevents import CloudEventsNotifier
from canary.notifiers.webhook import SIGNATURE
from tests.docs.payloads_page import ANNOTATIONS, HEADERS, MODELS, PAGE, examples, fields_of
from tests.hooks.test_caller import PAYLOAD
from tests.notifiers.alerts import an_alert
from tests.receiver import receiving

#: What an HTTP client says of itself and of the connection.
_CLIENTS = {"accept", "accept-encoding", "connection", "content-length", "host", "user-agent"}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_that_is_sent_is_described_and_no_other(model: type) -> None:
    described = fields_of(model)
    sent = examples()[model]

    assert [name for name, text in described.items() if not text] == []
    # `metadata` of a call has the hook's own keys as well.
    assert set(sent) - {"team"} == set(described)


def test_every_annotation_of_an_event_is_described() -> None:
    assert examples()[RecordedEvent]["metadata"]["annotations"].keys() == ANNOTATIONS.keys()


@pytest.mark.parametrize("severity", Severity)
async def test_the_headers_of_an_alert_are_on_the_page(severity: Severity) -> None:
    async with receiving() as receiver:
        config = NotifierConfig(address=receiver.url, token="t0ken")
        await CloudEventsNotifier(config).send(an_alert(severity=severity))

    assert _named(receiver.requests[0].headers) <= set(HEADERS)


async def test_the_headers_of_a_hook_are_all_those_of_the_page() -> None:
    caller = HookCaller()
    async with receiving() as receiver:
        await caller.call(
            Webhook(name="gate", url=receiver.url),
            PAYLOAD,
            key="1",
            secret={"token": "t0ken"},
            traceparent=TRACEPARENT,
        )
    await caller.close()

    assert _named(receiver.requests[0].headers) == set(HEADERS) - {SIGNATURE}


def test_every_heading_of_the_page_is_there_once() -> None:
    headings = re.findall(r"^#+ (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(headings) == len(set(headings)) == len(MODELS) + 3


def _named(headers: dict[str, str]) -> set[str]:
    """Name the headers as the page does, without those of the client."""
    names = {each.lower(): each for each in HEADERS}
    return {names.get(each.lower(), each) for each in headers if each.lower() not in _CLIENTS}

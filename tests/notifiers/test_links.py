"""Every receiver leads to the dashboard, where that is known, and to nothing where it is not."""

import json
from dataclasses import replace
from email.headerregistry import Address

import pytest

from canary.api.status import Severity
from canary.notifiers import NOTIFIERS
from canary.notifiers.email import Envelope, mail
from canary.notifiers.posting import OPEN
from tests.case import NotifierCase, case_of
from tests.notifiers.alerts import an_alert
from tests.receiver import Receiver

LINK = "https://tidegate.test/c/test/podinfo?group=flagger.app"
#: Those of tidegate's own that post; mail is tried by itself.
CASES = [
    each
    for name in NOTIFIERS.names()
    if NOTIFIERS.load(name).__module__.startswith("canary.")
    for each in case_of(NOTIFIERS, name)
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


async def told(case: NotifierCase, receiver: Receiver, link: str) -> str:
    receiver.answers(case.success)
    await case.make(receiver.url).send(an_alert(link=link, severity=Severity.ERROR))
    return json.dumps([each.document for each in receiver.requests])


@every_case
async def test_an_alert_leads_to_the_dashboard(case: NotifierCase, receiver: Receiver) -> None:
    assert LINK in await told(case, receiver, LINK)


@every_case
async def test_without_a_dashboard_there_is_nothing_to_open(
    case: NotifierCase, receiver: Receiver
) -> None:
    assert OPEN not in await told(case, receiver, "")


def test_a_mail_leads_to_the_dashboard_in_both_of_its_forms() -> None:
    envelope = Envelope(
        host="mail.test",
        port=587,
        tls=False,
        user="",
        password="",
        sender=Address(addr_spec="tidegate@example.com"),
        recipients=("oncall@example.com",),
    )
    written = mail(an_alert(link=LINK), envelope, "0@test", None)
    text, page = (each.get_content() for each in written.iter_parts())
    assert f"{OPEN}: {LINK}" in text
    assert f'<a href="{LINK}">{OPEN}</a>' in page
    without = mail(replace(an_alert()), envelope, "0@test", None)
    assert OPEN not in without.as_string()

"""The pages that set up receivers: each is tried as the page says, and on call hears what it says."""

import re
from pathlib import Path

import pytest

from canary.api.kinds import Manifest
from canary.api.status import Severity
from canary.notifiers import NOTIFIERS, Notifier, NotifierConfig
from canary.notifiers.alertmanager import AlertmanagerNotifier
from canary.notifiers.opsgenie import OpsgenieNotifier
from canary.notifiers.pagerduty import PagerDutyNotifier
from canary.notifiers.posting import PostingNotifier
from tests.docs.pages import DOCS, Command, commands, manifests
from tests.notifiers.alerts import an_alert

CHAT, ON_CALL = DOCS / "chat.md", DOCS / "on-call.md"
PAGES = (CHAT, ON_CALL)
CONFIG = NotifierConfig(address="https://receiver.example", token="t")


def providers(page: Path) -> list[Manifest]:
    return [each for at, each in manifests() if at == page and each["kind"] == "AlertProvider"]


def alerts_of(page: Path) -> list[str]:
    """Name the AlertProviders that a page's Canary tells."""
    return [
        alert["providerRef"]["name"]
        for at, each in manifests()
        if at == page and each["kind"] == "Canary"
        for alert in each["spec"]["analysis"]["alerts"]
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_canary_of_a_page_names_a_receiver_of_it(page: Path) -> None:
    named = alerts_of(page)

    assert named
    assert set(named) <= {each["metadata"]["name"] for each in providers(page)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_secret_that_a_receiver_names_is_created_on_its_page(page: Path) -> None:
    created = {
        each.words[4]
        for each in commands("kubectl")
        if each.page == page and each.words[1:4] == ("create", "secret", "generic")
    }
    named = {
        each["spec"]["secretRef"]["name"] for each in providers(page) if "secretRef" in each["spec"]
    }

    assert named
    assert named <= created


@pytest.mark.parametrize(
    "command",
    [each for each in commands("tidegate") if each.page in PAGES and each.words[1] == "notify"],
    ids=str,
)
def test_a_receiver_that_is_tried_is_one_of_the_page(command: Command) -> None:
    assert command.words[3] in {each["metadata"]["name"] for each in providers(command.page)}


def test_a_receiver_of_the_page_of_chats_has_threads_where_it_says_so() -> None:
    """Where `threads` is asked for and a receiver has none, every alert would be a message."""
    for each in providers(CHAT):
        notifier: type[Notifier] = NOTIFIERS.load(each["spec"]["type"])
        asked = each["spec"].get("threads", False)
        assert asked == (notifier.threads or notifier.edits), each["spec"]["type"]


# ------------------------------------------------------------------------------------- on call


def rows() -> dict[str, tuple[str, ...]]:
    """Give what the page says of a happening: its cells for the three services."""
    lines = re.findall(
        r"^\| (an error|a person|`Promoted`|other news)(.*) \|$", _text(), re.MULTILINE
    )
    return {
        head.strip("`"): tuple(each.strip() for each in rest.split(" | ")[1:])
        for head, rest in lines
    }


def _text() -> str:
    return ON_CALL.read_text(encoding="utf-8")


#: What happens, by the words that its row begins with.
HAPPENS = {
    "an error": ("RolledBack", Severity.ERROR),
    "a person": ("GateBlocked", Severity.WARN),
    "Promoted": ("Promoted", Severity.INFO),
    "other news": ("RunStarted", Severity.INFO),
}
#: What a service is sent, by the words that the page has for it.
SENT: dict[str, tuple[type[PostingNotifier], dict[str, str]]] = {
    "pagerduty": (
        PagerDutyNotifier,
        {
            "an error": "trigger",
            "a person": "change",
            "Promoted": "resolve change",
            "other news": "change",
        },
    ),
    "opsgenie": (
        OpsgenieNotifier,
        {"an error": "P2", "a person": "P4", "Promoted": "close", "other news": "P5"},
    ),
    "alertmanager": (
        AlertmanagerNotifier,
        {
            "an error": "TidegateRunFailed",
            "a person": "TidegateRunWaits",
            "Promoted": "TidegateRunFailed TidegateRunWaits",
            "other news": "",
        },
    ),
}


def sent(notifier: type[PostingNotifier], reason: str, severity: Severity) -> str:
    """Say in a word for each request or alert what a service is sent."""
    words = []
    for each in notifier(CONFIG).postings(an_alert(reason=reason, severity=severity)):
        document = each.document
        if isinstance(document, list):
            words += [one["labels"]["alertname"] for one in document]
        elif each.address.endswith("/change/enqueue"):
            words.append("change")
        elif "/close?" in each.address:
            words.append("close")
        else:
            words.append(document.get("event_action") or document["priority"])
    return " ".join(words)


@pytest.mark.parametrize("happening", HAPPENS)
@pytest.mark.parametrize("service", SENT)
def test_a_service_is_sent_what_the_page_says(service: str, happening: str) -> None:
    notifier, expected = SENT[service]
    cell = rows()[happening][list(SENT).index(service)]

    assert sent(notifier, *HAPPENS[happening]) == expected[happening]
    assert _words(cell) == _words(expected[happening]), cell


def _words(text: str) -> set[str]:
    """Find the words for what is sent, in a cell or in what was sent."""
    said = {
        "opens an incident": "trigger",
        "change event": "change",
        "resolves": "resolve",
        "closes": "close",
        "both are resolved": "TidegateRunFailed TidegateRunWaits",
    }
    for words, word in said.items():
        text = text.replace(words, word)
    known = "trigger|change|resolve|close|P[1-5]|TidegateRun[A-Z][a-z]+"
    return set(re.findall(rf"\b({known})\b", text))

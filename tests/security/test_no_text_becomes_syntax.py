"""S10: whatever strangers write is shown as words by every sink: chat, logs, queries, annotations."""

import io
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from rich.console import Console

from analysis.errors import QueryError
from analysis.template import TemplateContext, open_quote, render
from canary.api.status import CanaryStatus, MetricStatus, Pause, RunRecord, Severity, Wait
from canary.cli.screen import Screen
from canary.controller.events import LONGEST_EVENT_MESSAGE
from canary.controller.logs import ConsoleFormatter, JsonFormatter
from canary.demo.journal import lines
from canary.demo.picture import render as render_picture
from canary.demo.snapshot import DemoSnapshot, Happening
from canary.routers import router_for
from canary.views.status import status_view
from tests.case import NotifierCase, notifier_cases
from tests.controller.running import World
from tests.controller.test_notify import run
from tests.demo.snapshots import NOW, a_canary
from tests.notifiers.alerts import an_alert
from tests.receiver import Answer, Receiver
from tests.routers.builders import a_canary as a_canary_of
from tests.routers.builders import routed
from tests.security.hostile import HOSTILE

EVERY = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


@EVERY
@pytest.mark.parametrize("case", notifier_cases(), ids=lambda case: case.name)
async def test_a_notifier_sends_one_sound_message_that_mentions_nobody(
    case: NotifierCase, text: str, receiver: Receiver
):
    receiver.answers(case.success)
    fields = (("Target", text), (text[:40], "value"))
    alert = an_alert(message=text, reason=text[:60], fields=fields, severity=Severity.ERROR)
    await case.make(receiver.url).send(alert)
    sent = receiver.requests[-1]
    document = orjson.loads(sent.body)
    assert document
    assert len(receiver.requests) == (3 if case.notifier == "github" else 1)
    if case.notifier == "slack":
        written = sent.body.decode()
        assert "<" not in written, "links and mentions begin so"
        assert document["attachments"][0]["mrkdwn_in"] == []


@EVERY
@pytest.mark.parametrize("formatter", [ConsoleFormatter, JsonFormatter])
def test_an_entry_of_the_log_is_one_printable_line(formatter, text):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter())
    record = logging.LogRecord("n", logging.INFO, "p", 1, "hook: %s", (text,), None)
    record.canary = text
    handler.emit(record)
    (line,) = stream.getvalue().split("\n")[:-1]
    assert re.search(r"[\x00-\x1f\x7f]", line) is None
    if formatter is JsonFormatter:
        assert orjson.loads(line)["level"] == "info"


@EVERY
def test_a_query_keeps_it_in_its_string(text):
    context = TemplateContext(
        name="a",
        namespace="b",
        target="c",
        service="d",
        ingress="e",
        route="f",
        interval=timedelta(minutes=1),
        variables={"x": text},
    )
    rendered = render('up{a="{{ variables.x }}"}', context)
    assert rendered.endswith('"}')
    assert open_quote(rendered[:-2]) == '"'
    if set(text) - set("abcdefghijklmnopqrstuvwxyz"):
        with pytest.raises(QueryError):
            render("{{ variables.x }}", TemplateContext(**{**_fields(context), "confined": True}))


def _fields(context: TemplateContext) -> dict[str, object]:
    return {name: getattr(context, name) for name in context.__dataclass_fields__}


#: Where a router writes a condition on the header x-a into one text, and all that the text may be:
#: read as the proxy reads it, it is that condition and nothing behind it.
LANGUAGES = {
    "haproxy": (
        {"haproxy.org/route-acl"},
        r"req\.hdr\(x-a\) -m (str|beg|end|reg) (-- -|(?!-))[^\s\x00-\x1f\x7f{}#\"'\\]+",
    ),
    "nginx": (
        {
            "nginx.ingress.kubernetes.io/canary-by-header-value",
            "nginx.ingress.kubernetes.io/canary-by-header-pattern",
        },
        r"[^\s\x00-\x1f\x7f;\"'`#]+",
    ),
    "nginx-f5": ({"value"}, r'~\^\(\?:([^"\\]|\\.)+\)\$'),
    "skipper": (
        {"zalando.org/skipper-predicate"},
        r'Weight\(101\) && HeaderRegexp\("x-a", "([^"\\]|\\.)+"\) && Host\("app"\)',
    ),
}
#: An expression that cannot be read breaks the configuration of these for all that they serve.
WHOLE_CONFIGURATION = {"haproxy", "nginx-f5"}
#: What an option, or the end of a condition, looks like in one of them.
OPTIONS = {
    "an option": "-f",
    "no expression": "[",
    "a condition that ends": '" || true',
    "a condition more": "a } || { a",
}


@pytest.mark.parametrize("provider", LANGUAGES)
def test_a_condition_stays_one_in_the_language_of_a_proxy_or_is_refused(provider):
    places, whole = LANGUAGES[provider]
    taken = set()
    for name, text in (HOSTILE | OPTIONS | {"a word": "a"}).items():
        for how in ("exact", "prefix", "suffix", "regex"):
            match = [{"headers": {"x-a": {how: text[:1000]}}}]
            canary = a_canary_of(provider, analysis={"match": match, "iterations": 1})
            if router_for(provider).problems(canary):
                continue
            taken.add(name)
            written = [value for key, value in texts(routed(canary, 100)) if key in places]
            assert written, (name, how)
            if how == "regex" and provider in WHOLE_CONFIGURATION:
                re.compile(text)
            assert [each for each in written if not re.fullmatch(whole, each, re.DOTALL)] == []
    assert "a word" in taken


def texts(found: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Give each text of objects with the name of its place."""
    match found:
        case str():
            yield key, found
        case dict():
            for name, each in found.items():
                yield from texts(each, name)
        case list() | tuple():
            for each in found:
                yield from texts(each, key)


@EVERY
def test_a_terminal_shows_it_as_words(text):
    wait = Wait(reason=text, message=text, since=NOW, deadline=NOW)
    metric = MetricStatus(name=text, verdict="fail", bound=text, message=text, at=NOW)
    past = RunRecord(revision=text, outcome=text, message=text, commands=(text,))
    status = CanaryStatus(waiting_for=wait, metrics=(metric,), history=(past,))
    happening = Happening(id="1", at=NOW, reason=text, message=text)
    snapshot = replace(DemoSnapshot.of(a_canary(status), now=NOW), events=(happening,))
    plain, coloured = (
        Console(file=io.StringIO(), width=200, force_terminal=terminal, color_system=None)
        for terminal in (False, True)
    )
    for console in (plain, coloured):
        screen = Screen(console)
        screen.show(status_view("demo/podinfo", status, NOW).whole)
        paused = CanaryStatus(paused=Pause(by=text, since=NOW))
        screen.show(status_view("demo/podinfo", paused, NOW).whole)
        console.print(render_picture(snapshot))
        for line in lines(None, snapshot):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        written = console.file.getvalue()
        assert re.search(r"[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f\u202e]", written) is None
        assert "\x1b]" not in written
        assert "\x1b[2J" not in written
    if text.isprintable() and len(text) < 60:
        assert plain.file.getvalue().count(text) >= 4


async def test_what_a_hook_answers_is_taken_by_status_and_events_alike(
    world: World, receiver: Receiver
):
    """The attack: a hook answers with every text there is, one a run."""
    body = " ".join(each[:200] for each in HOSTILE.values()).encode(errors="replace")
    receiver.answers(Answer(status=403, body=body))
    hook = {"type": "pre-rollout", "name": "gate", "url": receiver.url}
    async with world.running_controller():
        await run(world, webhooks=[hook])
        (ended,) = (await world.status())["history"]
        shown = [ended["message"], *(each["message"] for each in await world.events())]
        assert all(re.search(r"[\x00-\x1f\x7f]", each) is None for each in shown)
        assert all(len(each) <= LONGEST_EVENT_MESSAGE for each in shown[1:])

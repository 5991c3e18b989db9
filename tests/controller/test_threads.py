"""A run is one thread of a receiver: its first message is edited, what people must notice replies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from canary.api.people import AlertReference
from canary.api.status import CanaryStatus, Notice, Outcome, Phase, RunRecord, Severity
from canary.controller.alerts import AlertSender
from canary.controller.canaries import CanaryRecord
from canary.controller.reading import CanaryReader
from canary.controller.receivers import UNKNOWN_TYPE, DefaultReceiver
from canary.controller.secrets import SecretReader
from canary.controller.templates import TemplateReader
from canary.controller.threads import REPLACEMENTS, RunThreads
from canary.notifiers import NotifierConfig
from tests.builders import a_status
from tests.controller.chat import JSON, POST_ID, TAKEN, create_chat, edited, posted
from tests.controller.running import DEMO, World, until
from tests.controller.test_notify import PROVIDER, alert, following_providers, run
from tests.receiver import Answer, Receiver, Request, receiving

OTHER = Answer(body=b'{"id": "other"}', headers=JSON)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
GONE = Answer(status=404, body=b'{"message": "gone"}', headers=JSON)


def said(request: Request) -> str:
    return str(request.document["message"]).partition(": ")[2]


class TestARun:
    async def test_is_one_thread_whose_first_message_shows_how_it_ended(self, world: World):
        async with receiving() as chat, world.running_controller():
            await create_chat(world, chat)
            await run(world, alerts=[alert("chat", "info")])
            await until(lambda: "Promoted" in map(said, posted(chat)), "the end is told")
            await until(lambda: "Promoted" in map(said, edited(chat)), "the end is shown")
            told = {said(each): each.document.get("root_id") for each in posted(chat)}
            assert told["Initialized"] is None
            assert told["RunStarted"] is None
            assert told["Promoted"] == POST_ID
            assert {each.path for each in edited(chat)} == {f"/api/v4/posts/{POST_ID}/patch"}

            async def kept() -> bool:
                threads = (await world.status()).get("threads")
                return threads == [{"receiver": "0/chat", "run": 1, "ref": POST_ID}]

            await until(kept, "the status names the thread")

    async def test_is_told_in_messages_of_their_own_where_threads_are_not_asked_for(
        self, world: World
    ):
        async with receiving() as chat, world.running_controller():
            await create_chat(world, chat, threads=False)
            await run(world, alerts=[alert("chat", "info")])
            await until(lambda: "Promoted" in map(said, posted(chat)), "the end is told")

            async def forgotten() -> bool:
                return not (await world.status()).get("notices")

            await until(forgotten, "all is told")
            assert all("root_id" not in each.document for each in chat.requests)
            assert edited(chat) == []
            assert not (await world.status()).get("threads")


class Chat:
    """A Canary whose alerts go to a chat, and a process that tells them."""

    def __init__(self, chat: Receiver, record: CanaryRecord, alerts: AlertSender) -> None:
        self.chat = chat
        self.record = record
        self._alerts = alerts
        self.threads = RunThreads(alerts=alerts, acts=lambda: True, pause_seconds=0)

    def restart(self) -> None:
        """Have another process go on, which knows nothing but the status."""
        self.threads = RunThreads(alerts=self._alerts, acts=lambda: True, pause_seconds=0)

    def decide(self, status: CanaryStatus, *, keep: bool = True) -> None:
        """Decide on a status; `keep` says that the write has landed that keeps threads."""
        opened = self.threads.opened(self.record.key) if keep else ()
        written = status.but(threads=(*self.record.status.threads, *opened))
        self.record = replace(self.record, status=written)
        self.threads.decided(self.record)

    async def settle(self) -> None:
        """Wait until every edit that is due has been made."""
        edits = [each for each in asyncio.all_tasks() if each.get_name().startswith("edits ")]
        await asyncio.gather(*edits, return_exceptions=True)

    async def tell(self, reason: str, *, run: int = 1, severity: Severity = Severity.INFO) -> None:
        notice = Notice(
            id=reason, reason=reason, message="m", alert=True, run=run, at=NOW, severity=severity
        )
        for name, receiver in self._alerts.receivers(self.record, notice).items():
            await self.threads.tell(self.record, notice, name, receiver)


@asynccontextmanager
async def chatting(world: World, severity: str = "info", **spec: Any) -> AsyncIterator[Chat]:
    async with receiving() as chat, following_providers(world) as caches:
        await create_chat(world, chat, **spec)
        created = await world.create_canary(analysis={"alerts": [alert("chat", severity)]})
        await until(lambda: caches.get(PROVIDER, DEMO, "chat"), "the provider is known")
        alerts = AlertSender(
            secrets=SecretReader(world.api, monotonic),
            templates=TemplateReader(caches),
            default=None,
            cluster_name="",
        )
        chats = Chat(chat, CanaryReader("istio").read(created), alerts)
        try:
            yield chats
        finally:
            await chats.threads.close()


def going(weight: int, **fields: Any) -> CanaryStatus:
    return a_status(Phase.PROGRESSING, weight=weight, **fields)


async def test_a_receiver_is_counted_by_the_type_of_its_provider(world: World):
    async with chatting(world) as chats:
        key, alerts = chats.record.key, chats._alerts
        (known,) = alerts.named(chats.record).values()
        assert isinstance(known, AlertReference)
        gone = known.model_copy(
            update={"provider_ref": known.provider_ref.model_copy(update={"name": "gone"})}
        )
        config = NotifierConfig()
        default = DefaultReceiver(kind="slack", config=config, severity=Severity.INFO)
        types = [alerts.type_of(key, each) for each in (known, gone, default)]
        assert types == ["mattermost", UNKNOWN_TYPE, "slack"]


class TestAThread:
    async def test_goes_on_after_a_restart(self, world: World):
        async with chatting(world) as chats:
            await chats.tell("RunStarted")
            chats.decide(going(10))
            chats.restart()
            chats.decide(going(10))
            await chats.tell("GateBlocked", severity=Severity.WARN)
            assert posted(chats.chat)[-1].document["root_id"] == POST_ID

    async def test_that_a_crash_has_lost_begins_anew_with_the_next_alert(self, world: World):
        async with chatting(world) as chats:
            await chats.tell("RunStarted")
            chats.restart()
            chats.decide(going(10), keep=False)
            await chats.tell("GateBlocked", severity=Severity.WARN)
            assert "root_id" not in posted(chats.chat)[-1].document
            assert [each.ref for each in chats.threads.opened(chats.record.key)] == [POST_ID]

    async def test_whose_first_message_was_deleted_begins_anew_with_the_next_alert(
        self, world: World
    ):
        async with chatting(world) as chats:
            await chats.tell("RunStarted")
            del chats.chat.answers_by_path["/api/v4/posts"]
            chats.chat.answers(GONE, OTHER)
            await chats.tell("Promoted")
            assert "root_id" not in posted(chats.chat)[-1].document
            newest = chats.threads.opened(chats.record.key)[-1]
            assert newest.ref == "other"

    async def test_is_of_one_run(self, world: World):
        async with chatting(world) as chats:
            await chats.tell("RunStarted", run=1)
            await chats.tell("RunStarted", run=2)
            await chats.tell("PrimaryChanged", run=0, severity=Severity.WARN)
            assert not any("root_id" in each.document for each in posted(chats.chat))
            assert [each.run for each in chats.threads.opened(chats.record.key)] == [1, 2]


class TestTheFirstMessage:
    async def test_shows_how_the_run_goes(self, world: World):
        async with chatting(world) as chats:
            await chats.tell("RunStarted")
            chats.decide(going(10))
            (edit,) = await until(lambda: edited(chats.chat), "it is edited")
            (attachment,) = edit.document["props"]["attachments"]
            fields = {each["title"]: each["value"] for each in attachment["fields"]}
            assert said(edit) == "Progressing"
            assert fields["Weight"] == "10 %"
            assert fields["Target"] == "Deployment/podinfo.demo"

    async def test_is_written_anew_where_it_was_deleted_but_not_for_ever(self, world: World):
        async with chatting(world) as chats:
            await chats.tell("RunStarted")
            chats.chat.answers_by_path = {f"/api/v4/posts/{POST_ID}": GONE, "/api": TAKEN}
            for number in range(1, REPLACEMENTS + 3):
                chats.decide(going(number))
                await until(lambda n=number: len(edited(chats.chat)) == n, "it is edited")
            await until(lambda: len(posted(chats.chat)) == 1 + REPLACEMENTS, "it is written anew")
            chats.decide(going(50))
            await until(lambda: len(edited(chats.chat)) > REPLACEMENTS + 2, "it is edited")
            assert len(posted(chats.chat)) == 1 + REPLACEMENTS

    async def test_is_left_alone_where_a_receiver_hears_of_errors_only(self, world: World):
        async with chatting(world, severity="error") as chats:
            await chats.tell("RunStarted")
            assert posted(chats.chat) == []
            await chats.tell("RolledBack", severity=Severity.ERROR)
            chats.decide(a_status(Phase.FAILED))
            await chats.settle()
            assert edited(chats.chat) == []

    async def test_of_a_run_that_ended_before_this_process_came_is_left_alone(self, world: World):
        async with chatting(world) as chats:
            await chats.tell("RunStarted")
            chats.decide(going(10))
            await until(lambda: edited(chats.chat), "it is edited")
            chats.restart()
            ended = RunRecord(revision="r", outcome=Outcome.PROMOTED)
            chats.decide(a_status(history=(ended,)))
            await chats.settle()
            assert len(edited(chats.chat)) == 1

    async def test_is_not_edited_by_who_stands_by(self, world: World):
        async with chatting(world) as chats:
            await chats.tell("RunStarted")
            chats.decide(going(10))
            chats.threads.stand_down(frozenset({chats.record.key}))
            await chats.settle()
            assert edited(chats.chat) == []
            assert chats.threads.opened(chats.record.key) == ()

    async def test_of_a_receiver_that_hangs_delays_no_alert(self, world: World):
        async with chatting(world) as chats:
            await chats.tell("RunStarted")
            hanging = {f"/api/v4/posts/{POST_ID}": Answer(hangs=True)}
            chats.chat.answers_by_path = hanging | chats.chat.answers_by_path
            chats.decide(going(10))
            await until(lambda: edited(chats.chat), "the edit hangs")
            await chats.tell("GateBlocked", severity=Severity.WARN)
            assert said(posted(chats.chat)[-1]) == "GateBlocked"


async def test_a_receiver_without_threads_gets_messages_and_no_reference(world: World):
    async with chatting(world, type="webhook") as chats:
        chats.chat.answers(Answer())
        await chats.tell("RunStarted")
        await chats.tell("Promoted")
        assert len(chats.chat.requests) == 2
        assert chats.threads.opened(chats.record.key) == ()


class TestReasons:
    async def test_are_all_that_a_receiver_is_told_of(self, world: World):
        async with chatting(world, reasons=["Promoted", "RolledBack"]) as chats:
            await chats.tell("RunStarted")
            await chats.tell("Promoted")
            assert [said(each) for each in posted(chats.chat)] == ["Promoted"]

    async def test_without_the_start_leave_the_first_message_as_it_was(self, world: World):
        async with chatting(world, reasons=["GateBlocked"]) as chats:
            await chats.tell("GateBlocked", severity=Severity.WARN)
            chats.decide(going(10))
            await chats.settle()
            assert edited(chats.chat) == []


async def test_a_template_gives_alerts_and_edits_their_words(world: World):
    template = {
        "title": "{{ name }} {{ reason }}",
        "message": "({{ severity }}) {{ message }}",
        "fields": {"Revision": "r-{{ revision }}", "Nothing": "{{ images }}"},
    }
    async with chatting(world, template=template) as chats:
        await chats.tell("RunStarted")
        chats.decide(going(10))
        await until(lambda: edited(chats.chat), "it is edited")
        (first,), (edit,) = posted(chats.chat), edited(chats.chat)
        for request, reason in ((first, "RunStarted"), (edit, "Progressing")):
            (attachment,) = request.document["props"]["attachments"]
            assert request.document["message"] == f"podinfo {reason}"
            assert attachment["title"] == f"podinfo {reason}"
            assert attachment["text"].startswith("(info) ")
            assert {each["title"] for each in attachment["fields"]} == {"Revision"}

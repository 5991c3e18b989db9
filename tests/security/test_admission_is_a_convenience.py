"""S14: admission says early what the controller says anyway, and its port answers reviews only.

What the API server refuses by itself stands in the table of refusals, and what becomes of an object
that was taken while no webhook answered in `tests/delivery/test_admission.py`.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from math import nan
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from analysis.errors import UnknownPlugin
from analysis.providers import PROVIDERS
from canary.api.alertprovider import AlertProvider
from canary.api.kinds import ObjectKey
from canary.api.meta import GROUP, NamespacedReference, SecretReference
from canary.api.metrictemplate import MetricTemplate
from canary.api.people import AlertReference
from canary.controller.admission import Reviewer
from canary.controller.alerts import AlertSender
from canary.controller.canaries import CanaryKey
from canary.controller.handlers import AdmissionServer
from canary.controller.policies import policy_record
from canary.controller.reading import CanaryReader
from canary.controller.secrets import SecretContent
from canary.controller.templates import alert_provider_record, metric_template_record
from canary.errors import InvalidSpec
from canary.settings import Settings
from tests.api.examples import GOOD, JsonObject
from tests.api.refusals import OBJECTS
from tests.controller.running import DEADLINE_SECONDS, until
from tests.security.test_a_bad_object_stops_only_itself import PLURALS, stored, writable
from tidegate_embedded.network import free_port

NOW = datetime.now(UTC).replace(microsecond=0)
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "1",
        "operation": "CREATE",
        "resource": {"group": "example.com", "version": "v1", "resource": "things"},
        "object": {"apiVersion": "example.com/v1", "metadata": {"name": "x"}},
    },
}


@dataclass(kw_only=True)
class Webhook:
    """A webhook that is asked without a pause, on a connection of its own each time."""

    port: int
    folder: Path
    authority: trustme.CA
    end: Callable[[], float] = field(default=lambda: nan)
    """What it says of when its certificate ends."""
    answered: int = 0
    ends: bool = False
    failures: list[Exception] = field(default_factory=list)

    def write(self, issued: trustme.LeafCert, *, key: trustme.LeafCert | None = None) -> None:
        """Replace the files, as a mounted Secret is."""
        issued.cert_chain_pems[0].write_to_path(str(self.folder / "tls.crt"))
        (key or issued).private_key_pem.write_to_path(str(self.folder / "tls.key"))

    async def shown(self) -> bytes:
        """Give the certificate that a new connection sees."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
        seen = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
        assert isinstance(seen, bytes)
        return seen

    async def ask(self) -> None:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        while not self.ends:
            async with httpx.AsyncClient(verify=context, timeout=DEADLINE_SECONDS) as client:
                try:
                    answer = await client.post(f"https://127.0.0.1:{self.port}/", json=REVIEW)
                    assert answer.json()["response"]["allowed"] is True
                except (httpx.HTTPError, AssertionError) as error:
                    self.failures.append(error)
            self.answered += 1

    async def more(self, number: int = 20) -> None:
        """Wait until it has been asked so often again."""
        enough = self.answered + number
        await until(lambda: self.answered >= enough, "it is asked")


@pytest.fixture
async def webhook(tmp_path: Path) -> AsyncIterator[Webhook]:
    authority = trustme.CA()
    found = Webhook(port=free_port(), folder=tmp_path, authority=authority)
    found.write(authority.issue_cert("127.0.0.1"))
    settings = Settings(
        admission_listen=f"127.0.0.1:{found.port}",
        admission_certificate=str(tmp_path / "tls.crt"),
        admission_key=str(tmp_path / "tls.key"),
    )
    server = AdmissionServer(settings, Reviewer(CanaryReader.under(settings)), look_seconds=0.01)
    found.end = server.end
    async with aclosing(server(None)) as serving:
        await anext(serving)
        async with asyncio.TaskGroup() as asking:
            for _ in range(4):
                asking.create_task(found.ask())
            yield found
            found.ends = True


async def ends(webhook: Webhook, end: datetime) -> bool:
    return webhook.end() == end.timestamp()


async def test_a_renewed_certificate_is_served_and_every_review_is_answered(webhook: Webhook):
    await webhook.more()
    for days in (90, 60, 30):
        before, end = await webhook.shown(), NOW + timedelta(days=days)
        webhook.write(webhook.authority.issue_cert("127.0.0.1", not_after=end))

        async def renewed(before: bytes = before) -> bool:
            return await webhook.shown() != before

        await until(renewed, "the renewed certificate is served")
        await until(partial(ends, webhook, end), "its end is told")
        await webhook.more()
    assert webhook.failures == []


async def test_files_that_do_not_fit_change_nothing_and_are_told(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    before = await webhook.shown()
    one, other = (webhook.authority.issue_cert("127.0.0.1") for _ in range(2))
    webhook.write(one, key=other)
    await until(lambda: "the one before stays in use" in caplog.text, "it is told")
    await webhook.more()
    assert await webhook.shown() == before
    webhook.write(one)
    await until(lambda: "has a renewed certificate" in caplog.text, "it is renewed")
    assert await webhook.shown() != before
    assert webhook.failures == []


async def test_a_file_that_is_gone_for_a_moment_ends_nothing(webhook: Webhook):
    (webhook.folder / "tls.key").unlink()
    await webhook.more()
    webhook.write(webhook.authority.issue_cert("127.0.0.1"))
    await webhook.more()
    assert webhook.failures == []


class Known:
    """The one AlertProvider that there is, whose Secret holds its address."""

    def __init__(self, manifest: JsonObject) -> None:
        self._record = alert_provider_record(manifest)

    def alert_provider(self, _group: str, _namespace: str, _name: str) -> AlertProvider:
        if self._record.invalid is not None:
            raise self._record.invalid
        assert isinstance(self._record.parsed, AlertProvider)
        return self._record.parsed

    def unknown(self, _key: ObjectKey) -> bool:
        return False

    async def read(
        self, _namespace: str, _reference: SecretReference | None
    ) -> SecretContent | None:
        values = {"address": "https://chat.example.com/"}
        return SecretContent(name="chat", type="Opaque", send_to=(), values=values)


async def invalid_canary(manifest: JsonObject) -> str:
    """Give what the condition Invalid says of a Canary."""
    reader = CanaryReader("istio")
    return "; ".join(map(str, reader.recall(reader.keep(manifest)).problems))


async def invalid_policy(manifest: JsonObject) -> str:
    """Give what Canaries wait for that a policy binds."""
    return policy_record(manifest).invalid


async def unusable_template(manifest: JsonObject) -> str:
    """Give what a Canary is told that names a template."""
    record = metric_template_record(manifest)
    if not isinstance(record.parsed, MetricTemplate):
        return str(record.invalid)
    try:
        PROVIDERS.check(record.parsed.spec.provider.type)
    except UnknownPlugin as unknown:
        return str(unknown)
    return ""


async def unusable_receiver(manifest: JsonObject) -> str:
    """Give what a Canary is told that names a receiver."""
    known: Any = Known(manifest)
    sender = AlertSender(secrets=known, templates=known, default=None, cluster_name="")
    reference = AlertReference(name="it", provider_ref=NamespacedReference(name="podinfo"))
    try:
        await sender.check(CanaryKey(GROUP, "test", "podinfo"), reference)
    except (InvalidSpec, UnknownPlugin) as refused:
        return str(refused)
    return ""


SAID_BY_THE_CONTROLLER = {
    "Canary": invalid_canary,
    "DeliveryPolicy": invalid_policy,
    "MetricTemplate": unusable_template,
    "AlertProvider": unusable_receiver,
}
#: Where the controller has the object itself before it, it says the very words.
WORD_FOR_WORD = {"Canary", "DeliveryPolicy"}
#: All that JSON can say: an API server sends nothing else.
EVERY = {name: obj for name, obj in {**GOOD, **OBJECTS}.items() if writable(obj)}


async def said_by_admission(obj: JsonObject) -> str:
    review = {
        "request": {
            "uid": "1",
            "operation": "CREATE",
            "resource": {"group": GROUP, "resource": PLURALS[obj["kind"]]},
            "object": obj,
        }
    }
    response = (await Reviewer(CanaryReader("istio")).review(review))["response"]
    said = str(response.get("status", {}).get("message", ""))
    assert response["allowed"] is not bool(said)
    return said


@pytest.mark.parametrize("kind", PLURALS)
async def test_what_is_refused_without_a_webhook_is_refused_with_one_and_nothing_else(kind: str):
    wrong, refused = {}, 0
    for name, obj in EVERY.items():
        if obj["kind"] != kind:
            continue
        at_once = await said_by_admission(obj)
        later = await SAID_BY_THE_CONTROLLER[kind](stored(obj))
        alike = at_once == later if kind in WORD_FOR_WORD else bool(at_once) is bool(later)
        if not alike:
            wrong[name] = at_once, later
        refused += bool(at_once)
    assert wrong == {}
    assert refused, "there is something to refuse"


#: What is no review, and the status that it is answered with.
GARBAGE = {
    "nothing": (b"", HTTPStatus.BAD_REQUEST),
    "no JSON": (b"spec:\n  port: 80\n", HTTPStatus.BAD_REQUEST),
    "JSON that breaks off": (b'{"request": {"uid"', HTTPStatus.BAD_REQUEST),
    "a list": (b"[]", HTTPStatus.BAD_REQUEST),
    "a number": (b"1", HTTPStatus.BAD_REQUEST),
    "null": (b"null", HTTPStatus.BAD_REQUEST),
    "no UTF-8": (b'{"request": "\xff\xfe"}', HTTPStatus.BAD_REQUEST),
    "a number without an end": (b'{"request": 1' + b"0" * 6_000 + b"}", HTTPStatus.BAD_REQUEST),
    "lists without an end": (b"[" * 100_000, HTTPStatus.BAD_REQUEST),
    "more than one MiB": (b" " * (1 << 20) + b"{}", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
}


async def test_what_is_no_review_is_told_so_and_ends_nothing(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
):
    context = ssl.create_default_context()
    webhook.authority.configure_trust(context)
    url = f"https://127.0.0.1:{webhook.port}/"
    async with httpx.AsyncClient(verify=context, timeout=DEADLINE_SECONDS) as client:
        answers = {
            name: await client.post(url, content=body) for name, (body, _) in GARBAGE.items()
        }
        assert (await client.get(url)).status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert {name: each.status_code for name, each in answers.items()} == {
        name: status for name, (_, status) in GARBAGE.items()
    }
    # No client of the webhook's can fill the log with failures that are none
    assert [each for each in caplog.records if each.name == "aiohttp.server"] == []
    # A connection that speaks no TLS, or none of HTTP, is closed
    for tls in (None, context):
        reader, writer = await asyncio.open_connection("127.0.0.1", webhook.port, ssl=tls)
        writer.write(b"\x00" * 100)
        with suppress(OSError):
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    await webhook.more()
    assert webhook.failures == []

"""S14: a certificate of the admission webhook is renewed under load, and no review is dropped."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import trustme

from canary.controller.admission import Reviewer
from canary.controller.handlers import AdmissionServer
from canary.controller.reading import CanaryReader
from canary.settings import Settings
from tests.controller.running import until
from tidegate_embedded.network import free_port

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
            async with httpx.AsyncClient(verify=context) as client:
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
    async with aclosing(server(None)) as serving:
        await anext(serving)
        async with asyncio.TaskGroup() as asking:
            for _ in range(4):
                asking.create_task(found.ask())
            yield found
            found.ends = True


async def test_a_renewed_certificate_is_served_and_every_review_is_answered(webhook: Webhook):
    await webhook.more()
    for _ in range(3):
        before = await webhook.shown()
        webhook.write(webhook.authority.issue_cert("127.0.0.1"))

        async def renewed(before: bytes = before) -> bool:
            return await webhook.shown() != before

        await until(renewed, "the renewed certificate is served")
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

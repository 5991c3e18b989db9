"""Links that answer gates: forged, stale, repeated or made for a stranger, they give no command."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from canary.api.annotations import PREFIX
from canary.api.status import read_status
from canary.cluster.cluster import Cluster
from canary.core.gate_link import GateLink
from canary.core.gate_reference import GateReference
from canary.core.gates import held_gates
from canary.core.signature import Signature
from canary.dashboard.chat_people import LinkPeople, UnreadableIdentities
from canary.dashboard.links import LinkKey, answering_links
from canary.dashboard.process import for_many
from canary.dashboard.ways import by_token
from canary.demo.manifests import APP
from tests.cli.running import tidegate
from tests.controller.faults import Proxy, answer, proxied
from tests.controller.running import CANARY, World, until
from tests.security.hostile import HOSTILE

KEY = b"0123456789abcdef0123456789abcdef"
BOB = "bob@partner.example"
OWN = {"Sec-Fetch-Site": "same-origin"}
GATE = {"type": "confirm-promotion", "name": "by hand"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A Canary at its gate, and a dashboard that answers links."""

    world: World
    proxy: Proxy
    """Between the dashboard and the API server."""
    address: str
    identities: Path
    reference: GateReference

    def link(self, **changes: Any) -> GateLink:
        """Make what a link says."""
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        made = GateLink(reference=self.reference, verb="approve", person=BOB, ends=ends)
        return replace(made, **changes)

    def token(self, key: bytes = KEY, **changes: Any) -> str:
        return self.link(**changes).signed(key)

    async def opened(self, token: str) -> tuple[int, str]:
        """Open a link, as a person or a mail program does."""
        address = f"{self.address}/link"
        async with (
            aiohttp.ClientSession() as session,
            session.get(address, params={"t": token}) as found,
        ):
            return found.status, await found.text()

    async def answered(self, token: str, headers: Mapping[str, str] = OWN) -> tuple[int, str]:
        """Send the form of a link."""
        address, data = f"{self.address}/link", {"t": token}
        async with (
            aiohttp.ClientSession() as session,
            session.post(address, data=data, headers=headers) as found,
        ):
            return found.status, await found.text()

    async def given(self) -> list[Signature]:
        status = await self.world.status()
        return [Signature.read(each["value"]) for each in status.get("commands", ())]

    async def nothing_came_of_it(self) -> None:
        """The run waits where it was, and no word of a command is anywhere."""
        canary = await self.world.api.read(CANARY, "demo", APP)
        assert canary["status"]["phase"] == "WaitingPromotion"
        assert not canary["status"].get("commands")
        left = canary["metadata"].get("annotations", {})
        assert not {f"{PREFIX}approve", f"{PREFIX}reject"} & left.keys()
        assert not [each for each in self.proxy.requests if each.startswith("PATCH")]


def people(file: Path, **named: Mapping[str, Any]) -> Path:
    file.write_text(yaml.safe_dump({"links": dict(named)}))
    return file


@pytest.fixture
async def linked(tmp_path: Path) -> AsyncIterator[Linked]:
    file = people(tmp_path / "identities.yaml", **{BOB: {"user": "partner", "groups": ["qa"]}})
    async with World(tmp_path) as world, proxied(world.server.url) as proxy:
        await world.create_app()
        async with world.running_controller():
            await world.create_canary(analysis={"stepWeights": [50], "webhooks": [GATE]})
            await world.until_phase("Initialized")
            await world.release()
            await world.until_phase("WaitingPromotion")
            links = partial(answering_links, LinkKey(key=KEY, identities=file))
            own = world.kubeconfig_by(proxy.url)
            async with (
                Cluster.connect(kubeconfig=str(own)) as cluster,
                for_many(cluster, by_token, host="127.0.0.1", port=0, links=links) as address,
            ):
                await until(lambda: proxy.asked("GET .*canaries.*watch"))
                canary = await world.api.read(CANARY, "demo", APP)
                gate = await until(lambda: _gate(world), "the gate is shut")
                reference = GateReference.of(
                    group="tidegate.dev",
                    namespace="demo",
                    name=APP,
                    uid=canary["metadata"]["uid"],
                    gate=gate,
                )
                found = Linked(
                    world=world,
                    proxy=proxy,
                    address=address,
                    identities=file,
                    reference=reference,
                )
                await until(lambda: _shown(found), "the dashboard knows the gate")
                yield found


async def _gate(world: World) -> str:
    manifest = await world.api.read(CANARY, "demo", APP)
    return next(iter(held_gates(read_status(manifest.get("status")))), "")


async def _shown(linked: Linked) -> bool:
    return (await linked.opened(linked.token()))[0] == 200


async def test_a_link_shows_what_it_does_and_answers_when_it_is_sent(linked: Linked):
    token = linked.token()
    status, text = await linked.opened(token)
    assert (status, "The gate opens" in text, BOB in text) == (200, True, True)
    await linked.nothing_came_of_it()

    status, text = await linked.answered(token)
    assert (status, f"approve by partner via link (as {BOB}): accepted" in text) == (200, True), (
        text
    )
    await linked.world.until_phase("Succeeded")
    (given,) = await linked.given()
    assert (given.user, given.tool, given.reason) == ("partner", "link", f"as {BOB}")


async def test_a_link_rejects_where_it_was_made_to(linked: Linked):
    status, text = await linked.answered(linked.token(verb="reject"))
    assert (status, f"reject by partner via link (as {BOB}): accepted" in text) == (200, True), text
    await linked.world.until_phase("Failed")


async def test_a_link_counts_once_however_often_it_is_sent(linked: Linked):
    token = linked.token()
    answers = await asyncio.gather(*(linked.answered(token) for _ in range(5)))
    assert sorted(status for status, _ in answers) == [200, 403, 403, 403, 403]
    refused = {text.count("it was answered already") for status, text in answers if status == 403}
    assert refused == {1}
    assert (await linked.opened(token))[0] == 403
    await linked.world.until_phase("Succeeded")
    assert len(await linked.given()) == 1


async def test_a_second_link_to_the_same_gate_comes_too_late(linked: Linked):
    first, second = linked.token(), linked.token(person=BOB, verb="reject")
    assert (await linked.answered(first))[0] == 200
    await linked.world.until_phase("Succeeded")
    status, text = await linked.answered(second)
    assert (status, "no longer waits" in text) == (403, True)
    assert len(await linked.given()) == 1


async def test_what_is_forged_stale_or_made_for_a_stranger_gives_no_command(linked: Linked):
    good, about = linked.token(), linked.reference
    written, _, proof = good.partition(".")
    now = datetime.now(UTC)
    forged = {
        "another key": linked.token(key=b"x" * 32),
        "an empty key": linked.token(key=b""),
        "another proof": f"{written}.{linked.token(verb='reject').partition('.')[2]}",
        "no proof": written,
        "what is said of another": f"{linked.token(verb='reject').partition('.')[0]}.{proof}",
        "nothing": "",
        **{f"hostile {name}": text for name, text in HOSTILE.items()},
    }
    stale = {
        "it has ended": {"ends": now - timedelta(seconds=1)},
        "longer than 24 h": {"ends": now + timedelta(hours=25)},
        "follows no such Canary": {"reference": replace(about, uid="another")},
        "follows no such": {"reference": replace(about, namespace="kube-system")},
        "no such Canary": {"reference": replace(about, group="flagger.app")},
        "no longer waits": {"reference": replace(about, gate="confirm-promotion/9/1", run=9)},
        "waits: it is": {"reference": replace(about, gate="confirm-rollout/1/0")},
        "which is no user of the cluster": {"person": "mallory@partner.example"},
        "is no user of the cluster": {"person": f"{BOB}.evil"},
    }
    for name, token in forged.items():
        for status, text in (await linked.opened(token), await linked.answered(token)):
            # What is longer than any link is not even read.
            refused = status == 403 and "no link of tidegate" in text
            assert refused or status in {400, 413}, name
            assert APP not in text, name
    for told, changes in stale.items():
        status, text = await linked.answered(linked.token(**changes))
        assert (status, told in text) == (403, True), (told, text)
    await linked.nothing_came_of_it()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
async def test_a_form_of_another_page_answers_no_gate(linked: Linked, headers: dict[str, str]):
    token = linked.token()
    status, text = await linked.answered(token, headers)
    assert (status, "another site" in text) == (403, True)
    await linked.nothing_came_of_it()
    # It was not used up.
    assert (await linked.answered(token))[0] == 200


async def test_a_person_who_was_taken_out_answers_nothing(linked: Linked):
    people(linked.identities, carol={"user": "carol"})
    status, text = await linked.answered(linked.token())
    assert (status, f"it was made for {BOB}, which is no user" in text) == (403, True)
    linked.identities.write_text("links: {'*': {user: partner}}")
    status, text = await linked.answered(linked.token(verb="reject"))
    assert (status, "identities cannot be read" in text) == (403, True)
    await linked.nothing_came_of_it()


async def test_what_the_mapped_user_may_not_do_no_link_does(linked: Linked):
    linked.proxy.meet("PATCH .*canaries", answer(403, {"message": "no"}), always=True)
    status, _ = await linked.answered(linked.token())
    assert status == 403
    assert not await linked.given()
    asked = [each for each in linked.proxy.requests if each.startswith("PATCH")]
    assert asked


async def test_no_link_is_a_way_into_other_pages(linked: Linked):
    token = linked.token()
    async with aiohttp.ClientSession(linked.address) as session:
        for path in ("/", "/gates", f"/c/demo/{APP}", "/api/v1/canaries", "/link/x"):
            async with session.get(path, params={"t": token}, allow_redirects=False) as found:
                assert found.status in {303, 401, 403, 404}, path
                assert APP not in await found.text() or path.startswith("/c/")
    await linked.nothing_came_of_it()


async def test_the_command_makes_a_link_that_counts(linked: Linked, tmp_path: Path):
    key = tmp_path / "links.key"
    key.write_bytes(KEY + b"\n")
    kubeconfig = linked.world.kubeconfig_by(linked.world.server.url)
    code, output = await tidegate(
        *("link", APP, "-n", "demo", "--for", BOB, "--key-file", str(key)),
        *("--dashboard", f"{linked.address}/", "--kubeconfig", str(kubeconfig)),
    )
    assert code == 0, output
    address, _, token = output.strip().partition("?t=")
    assert address == f"{linked.address}/link"
    assert (await linked.answered(token))[0] == 200
    await linked.world.until_phase("Succeeded")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("links: {bob: {user: 'system:admin'}}", "cluster's own"),
        ("links: {bob: {user: alice, groups: ['system:masters']}}", "cluster's own"),
        ("links: {'*': {user: alice}}", "links.*"),
        ("links: {'a b': {user: alice}}", "links.a b"),
        ("links: {bob: alice}", "links.bob"),
        ("slack: {}", "links"),
        ("other: {}", "links"),
    ],
)
def test_identities_that_say_too_much_or_too_little_are_not_used(
    tmp_path: Path, text: str, told: str
):
    file = tmp_path / "identities.yaml"
    file.write_text(text)
    with pytest.raises(UnreadableIdentities) as refused:
        LinkPeople(file).read()
    assert told in str(refused.value)

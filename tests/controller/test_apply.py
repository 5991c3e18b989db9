"""What is written: only what differs, by the right verb, and only from what was seen."""

import base64
from typing import Any

import orjson
import pytest

from canary.api.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, SERVICE
from canary.demo import manifests
from tests.controller.faults import Proxy, proxied
from tests.controller.running import CANARY, DEMO, VIRTUAL_SERVICE, World, until

FOUND = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "podinfo", "namespace": DEMO, "labels": {"team": "blue"}},
    "spec": {
        "hosts": ["podinfo"],
        "http": [{"route": [{"destination": {"host": "podinfo"}}]}],
    },
}


async def test_a_route_of_our_own_is_created_and_then_replaced_on_its_version(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("Succeeded")
        verbs = [e.verb for e in world.requests() if e.resource == "virtualservices"]
        assert [each for each in verbs if each in {"create", "update", "patch"}] == [
            "create",
            *["update"] * 3,
        ]
        route = await world.read(VIRTUAL_SERVICE, "podinfo")
        (managed,) = route["metadata"]["managedFields"]
        assert (managed["manager"], managed["operation"]) == ("tidegate", "Update")


async def test_a_route_that_was_there_is_replaced_with_its_labels_kept(world: World):
    await world.create_app()
    await world.api.create(FOUND, VIRTUAL_SERVICE)
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        writes = [e.verb for e in world.requests() if e.resource == "virtualservices"]
        assert "update" in writes
        assert "patch" not in writes
        route = await world.read(VIRTUAL_SERVICE, "podinfo")
        assert route["metadata"]["labels"]["team"] == "blue"
        assert "podinfo-primary" in str(route["spec"]["http"])


async def test_what_others_set_in_an_object_of_ours_stays_theirs(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        annotations = {"prometheus.io/scrape": "true"}
        await world.patch(SERVICE, "podinfo-canary", {"metadata": {"annotations": annotations}})
        await world.patch(SERVICE, "podinfo-canary", {"spec": {"selector": {"app": "elsewhere"}}})

        async def mended() -> bool:
            service = await world.read(SERVICE, "podinfo-canary")
            return service["spec"]["selector"] == {"app": "podinfo"}

        await until(mended, "the drift is repaired")
        service = await world.read(SERVICE, "podinfo-canary")
        assert service["metadata"]["annotations"]["prometheus.io/scrape"] == "true"


def mutated(**fields: Any) -> Any:
    """Add fields to the spec of what is written, as a mutating webhook does."""

    async def fault(proxy: Proxy, request: Any) -> Any:
        document = orjson.loads(await request.read())
        document["spec"] |= fields
        return await proxy.forward(request, orjson.dumps(document))

    return fault


@pytest.mark.parametrize(
    ("kind", "added"),
    [
        (VIRTUAL_SERVICE, {"exportTo": ["."]}),
        (VIRTUAL_SERVICE, {"hosts": ["podinfo", "added.example.com"]}),
        (SERVICE, {"trafficDistribution": "PreferClose"}),
        (SERVICE, {"ports": [{"name": "extra", "port": 6060}]}),
    ],
    ids=["a field of others", "a field of ours", "an option of ours", "ports of ours"],
)
async def test_what_admission_makes_of_a_write_is_not_written_again(
    world: World, kind: Any, added: dict[str, Any]
):
    await world.create_app()
    async with proxied(world.server.url) as proxy, world.running_controller(url=proxy.url):
        proxy.meet(rf"(POST|PUT) .*/{kind.plural}", mutated(**added), always=True)
        await world.create_canary()
        await world.until_phase("Initialized")
        # Something else happens, so that everything is looked at again.
        await world.patch(CANARY, "podinfo", {"metadata": {"labels": {"look": "again"}}})
        await world.patch(SERVICE, "podinfo", {"metadata": {"labels": {"look": "again"}}})
        await world.release()
        await world.until_phase("Succeeded")
        writes = proxy.asked(rf"(POST|PUT) .*/{kind.plural}")
        assert len(writes) <= (1 + 3 if kind is VIRTUAL_SERVICE else 3 + 1)


async def test_a_port_that_somebody_else_adds_to_a_service_of_ours_stays(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        service = await world.read(SERVICE, "podinfo-canary")
        theirs = {"name": "debug", "port": 6060, "protocol": "TCP", "targetPort": 6060}
        ports = [*service["spec"]["ports"], theirs]
        await world.patch(SERVICE, "podinfo-canary", {"spec": {"ports": ports}})
        mark = world.mark
        await world.release()
        await world.until_phase("Succeeded")
        assert not [
            e for e in world.requests(mark) if e.resource == "services" and e.verb != "watch"
        ]
        assert theirs in (await world.read(SERVICE, "podinfo-canary"))["spec"]["ports"]


async def test_a_deleted_service_is_made_again(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.api.delete(SERVICE, DEMO, "podinfo-primary")

        async def back() -> bool:
            return await world.read(SERVICE, "podinfo-primary") is not None

        await until(back, "the service is back")


async def test_the_status_is_written_before_the_route(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        mark = world.mark
        await world.release()
        await world.until_phase("Succeeded")
        writes = [
            e.resource
            for e in world.requests(mark)
            if e.verb in {"patch", "update"} and e.resource in {"canaries", "virtualservices"}
        ]
        assert writes[0] == "canaries"
        assert writes.count("virtualservices") == 3


async def test_a_route_that_another_has_written_since_is_not_overwritten(world: World):
    await world.create_app()
    late: list[int] = []

    async def after_another(proxy: Proxy, request: Any) -> Any:
        """Serve a write only when another replica's has been, as after a freeze."""
        await world.patch(VIRTUAL_SERVICE, "podinfo", {"metadata": {"labels": {"by": "another"}}})
        response = await proxy.forward(request)
        late.append(response.status)
        return response

    async with proxied(world.server.url) as proxy, world.running_controller(url=proxy.url):
        await world.create_canary()
        await world.until_phase("Initialized")
        proxy.meet("PUT .*/virtualservices/podinfo", after_another)
        await world.release()
        await world.until_phase("Succeeded")
    assert late == [409]


class TestPrimary:
    async def test_is_made_of_the_analysed_revision_and_no_other(self, world: World):
        """The target changes after the decision to promote, before its template is read."""
        await world.create_app()
        reads: dict[str, Any] = {"include_label_prefix": ("team.example",)}
        async with (
            proxied(world.server.url) as proxy,
            world.running_controller(url=proxy.url, **reads),
        ):
            await world.create_canary()
            await world.until_phase("Initialized")
            images = []

            async def change_first(proxy: Proxy, request: Any) -> Any:
                await world.release(tag="3")
                images.append("3")
                return await proxy.forward(request)

            proxy.meet(r"GET .*/deployments/podinfo$", change_first)
            await world.release(tag="2")

            async def primary() -> bool:
                found = await world.read(DEPLOYMENT, "podinfo-primary")
                image = found["spec"]["template"]["spec"]["containers"][0]["image"]
                images.append(image.rpartition(":")[2])
                return image.endswith(":3")

            await until(primary, "the third revision is promoted")
            assert "2" not in images
            status = await world.until_phase("Succeeded")
            assert status["history"][0]["outcome"] == "Promoted"

    async def test_is_made_of_what_was_analysed_without_a_read_though_the_target_has_moved_on(
        self, world: World
    ):
        await world.create_app()
        async with proxied(world.server.url) as proxy, world.running_controller(url=proxy.url):
            await world.create_canary()
            await world.until_phase("Initialized")
            reads = r"GET .*/deployments/podinfo(-primary)?$"
            written, read = [], [len(proxy.asked(reads))]

            async def change_first(proxy: Proxy, request: Any) -> Any:
                template = orjson.loads(await request.read())["spec"]["template"]
                written.append(template["spec"]["containers"][0]["image"].rpartition(":")[2])
                read.append(len(proxy.asked(reads)))
                if len(written) == 1:
                    await world.release(tag="3")
                return await proxy.forward(request)

            proxy.meet(r"PUT .*/deployments/podinfo-primary\?", *[change_first] * 2)
            await world.release(tag="2")
            await until(lambda: len(written) == 2, "the third revision is promoted")
            assert (written, read[1]) == (["2", "3"], read[0])

    @pytest.mark.parametrize("kind", [CONFIG_MAP, SECRET], ids=["ConfigMap", "Secret"])
    async def test_has_configs_of_its_own_with_the_content_that_was_analysed(
        self, world: World, kind: Any
    ):
        await world.api.create(
            {
                "apiVersion": "v1",
                "kind": kind.kind,
                "metadata": {"name": "settings", "namespace": DEMO},
                ("data" if kind is CONFIG_MAP else "stringData"): {"colour": "blue"},
            },
            kind,
        )
        app = manifests.deployment("1")
        key = "configMapRef" if kind is CONFIG_MAP else "secretRef"
        container = app["spec"]["template"]["spec"]["containers"][0]
        container["envFrom"] = [{key: {"name": "settings"}}]
        await world.api.create(app, DEPLOYMENT)
        async with proxied(world.server.url) as proxy, world.running_controller(url=proxy.url):
            await world.create_canary()
            await world.until_phase("Initialized")
            seen: list[str] = []
            changed = False

            async def change_before_copy(proxy: Proxy, request: Any) -> Any:
                # The first read is for the checksum, the second for the copy.
                nonlocal changed
                seen.append(request.path)
                if len(seen) == 2 and not changed:
                    changed = True
                    await world.patch(kind, "settings", _data(kind, "green"))
                return await proxy.forward(request)

            proxy.meet(rf"GET .*/{kind.plural}/settings$", change_before_copy, always=True)
            copies: list[Any] = []
            await world.patch(kind, "settings", _data(kind, "red"))

            async def green() -> bool:
                found = [
                    each
                    for each in await world.objects(kind)
                    if each["metadata"]["name"].startswith("settings-podinfo-")
                ]
                copies.extend(each["data"]["colour"] for each in found)
                assert all(each["immutable"] for each in found)
                return any(each["data"] == _stored(kind, "green") for each in found)

            await until(green, "the copy has the last content")
            assert changed
            assert _stored(kind, "red")["colour"] not in copies
            await world.until_phase("Succeeded")


def _data(kind: Any, colour: str) -> dict[str, Any]:
    return {"data" if kind is CONFIG_MAP else "stringData": {"colour": colour}}


def _stored(kind: Any, colour: str) -> dict[str, str]:
    return {"colour": colour if kind is CONFIG_MAP else base64.b64encode(colour.encode()).decode()}


async def test_a_status_is_written_as_what_of_it_has_changed(world: World):
    written: list[dict[str, Any]] = []

    async def noted(proxy: Proxy, request: Any) -> Any:
        written.append(orjson.loads(await request.read())["status"])
        return await proxy.forward(request)

    await world.create_app()
    async with proxied(world.server.url) as proxy, world.running_controller(url=proxy.url):
        proxy.meet("PATCH .*/canaries/podinfo/status", noted, always=True)
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("Succeeded")
    raised = next(each for each in written if each.get("canaryWeight") == 100)
    assert raised["weights"] == {"primary": 0, "canary": 100}
    assert not {"phase", "names", "lastPromotedSpec", "history"} & raised.keys()

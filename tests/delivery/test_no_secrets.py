"""`secrets: none`: a canary's whole life under the chart's own role, which may read no Secret."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from canary.api.kinds import CONFIG_MAP, DEPLOYMENT, SECRET
from canary.demo import manifests
from tests.controller.faults import Proxy, answer, proxied
from tests.controller.running import DEMO, World, until
from tests.delivery.role import Right, render, rights, rules_of
from tests.receiver import receiving

pytestmark = pytest.mark.delivery

_OBJECTS = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/[^/]+(?:/namespaces/[^/]+)?/(?P<resource>[a-z]+)"
    r"(?:/(?P<name>[^/]+)(?:/(?P<subresource>[^/]+))?)?"
)
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def right_of(request: web.Request) -> Right | None:
    """Give the right that a request takes; None for what is no object, such as discovery."""
    found = _OBJECTS.fullmatch(request.path)
    if found is None:
        return None
    resource = "/".join(filter(None, (found["resource"], found["subresource"])))
    reading = "get" if found["name"] else "watch" if "watch" in request.query else "list"
    return Right(found["group"] or "", resource, _VERBS.get(request.method, reading))


def settings_of(chart: list[dict[str, Any]]) -> dict[str, Any]:
    """Give what the chart's flags say of Secrets."""
    (deployment,) = (each for each in chart if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {"secret_tracking": "--no-secret-tracking" not in container["args"]}


async def test_a_release_is_promoted_and_what_would_need_a_secret_says_so(tmp_path: Path) -> None:
    chart = render('secrets="none"')
    allowed = rights(rules_of(chart))
    assert not {right for right in allowed if right.resource == "secrets"}

    async def authorised(proxy: Proxy, request: web.Request) -> web.StreamResponse:
        right = right_of(request)
        if right is None or right in allowed:
            return await proxy.forward(request)
        refused = f"{right.resource} is forbidden: the role does not let it {right.verb} them"
        return await answer(403, {"message": refused})(proxy, request)

    async with World(tmp_path) as world, proxied(world.server.url) as proxy, receiving() as hooks:
        proxy.meet(".", authorised, always=True)
        for kind, name, content in ((SECRET, "keys", "c2VjcmV0"), (CONFIG_MAP, "colours", "blue")):
            metadata = {"name": name, "namespace": DEMO}
            await world.api.create(
                {
                    "apiVersion": "v1",
                    "kind": kind.kind,
                    "metadata": metadata,
                    "data": {"a": content},
                },
                kind,
            )
        app = manifests.deployment("1", namespace=DEMO)
        (container,) = app["spec"]["template"]["spec"]["containers"]
        container["envFrom"] = [
            {"secretRef": {"name": "keys"}},
            {"configMapRef": {"name": "colours"}},
        ]
        await world.api.create(app, DEPLOYMENT)
        hook = {"name": "smoke", "type": "pre-rollout", "url": hooks.url}
        async with world.running_controller(url=proxy.url, **settings_of(chart)):
            await world.create_canary(analysis={"webhooks": [hook]})
            await world.until_phase("Initialized")
            container["image"] = "example.test/podinfo:2"
            patch = {"spec": {"template": app["spec"]["template"]}}
            await world.patch(DEPLOYMENT, "podinfo", patch)
            await world.until_phase("Succeeded")
            assert hooks.requests
            primary = await world.read(DEPLOYMENT, "podinfo-primary")
            assert primary is not None
            (served,) = primary["spec"]["template"]["spec"]["containers"]
            secret, config = served["envFrom"]
            assert served["image"] == container["image"]
            assert secret == {"secretRef": {"name": "keys"}}
            assert config["configMapRef"]["name"].startswith("colours-")
            assert not proxy.asked("/secrets")

            await world.create_app("other")
            needing = hook | {"secretRef": {"name": "keys"}}
            await world.create_canary("other", analysis={"webhooks": [needing]})
            message = await world.until_condition("ReferencesResolved", "False", name="other")
            assert "spec.analysis.webhooks[0].secretRef: 'keys'" in message
            await world.until_phase("Initialized", name="other")
            await world.release("other")

            async def held() -> bool:
                told = await world.events("RunHeld")
                return any(each["involvedObject"]["name"] == "other" for each in told)

            await until(held, "no run begins that could not be judged")
            assert (await world.status("other"))["phase"] == "Initialized"
            assert hooks.requests[-1].document["name"] == "podinfo"

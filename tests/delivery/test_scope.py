"""A release that is limited to some namespaces: what it does there, and that it asks for no more.

The rights are those of the Roles that Helm makes. The stories under a ClusterRole are in
`tests/stories`.
"""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from canary.api.kinds import AUTOSCALER, BUDGET, CONFIG_MAP, DEPLOYMENT, SECRET, SERVICE, Kind
from canary.api.meta import API_VERSION, GROUP
from canary.controller.policies import DELIVERY_POLICY
from canary.demo import manifests
from canary.demo.manifests import APP
from canary.routers.istio import DESTINATION_RULE, VIRTUAL_SERVICE
from tests.controller.running import CANARY
from tests.controller.test_policies import a_policy
from tests.delivery import role
from tests.delivery.apps import AppNamespace, connected
from tests.delivery.release import Release
from tests.receiver import Answer, Receiver, receiving
from tests.testbed.control_plane import ControlPlane
from tidegate_embedded.process import find_program

pytestmark = pytest.mark.control_plane

METRIC_TEMPLATE, ALERT_PROVIDER = (
    Kind(group=GROUP, versions=("v1beta1",), kind=kind, plural=f"{kind.lower()}s")
    for kind in ("MetricTemplate", "AlertProvider")
)
CONFIGS = ((CONFIG_MAP, "settings", "data"), (SECRET, "access", "stringData"))


def measured(value: float) -> Answer:
    """What a Prometheus answers to an instant query."""
    vector = [{"metric": {}, "value": [0, str(value)]}]
    data = {"resultType": "vector", "result": vector}
    body = json.dumps({"status": "success", "data": data}).encode()
    return Answer(body=body, headers={"Content-Type": "application/json"})


async def given_configs(place: AppNamespace, content: str) -> None:
    """A ConfigMap and a Secret that cannot be changed, only made anew."""
    for kind, name, field in CONFIGS:
        metadata = {"name": name, "namespace": place.namespace}
        await place.create(
            {
                "apiVersion": "v1",
                "kind": kind.kind,
                "metadata": metadata,
                field: {"mode": content},
                "immutable": True,
            },
            kind,
        )


async def given_an_app_with_everything(
    place: AppNamespace, third_party: Receiver
) -> dict[str, Any]:
    """An app with configs, an autoscaler, a budget and a Service, and a Canary that uses every kind."""
    metadata = {"namespace": place.namespace}
    await given_configs(place, "old")
    await place.create_app("1.0")
    volumes = [
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "access", "secret": {"secretName": "access"}},
    ]
    await place.patch(DEPLOYMENT, APP, {"spec": {"template": {"spec": {"volumes": volumes}}}})
    await place.expose_app()
    host = f"{APP}.{place.namespace}.svc.cluster.local"
    await place.create(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": APP, **metadata},
            "spec": {"hosts": [host], "http": [{"route": [{"destination": {"host": host}}]}]},
        },
        VIRTUAL_SERVICE,
    )
    await place.create(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": APP, **metadata},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
                "minReplicas": 2,
                "maxReplicas": 4,
            },
        },
        AUTOSCALER,
    )
    await place.create(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": APP, **metadata},
            "spec": {"selector": {"matchLabels": {"app": APP}}, "minAvailable": 1},
        },
        BUDGET,
    )
    await place.create(
        {
            "apiVersion": API_VERSION,
            "kind": "MetricTemplate",
            "metadata": {"name": "errors", **metadata},
            "spec": {
                "provider": {"type": "prometheus", "address": third_party.url},
                "query": "errors",
            },
        },
        METRIC_TEMPLATE,
    )
    await place.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "on-call", **metadata},
            "stringData": {"address": f"{third_party.url}/alerts"},
        },
        SECRET,
    )
    await place.create(
        {
            "apiVersion": API_VERSION,
            "kind": "AlertProvider",
            "metadata": {"name": "on-call", **metadata},
            "spec": {"type": "webhook", "secretRef": {"name": "on-call"}},
        },
        ALERT_PROVIDER,
    )
    autoscaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": APP}
    metric = {
        "name": "errors",
        "interval": "1m",
        "thresholdRange": {"max": 5},
        "templateRef": {"name": "errors"},
    }
    alert = {"name": "on-call", "severity": "warn", "providerRef": {"name": "on-call"}}
    return {
        "autoscalerRef": autoscaler,
        "analysis": {
            "interval": "1s",
            "threshold": 1,
            "stepWeights": [50],
            "metrics": [metric],
            "alerts": [alert],
        },
    }


async def release_held_back(
    place: AppNamespace, tag: str, gates: list[dict[str, str]] | None
) -> None:
    """Change the app to another version, whose pods get no node while there are gates."""
    template = manifests.pod_template(tag)
    template["spec"]["schedulingGates"] = gates
    await place.patch(DEPLOYMENT, APP, {"spec": {"template": template}})


async def release_that_cannot_be_pulled(plane: ControlPlane, place: AppNamespace) -> None:
    """Change the app to an image that is not there; its pods have no node, and say so here."""
    await release_held_back(place, "3.0", [{"name": "tests/held-back"}])
    pods = f"/api/v1/namespaces/{place.namespace}/pods"
    waiting = {"reason": "ImagePullBackOff", "message": "3.0: not found"}
    container = {
        "name": APP,
        "image": "3.0",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": waiting},
    }
    async with plane.client() as client:

        async def held_back() -> list[str]:
            found = (await client.get(pods)).raise_for_status().json()["items"]
            return [each["metadata"]["name"] for each in found if "schedulingGates" in each["spec"]]

        async def some() -> bool:
            return bool(await held_back())

        await place.until(some, "a pod of the new version")
        for name in await held_back():
            patched = await client.patch(
                f"{pods}/{name}/status",
                json={"status": {"containerStatuses": [container]}},
                headers={"Content-Type": "application/merge-patch+json"},
            )
            assert patched.status_code in {200, 404}, patched.text


async def kubectl_sees_it_promoted(plane: ControlPlane, place: AppNamespace) -> None:
    """Wait as a pipeline does: kubectl believes no condition of an older generation."""
    process = await asyncio.create_subprocess_exec(
        find_program("kubectl", remedy="install the development dependencies"),
        *(f"--kubeconfig={plane.kubeconfig}", f"--namespace={place.namespace}"),
        *("wait", f"canary/{APP}", "--for=condition=Promoted", "--timeout=120s"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def budget_follows(place: AppNamespace) -> None:
    """Change the app's budget, and take it away: the primary's does the same."""

    async def there(amount: str | None) -> bool:
        budget = await place.read(BUDGET, f"{APP}-primary")
        return (budget["spec"]["minAvailable"] if budget else None) == amount

    await place.patch(BUDGET, APP, {"spec": {"minAvailable": "50%"}})
    await place.until(lambda: there("50%"), "the primary's budget is changed")
    await place.api.delete(BUDGET, place.namespace, APP)
    await place.until(lambda: there(None), "the primary's budget has gone")


LEFT = {
    "name": "left",
    "templateRef": {"name": "missing"},
    "thresholdRange": {"min": 1},
    "onError": "pass",
}
"""An error budget that keeps no run from starting, as nothing can tell how much of it is left."""


async def replicas(place: AppNamespace, name: str = APP) -> int:
    deployment = await place.read(DEPLOYMENT, name)
    return -1 if deployment is None else int(deployment["spec"]["replicas"])


async def test_it_works_where_it_is_told_to_with_the_rights_of_its_roles_and_uses_each_of_them(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    release = Release(plane=control_plane, folder=tmp_path, namespace="gates-scoped")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        api = await enter(connected(control_plane))
        shop, pay, closed = [
            await enter(AppNamespace(control_plane, api, name, tmp_path))
            for name in ("scoped-shop", "scoped-pay", "scoped-closed")
        ]
        third_party = await enter(receiving())
        third_party.answers(measured(0))
        # Given a release for two namespaces of three, with an app in each of the three
        release.install(
            f'watchNamespaces=["{shop.namespace}","{pay.namespace}"]',
            f'metricsServer="{third_party.url}"',
            'egressPolicy={"allow":["127.0.0.0/8"]}',
        )
        since = control_plane.audited_bytes
        # And policies that let it give places, in its own namespace and in one that it watches,
        # with budgets that it looks for in both
        for namespace in (release.namespace, shop.namespace):
            policy = a_policy(namespace, "limit", maxConcurrent=5, budget={"metric": LEFT})
            await api.create(policy, DELIVERY_POLICY)
        everything = await given_an_app_with_everything(shop, third_party)
        for place, spec in (
            (shop, everything),
            (
                pay,
                {
                    "analysis": {**everything["analysis"], "metrics": [], "alerts": []},
                    "progressDeadlineSeconds": 600,
                },
            ),
            (closed, {"analysis": {"metrics": []}}),
        ):
            if place is not shop:
                await place.create_app("1.0")
            await place.create_canary(**spec)
        async with release.running():
            # Then it initialises the two
            for place in (shop, pay):
                await place.until_phase("Initialized", seconds=120)
            # And promotes what is good: new configs in one, a new image in the other
            for kind, name, _ in CONFIGS:
                await api.delete(kind, shop.namespace, name)
            await given_configs(shop, "new")
            await pay.release("2.0")
            for place in (shop, pay):
                status = await place.until_phase("Succeeded", seconds=120)
                assert [run["outcome"] for run in status["history"]] == ["Promoted"]
                await kubectl_sees_it_promoted(control_plane, place)
            for kind, name, _ in CONFIGS:
                original = await shop.read(kind, name)
                assert original is not None
                copies = [
                    each["data"]
                    async for page, _ in api.pages(kind, shop.namespace)
                    for each in page
                    if each["metadata"]["name"].startswith(f"{name}-{APP}-")
                ]
                assert original["data"] in copies
            await budget_follows(shop)
            # And rolls back what is bad: what a metric shows to be, and tells so
            third_party.answers(measured(50))
            await shop.release("2.0")
            status = await shop.until_phase("Failed", seconds=120)
            assert status["history"][0]["outcome"] == "RolledBack"

            async def told() -> bool:
                return any(each.path == "/alerts" for each in third_party.requests)

            await shop.until(told, "the alert arrives")
            # And what its pods show to be
            await release_that_cannot_be_pulled(control_plane, pay)
            status = await pay.until_phase("Failed", seconds=120)
            assert status["history"][0]["reason"] == "ImagePullBackOff"
            await release_held_back(pay, "2.0", None)
            # And takes away the services of a name that a Canary has no longer
            await pay.patch(CANARY, APP, {"spec": {"service": {"name": "till"}}})

            async def renamed() -> bool:
                former = await pay.read(SERVICE, f"{APP}-primary")
                return former is None and await pay.read(SERVICE, "till-primary") is not None

            await pay.until(renamed, "the services have the new name", seconds=120)
            # And gives back what it has made, where a Canary is deleted
            for place in (shop, pay):
                await api.delete(CANARY, place.namespace, APP)

                async def gone(place: AppNamespace = place) -> bool:
                    return await place.read(CANARY, APP) is None

                await place.until(gone, "the Canary has gone", seconds=120)
                assert await replicas(place) > 0
            assert await pay.read(VIRTUAL_SERVICE, APP) is None
            assert await pay.read(DESTINATION_RULE, f"{APP}-primary") is None
            assert await shop.read(SERVICE, APP) is not None
            # But does nothing where it was not told to
            left = await closed.status()
            assert (left["observedGeneration"], left.get("phase", "")) == (0, "")
            assert await replicas(closed) == 2
        requests = [
            each for each in control_plane.audit(since=since) if each.user == release.account
        ]
        # All under exactly its Roles: nothing else was asked for, and nothing of them is too much.
        objects = release.objects()
        assert {each["kind"] for each in objects if "rules" in each} == {"Role"}
        assert {each.namespace for each in requests if not each.resource.startswith("/")} == {
            shop.namespace,
            pay.namespace,
            release.namespace,
        }
        asked = list(role.asked(requests, release.account))
        assert role.refused(asked) == []
        unused = role.unused(role.rules_of(objects), asked)
        # Those of DaemonSets and StatefulSets are used by the stories of one, under the ClusterRole.
        elsewhere = {("daemonsets", each.verb) for each in unused}
        elsewhere |= {("statefulsets", each.verb) for each in unused} | {("pods", "delete")}
        assert [each for each in unused if (each.resource, each.verb) not in elsewhere] == []
        release.uninstall()


async def test_with_secrets_by_name_it_follows_none_and_reads_what_its_resources_name(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    release = Release(plane=control_plane, folder=tmp_path, namespace="gates-named")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        api = await enter(connected(control_plane))
        shop = await enter(AppNamespace(control_plane, api, "named-shop", tmp_path))
        third_party = await enter(receiving())
        third_party.answers(measured(50))
        release.install(
            f'watchNamespaces=["{shop.namespace}"]',
            'secrets="named"',
            'secretNames=["on-call"]',
            'egressPolicy={"allow":["127.0.0.0/8"]}',
        )
        since = control_plane.audited_bytes
        await shop.create_canary(**await given_an_app_with_everything(shop, third_party))
        async with release.running():
            await shop.until_phase("Initialized", seconds=120)
            # The primary uses the Secret of its target, and a copy of the ConfigMap
            primary = await shop.read(DEPLOYMENT, f"{APP}-primary")
            assert primary is not None
            settings, access = primary["spec"]["template"]["spec"]["volumes"]
            assert settings["configMap"]["name"] != "settings"
            assert access["secret"]["secretName"] == "access"
            # And what a Secret names is told of a rollback
            await shop.release("2.0")
            await shop.until_phase("Failed", seconds=120)

            async def told() -> bool:
                return any(each.path == "/alerts" for each in third_party.requests)

            await shop.until(told, "the alert arrives")
        requests = [
            each for each in control_plane.audit(since=since) if each.user == release.account
        ]
        secrets = {(each.verb, each.name) for each in requests if each.resource == "secrets"}
        assert secrets == {("get", "on-call")}
        assert role.refused(role.asked(requests, release.account)) == []
        release.uninstall()

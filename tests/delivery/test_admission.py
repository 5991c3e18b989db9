"""The admission webhook as the chart sets it up, called by a real API server.

The API server goes to the address of the release's Service, as it does in a cluster; the controller
listens there itself, where kube-proxy would lead to it.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from canary.api.kinds import SERVICE
from canary.api.meta import API_VERSION
from canary.demo import manifests
from canary.demo.manifests import APP
from tests.cli.running import tidegate
from tests.delivery.apps import AppNamespace, connected
from tests.delivery.process import Controller
from tests.delivery.release import Release
from tests.testbed.control_plane import ControlPlane
from tests.testbed.namespace import inside

pytestmark = pytest.mark.control_plane

NUMBERS = count(1)
WEBHOOK = "admission.tidegate.dev"
HOOK = {"name": "load", "url": "http://load.example/", "headers": {"X Team": "harbour"}}
#: What only tidegate can see, for the CRD's schema takes it; and where, by the names of the fields.
UNSOUND = {
    "provider": "sundial",
    "service": {"port": 80, "targetPort": "Web Port"},
    "analysis": {"interval": "10s", "threshold": 1, "stepWeights": [50], "webhooks": [HOOK]},
}
SOUND = {"provider": "istio", "service": {"targetPort": 9898}, "analysis": {"webhooks": None}}
NAMED = ("spec.provider", "spec.service.targetPort", "spec.analysis.webhooks[0].headers")


def canary(**spec: Any) -> dict[str, Any]:
    """A Canary that is sound but for what is given."""
    manifest = manifests.canary("istio")
    return {**manifest, "metadata": {"name": APP}, "spec": {**manifest["spec"], **spec}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A release whose webhook judges what is written to one of two namespaces."""

    release: Release
    api: httpx.AsyncClient
    place: AppNamespace
    elsewhere: AppNamespace
    authority: trustme.CA
    flags: tuple[str, ...]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Controller]:
        """Run the controller until the context is left."""
        async with self.release.running(*self.flags) as controller:
            yield controller

    async def create(
        self,
        manifest: dict[str, Any],
        *,
        place: AppNamespace | None = None,
        plural: str = "canaries",
        stays: bool = False,
    ) -> httpx.Response:
        """Create an object, or only try to: nothing of it stays then."""
        namespace = (place or self.place).namespace
        path = f"/apis/{API_VERSION}/namespaces/{namespace}/{plural}"
        return await self.api.post(path, json=manifest, params={} if stays else {"dryRun": "All"})

    async def until_answered(self, manifest: dict[str, Any], status: int) -> httpx.Response:
        """Wait until creating an object is answered so: the API server hears of a webhook late."""
        answer = await self.create(manifest)

        async def answered() -> bool:
            nonlocal answer
            answer = await self.create(manifest)
            return answer.status_code == status

        await self.place.until(answered, f"answered with {status}")
        return answer


@pytest.fixture
async def guarded(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Guarded]:
    """Install a release with its webhook; no controller runs yet."""
    if not inside():
        pytest.skip("listens on a Service's address, in a network of its own: make control-plane")
    release = Release(plane=control_plane, folder=tmp_path, namespace="gates-guarded")
    authority = trustme.CA()
    issued = authority.issue_cert(f"{release.name}.{release.namespace}.svc")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    number = next(NUMBERS)
    async with (
        connected(control_plane) as api,
        control_plane.client() as client,
        AppNamespace(control_plane, api, f"judged-{number}", tmp_path) as place,
        AppNamespace(control_plane, api, f"not-judged-{number}", tmp_path) as elsewhere,
    ):
        release.install(*values(authority, place, "Ignore"))
        service = await api.read(SERVICE, release.namespace, release.name)
        yield Guarded(
            release=release,
            api=client,
            place=place,
            elsewhere=elsewhere,
            authority=authority,
            flags=(
                *("--admission-listen", f"{service['spec']['clusterIP']}:443"),
                *("--admission-certificate", str(certificate), "--admission-key", str(key)),
            ),
        )
        release.uninstall()


def values(authority: trustme.CA, place: AppNamespace, policy: str) -> tuple[str, ...]:
    """The chart's values for a webhook with a failure policy."""
    bundle = base64.b64encode(authority.cert_pem.bytes()).decode()
    return (
        f'watchNamespaces=["{place.namespace}"]',
        "admission.enabled=true",
        'admission.secretName="admission"',
        f'admission.caBundle="{bundle}"',
        f'admission.failurePolicy="{policy}"',
        "admission.timeoutSeconds=30",  # a busy machine takes its time
    )


async def test_what_cannot_be_acted_on_is_refused_with_every_problem_at_once(
    guarded: Guarded,
) -> None:
    async with guarded.running():
        refused = await guarded.until_answered(canary(**UNSOUND), 422)
        said = refused.json()["message"]
        assert said.startswith(f'admission webhook "{WEBHOOK}" denied the request: ')
        assert [field for field in NAMED if field not in said] == []
        # What is sound is taken, without a warning
        taken = await guarded.create(canary())
        assert taken.status_code == 201, taken.text
        assert taken.headers.get_list("Warning") == []
        # Templates and the addresses of alerts are judged like Canaries
        template = {
            "apiVersion": API_VERSION,
            "kind": "MetricTemplate",
            "metadata": {"name": "errors"},
            "spec": {"provider": {"type": "promethus"}, "query": "errors"},
        }
        refused = await guarded.create(template, plural="metrictemplates")
        assert refused.status_code == 422
        assert "spec.provider.type" in refused.json()["message"]
        # The doctor finds that it judges, and is trusted
        kubeconfig = str(guarded.release.plane.kubeconfig)
        _, told = await tidegate("doctor", "--kubeconfig", kubeconfig)
        assert f"✔ admission webhook: the CA of {WEBHOOK} ends on " in told
        assert f"✔ admission webhook: {WEBHOOK} refuses a bad Canary in namespace judged-" in told
        # And nobody is asked about what this release does not watch
        assert (await guarded.create(canary(**UNSOUND), place=guarded.elsewhere)).status_code == 201


async def test_what_was_taken_unjudged_is_told_in_its_status_and_can_be_annotated_and_deleted(
    guarded: Guarded,
) -> None:
    place = guarded.place
    async with guarded.running():
        await guarded.until_answered(canary(**UNSOUND), 422)
    # While no controller answers, the chart's policy takes what could not be judged
    taken = await guarded.create(canary(**UNSOUND), stays=True)
    assert taken.status_code == 201, taken.text
    async with guarded.running():
        # Whoever wrote it finds every problem in the status
        async def told() -> bool:
            conditions = (await place.status()).get("conditions") or ()
            said = " ".join(each["message"] for each in conditions if each["type"] == "Stalled")
            return all(field in said for field in NAMED)

        await place.until(told, "the problems are in the status")
        # The first call after a restart may find the connection of before, and the policy takes it
        await guarded.until_answered(canary(**UNSOUND), 422)
        # Nothing holds up what changes no spec, and what repairs it is taken
        await place.annotate("pause")
        path = f"/apis/{API_VERSION}/namespaces/{place.namespace}/canaries/{APP}"
        merge = {"Content-Type": "application/merge-patch+json"}
        for patch, status in (
            ({"spec": {"provider": "hourglass"}}, 422),
            ({"spec": SOUND}, 200),
        ):
            patched = await guarded.api.patch(path, json=patch, headers=merge)
            assert patched.status_code == status, patched.text
        assert (await guarded.api.delete(path)).status_code == 200


async def test_with_the_policy_fail_nothing_is_taken_that_was_not_judged(guarded: Guarded) -> None:
    guarded.release.install(*values(guarded.authority, guarded.place, "Fail"))
    refused = await guarded.until_answered(canary(), 500)
    assert f'failed calling webhook "{WEBHOOK}"' in refused.json()["message"]
    async with guarded.running():
        taken = await guarded.until_answered(canary(), 201)
        assert taken.json()["metadata"]["name"] == APP
        assert (await guarded.create(canary(**UNSOUND))).status_code == 422

"""What a real API server makes of the CRDs, and of the objects that users write."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.api.examples import BAD, GOOD, Bad, JsonObject
from tests.docs.pages import OUR_EXAMPLES
from tests.testbed.control_plane import ControlPlane
from tests.testbed.tools import ROOT
from tests.testbed.users import STRANGER
from tidegate_embedded.process import ProgramFailed

pytestmark = pytest.mark.control_plane

DEADLINE_SECONDS = 180.0
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUPS = ("tidegate.dev", "flagger.app")
CRDS = {
    each["spec"]["names"]["kind"]: each
    for each in (
        yaml.load(file.read_text(), yaml.CSafeLoader)
        for folder in ("crds", "deploy/hub")
        for file in sorted((ROOT / folder).glob("*.tidegate.dev.yaml"))
    )
}
NAMESPACE = "examples"
COORDINATOR = ROOT / "deploy/hub/coordinator/coordinator.yaml"
#: Where the coordinator's objects are created, by kind.
ITS_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Pod": "/api/v1/namespaces/{}/pods",
}

#: Good for tidegate, but no real API server stores it: what it says.
NEVER_STORED = {
    # Clients written in Go send 10 for a 10.0 in a manifest; only handmade JSON gets this far.
    "a whole number written as 10.0": "spec.analysis: Invalid value: .* expected int, got float64",
}


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"did not happen in {DEADLINE_SECONDS:.0f} s: {what}"
        threading.Event().wait(0.05)


@pytest.fixture(scope="session")
def api(control_plane: ControlPlane) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {control_plane.token}"}
    with httpx.Client(
        base_url=control_plane.url, headers=headers, verify=control_plane.tls, timeout=120.0
    ) as client:
        yield client


def definition(kind: str, group: str) -> JsonObject:
    """The CRD of a kind; for the peer's group as well, whose objects are served as they are."""
    crd = CRDS[kind]
    name = f"{crd['spec']['names']['plural']}.{group}"
    return crd | {
        "metadata": crd["metadata"] | {"name": name},
        "spec": crd["spec"] | {"group": group},
    }


def install(api: httpx.Client, crd: JsonObject) -> httpx.Response:
    return api.patch(
        f"{DEFINITIONS}/{crd['metadata']['name']}",
        content=json.dumps(crd),
        headers={"Content-Type": "application/apply-patch+yaml"},
        params={"fieldManager": "tester", "fieldValidation": "Strict"},
    )


@pytest.fixture(scope="session")
def installed(api: httpx.Client) -> httpx.Client:
    """An API server that serves every kind, and has a namespace for them."""
    crds = [definition(kind, group) for kind in CRDS for group in GROUPS]
    for crd in crds:
        install(api, crd).raise_for_status()
    for crd in crds:
        path = f"/apis/{crd['spec']['group']}/v1beta1/{crd['spec']['names']['plural']}"
        eventually(lambda path=path: api.get(path).status_code == 200, f"{path} is served")
    created = api.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}})
    assert created.status_code == 201, created.text
    return api


def create(api: httpx.Client, obj: JsonObject) -> httpx.Response:
    """Create an object as strictly as kubectl does, and delete it again if it was created."""
    group = obj["apiVersion"].partition("/")[0]
    plural = CRDS.get(obj["kind"], CRDS["Canary"])["spec"]["names"]["plural"]
    path = f"/apis/{group}/v1beta1/namespaces/{NAMESPACE}/{plural}"
    placed = obj | {"metadata": obj["metadata"] | {"namespace": NAMESPACE}}
    created = api.post(path, json=placed, params={"fieldValidation": "Strict"})
    if created.status_code == 201:
        deleted = api.delete(f"{path}/{created.json()['metadata']['name']}")
        assert deleted.status_code == 200, deleted.text
    return created


@pytest.mark.parametrize("kind", CRDS)
def test_a_crd_is_applied_without_a_warning(api, kind):
    crd = definition(kind, "tidegate.dev")
    applied = install(api, crd)
    assert applied.status_code in {200, 201}, applied.text
    assert applied.headers.get_list("Warning") == []

    def conditions() -> dict[str, Any]:
        stored = api.get(f"{DEFINITIONS}/{crd['metadata']['name']}").json()
        return {each["type"]: each["status"] for each in stored["status"]["conditions"] or ()}

    eventually(lambda: conditions().get("Established") == "True", "the kind is established")
    assert conditions() == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("name", [each for each in GOOD if each not in NEVER_STORED])
def test_what_is_good_is_admitted_without_a_warning(installed, name):
    created = create(installed, GOOD[name])
    assert created.status_code == 201, created.text
    assert created.headers.get_list("Warning") == []


@pytest.mark.parametrize("document", OUR_EXAMPLES)
def test_an_example_of_the_docs_is_admitted_without_a_warning(installed, document):
    created = create(installed, document)
    assert created.status_code == 201, created.text
    assert created.headers.get_list("Warning") == []


def test_what_runs_the_coordinator_is_admitted_without_a_warning_down_to_its_pods(api):
    objects = list(yaml.safe_load_all(COORDINATOR.read_text()))
    namespace = objects[0]["metadata"]["name"]
    (template,) = (each["spec"]["template"] for each in objects if each["kind"] == "Deployment")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "any"}, "spec": template["spec"]}
    for each in (*objects, pod):
        path = ITS_PATHS[each["kind"]].format(namespace)
        created = api.post(path, json=each, params={"fieldValidation": "Strict"})
        assert created.status_code == 201, created.text
        assert created.headers.get_list("Warning") == []
    for kind in ("ClusterRoleBinding", "Namespace"):
        (name,) = (each["metadata"]["name"] for each in objects if each["kind"] == kind)
        api.delete(f"{ITS_PATHS[kind]}/{name}").raise_for_status()


@pytest.mark.parametrize(("name", "says"), NEVER_STORED.items())
def test_what_no_api_server_stores_is_refused_for_its_own_reasons(installed, name, says):
    refused = create(installed, GOOD[name])
    assert refused.status_code == 422
    assert_says(refused, says)


def assert_says(refused: httpx.Response, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        raise ValueError(refused.json()["message"])


#: What is wrong with a spec is refused in the words of the table of refusals: see the conformance.
OF_THE_OBJECT = {name: bad for name, bad in BAD.items() if not bad.field.startswith("spec")}


@pytest.mark.parametrize("bad", OF_THE_OBJECT.values(), ids=OF_THE_OBJECT)
def test_what_is_wrong_with_the_object_itself_is_refused(installed, bad: Bad):
    refused = create(installed, bad.obj)
    assert refused.status_code in {400, 422}, refused.text


BESIDE_A_CONTROL_PLANE = """
import asyncio, json, sys
from pathlib import Path
from tests.testbed.build import found_programs
from tests.testbed.control_plane import NAMES, ControlPlane

async def main():
    async with ControlPlane(found_programs(NAMES), logs=Path(sys.argv[1])) as plane:
        print(json.dumps(plane.process_ids), flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


def runs(process_id: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
def test_no_program_outlives_the_process_that_started_it(control_plane, tmp_path, killed):
    with subprocess.Popen(
        [sys.executable, "-c", BESIDE_A_CONTROL_PLANE, str(tmp_path / "logs")],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        process_ids = json.loads(process.stdout.readline())
        assert process_ids.keys() == {"etcd", "kube-apiserver", "kube-controller-manager"}
        assert all(runs(each) for each in process_ids.values())
        if killed:
            process.kill()
        else:
            process.stdin.close()
        process.wait(DEADLINE_SECONDS)
    for name, process_id in process_ids.items():
        eventually(lambda process_id=process_id: not runs(process_id), f"{name} has ended")
    if not killed:
        assert [each.name for each in tmp_path.iterdir()] == ["logs"]


async def test_a_program_that_ends_is_named_with_what_it_said(tmp_path):
    programs = dict.fromkeys(("etcd", "kube-apiserver", "kube-controller-manager"), Path("/bin/ls"))
    with pytest.raises(ProgramFailed, match=r"(?s)etcd ended before etcd is healthy.*etcd: .*ls: "):
        async with ControlPlane(programs, logs=tmp_path / "logs"):
            pytest.fail("it started")


async def test_the_audit_tells_a_lacking_right_from_another_refusal(
    control_plane: ControlPlane,
) -> None:
    since, config = control_plane.audited_bytes, {"metadata": {"name": "late"}}
    namespace = {"metadata": {"name": "ending"}}
    path = "/api/v1/namespaces/ending/configmaps"
    async with control_plane.client() as anyone, control_plane.client(STRANGER.name) as stranger:
        (await anyone.post("/api/v1/namespaces", json=namespace)).raise_for_status()
        guarded = {"metadata": {"name": "guard", "finalizers": ["tidegate.dev/guard"]}}
        (await anyone.post(path, json=guarded)).raise_for_status()
        assert (await stranger.post(path, json=config)).status_code == 403
        (await anyone.delete("/api/v1/namespaces/ending")).raise_for_status()
        assert (await anyone.post(path, json=config)).status_code == 403
        free = {"metadata": {"finalizers": None}}
        merge = {"Content-Type": "application/merge-patch+json"}
        (await anyone.patch(f"{path}/guard", json=free, headers=merge)).raise_for_status()
    refused = [each for each in control_plane.audit(since=since) if each.status == 403]
    assert [(each.user, each.forbidden) for each in refused] == [
        (STRANGER.name, True),
        ("tester", False),
    ]

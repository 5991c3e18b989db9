"""What a real API server, with the published CRDs, makes of every object that routers render.

New objects, those adopted from others, and those put back: none is refused, and nothing of one is
dropped or filled in. Writes are dry runs, for the owners of the objects are not there.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import httpx
import pytest
import yaml

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.routers import Router, router_for
from tests.routers.builders import a_cluster, rendered, restored, served_version, the_traffic
from tests.routers.published import PublishedSchemas
from tests.routers.test_compliance import CASES, foreign
from tests.routers.test_golden import FILES
from tests.testbed.control_plane import ControlPlane
from tests.testbed.modules import module_files
from tests.testbed.test_control_plane import eventually, install

pytestmark = pytest.mark.control_plane

NAMESPACE = "rendered"
#: What users of an Ingress wrote before it had a field for its class is copied as it is.
OLD_CLASS = "kubernetes.io/ingress.class"


def custom(provider: str) -> bool:
    """Whether CRDs describe all that a router writes: the API server fills in Services."""
    return all(kind.group for kind in router_for(provider).kinds)


CUSTOM = [case for case in CASES if custom(case.values[0])]
GOLDEN = [file for file in FILES if custom(file.parent.name)]
KINDS = {kind for case in CUSTOM for kind in router_for(case.values[0]).kinds}
every_case = pytest.mark.parametrize(("provider", "canary"), CUSTOM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Has the API server take an object, and gives it as it would be."""

    taken: Callable[[Manifest], Manifest]
    served: frozenset[tuple[str, str, str]]
    """The versions that the published CRDs and the API server itself serve, by group and plural."""

    def __call__(self, obj: Manifest) -> Manifest:
        return self.taken(obj)

    def versions(self, router: Router) -> list[str]:
        """List the versions of a router's kinds that can be written."""
        return sorted(
            {
                version
                for kind in router.kinds
                for version in kind.versions
                if (kind.group, kind.plural, version) in self.served
            }
        )


def versions_of(crd: Manifest) -> Iterator[tuple[str, str, str]]:
    """Name the versions that a CRD serves."""
    spec = crd["spec"]
    for version in spec["versions"]:
        if version["served"]:
            yield spec["group"], spec["names"]["plural"], version["name"]


@pytest.fixture(scope="module")
def take(control_plane: ControlPlane) -> Iterator[Take]:
    """Have an object taken by an API server with the published CRDs, and give it as it would be."""
    headers = {"Authorization": f"Bearer {control_plane.token}"}
    with httpx.Client(
        base_url=control_plane.url, headers=headers, verify=control_plane.tls, timeout=120.0
    ) as client:
        published = PublishedSchemas(lambda module, path: module_files(module, path)[path])
        definitions = list(published.definitions(KINDS))
        for crd in definitions:
            install(client, crd).raise_for_status()
        published_here = frozenset(chain.from_iterable(map(versions_of, definitions)))
        described = {(group, plural) for group, plural, _ in published_here}
        own = {
            (kind.group, kind.plural, version)
            for kind in KINDS
            for version in kind.versions
            if (kind.group, kind.plural) not in described
        }
        served = published_here | own
        for group, plural, version in served:
            path = f"/apis/{group}/{version}/{plural}"
            eventually(lambda path=path: client.get(path).status_code == 200, path)
        client.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}}).raise_for_status()
        plurals = {kind.kind: kind.plural for kind in KINDS}

        def taken(obj: Manifest) -> Manifest:
            path = f"/apis/{obj['apiVersion']}/namespaces/{NAMESPACE}/{plurals[obj['kind']]}"
            placed = obj | {"metadata": obj["metadata"] | {"namespace": NAMESPACE}}
            answer = client.post(
                path, json=placed, params={"dryRun": "All", "fieldValidation": "Strict"}
            )
            assert answer.status_code == 201, f"{answer.text}\n{json.dumps(obj, indent=1)}"
            warnings = answer.headers.get_list("Warning")
            assert [each for each in warnings if OLD_CLASS not in each] == []
            return answer.json()

        yield Take(taken=taken, served=served)


def theirs(router: Router, canary: Canary, version: str) -> tuple[Manifest, ...]:
    """Objects of others that were there before, in the version that is served."""
    kinds = {kind.kind: kind for kind in router.kinds}
    found = tuple(
        obj | {"apiVersion": kind.api_version(served_version(kind, version))}
        for obj in foreign(router, canary)
        for kind in (kinds[obj["kind"]],)
    )
    for obj in found:
        for backend in obj["spec"].get("backends", ()) if version == "v1alpha1" else ():
            backend["weight"] = str(backend["weight"])  # a resource.Quantity
    return found


@every_case
def test_what_is_new_is_taken_as_it_is(take: Take, provider: str, canary: Canary) -> None:
    router = router_for(provider)
    for version in take.versions(router):
        for percent in (0, 10, 100):
            cluster = a_cluster(router, canary, version=version)
            for obj in rendered(router, canary, cluster, the_traffic(canary, percent)):
                assert take(obj)["spec"] == obj["spec"]


@every_case
def test_what_is_adopted_and_put_back_is_taken_as_it_is(
    take: Take, provider: str, canary: Canary
) -> None:
    router = router_for(provider)
    for version in take.versions(router):
        found = theirs(router, canary, version)
        for obj in found:
            take(obj)
        objects = found
        for percent in (10, 60):
            cluster = a_cluster(router, canary, objects, version)
            objects = rendered(router, canary, cluster, the_traffic(canary, percent))
            assert len(objects) == len(found)
            for obj in objects:
                # What was there before may leave out what has a default.
                assert take(obj)["metadata"]["annotations"] == obj["metadata"]["annotations"]
        back = restored(router, canary, a_cluster(router, canary, objects, version)).write
        assert {obj["metadata"]["name"] for obj in back} == {
            obj["metadata"]["name"] for obj in found
        }
        for obj in back:
            take(obj)


@pytest.mark.parametrize("file", GOLDEN, ids=[f"{each.parent.name}-{each.stem}" for each in GOLDEN])
def test_what_a_golden_file_holds_is_taken(take: Take, file: Any) -> None:
    case = yaml.safe_load(file.read_text())
    rendered = [obj for step in case["steps"] for obj in step["objects"]]
    for obj in (*case.get("existing", ()), *rendered, *case["restored"]["write"]):
        take(obj)
    assert rendered

"""S7: who writes a Canary may do what it will do, by the chart's policy on a real API server.

Each author has every right that an object takes but one, and is refused with the name of that one.
"""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import httpx
import pytest

from canary.api.kinds import Manifest
from canary.scalers import SCALERS
from canary.targets import TARGETS, target_for
from tests.api.examples import a_canary, a_receiver, a_template, patched
from tests.delivery.helm import render
from tests.testbed.control_plane import ControlPlane
from tests.testbed.test_control_plane import definition, eventually, install
from tests.testbed.users import TIDEGATE

NAMESPACE, GROUP = "authored", "tidegate.dev"
RBAC = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
POLICIES = {
    "ValidatingAdmissionPolicy": f"{ADMISSION}/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": f"{ADMISSION}/validatingadmissionpolicybindings",
}
KINDS = {
    "Canary": "canaries",
    "MetricTemplate": "metrictemplates",
    "AlertProvider": "alertproviders",
}


class Right(NamedTuple):
    """A right in the namespace, for one object where that is named."""

    verb: str
    resource: str
    name: str = ""

    @property
    def rule(self) -> Manifest:
        resource, _, group = self.resource.partition(".")
        named = {"resourceNames": [self.name]} if self.name else {}
        return {"apiGroups": [group], "resources": [resource], "verbs": [self.verb], **named}


SERVICES = Right("update", "services")
TARGET = Right("update", "deployments.apps", "podinfo")
SCALER = Right("update", "horizontalpodautoscalers.autoscaling", "podinfo")
ROUTE = Right("update", "virtualservices.networking.istio.io")
RULE = Right("update", "destinationrules.networking.istio.io")
OPENSHIFT = Right("update", "routes.route.openshift.io")
OF_HOOK, OF_STEP = Right("get", "secrets", "gate"), Right("get", "secrets", "step")
EVERY_SECRET = Right("get", "secrets")
BY_ISTIO = (TARGET, SERVICES, ROUTE, RULE)


def hook(*secrets: str) -> list[Manifest]:
    return [
        {"name": each, "type": "rollout", "url": "https://gate.test/", "secretRef": {"name": each}}
        for each in secrets
    ]


STEPS: Manifest = {
    "interval": "1m",
    "threshold": 1,
    "steps": [{"weight": 10}, {"weight": 50, "webhooks": hook("step")}],
}
AUTOSCALED: Manifest = {
    "autoscalerRef": {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "name": "podinfo",
    }
}
#: What is written, and the rights that it takes.
WRITTEN: Mapping[str, tuple[Manifest, tuple[Right, ...]]] = {
    "a Canary": (a_canary(), BY_ISTIO),
    "a Canary with an autoscaler": (patched(a_canary(), AUTOSCALED), (*BY_ISTIO, SCALER)),
    "a Canary with two Secrets": (
        patched(a_canary(), {"analysis": STEPS, "analysis/webhooks": hook("gate")}),
        (*BY_ISTIO, OF_HOOK, OF_STEP),
    ),
    "a Canary with three Secrets": (
        patched(a_canary(), {"analysis/webhooks": hook("a", "b", "c")}),
        (*BY_ISTIO, EVERY_SECRET),
    ),
    "a Canary of the Gateway API": (
        patched(a_canary(), {"provider": "gatewayapi:v1", "service/gatewayRefs": [{"name": "g"}]}),
        (TARGET, SERVICES, Right("update", "httproutes.gateway.networking.k8s.io")),
    ),
    "a Canary of two routers": (
        patched(
            a_canary(), {"provider": "gatewayapi+istio", "service/gatewayRefs": [{"name": "g"}]}
        ),
        (*BY_ISTIO, Right("update", "httproutes.gateway.networking.k8s.io")),
    ),
    "a Canary of OpenShift": (
        patched(a_canary(), {"provider": "openshift"}),
        (TARGET, SERVICES, OPENSHIFT),
    ),
    "a Canary of OpenShift with a host": (
        patched(a_canary(), {"provider": "openshift", "service/hosts": ["app.example.com"]}),
        (TARGET, SERVICES, OPENSHIFT, Right("create", "routes/custom-host.route.openshift.io")),
    ),
    "a template with a Secret": (
        patched(a_template(), {"provider/secretRef": {"name": "store"}}),
        (Right("get", "secrets", "store"),),
    ),
    "a template without one": (a_template(), ()),
    "a receiver": (a_receiver(), (Right("get", "secrets", "slack"),)),
}
LACKING = [
    pytest.param(
        name, missing, id=f"{name} without {missing.verb} {missing.resource} {missing.name}"
    )
    for name, (_, rights) in WRITTEN.items()
    for missing in rights
]


class Authors:
    """The control plane, with the policy and as many authors as there are sets of rights."""

    def __init__(self, api: httpx.Client) -> None:
        self.api = api
        self._made = 0

    def author(self, *rights: Right) -> str:
        """Make a user who may write our objects and has some rights."""
        self._made += 1
        user = f"author-{self._made}"
        ours = [
            Right(verb, f"{each}.{GROUP}")
            for each in KINDS.values()
            for verb in ("create", "patch")
        ]
        role = {"metadata": {"name": user}, "rules": [each.rule for each in (*ours, *rights)]}
        binding = {
            "metadata": {"name": user},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        }
        self.api.post(f"{RBAC}/roles", json=role).raise_for_status()
        self.api.post(f"{RBAC}/rolebindings", json=binding).raise_for_status()
        last = (*ours, *rights)[-1]
        eventually(lambda: self._may(user, last), f"{user} may {last.verb} {last.resource}")
        return user

    def _may(self, user: str, right: Right) -> bool:
        whole, _, group = right.resource.partition(".")
        resource, _, part = whole.partition("/")
        asked = {
            "namespace": NAMESPACE,
            "verb": right.verb,
            "group": group,
            "resource": resource,
            "subresource": part,
            "name": right.name,
        }
        review = {"spec": {"user": user, "resourceAttributes": asked}}
        where = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(
            self.api.post(where, json=review).raise_for_status().json()["status"]["allowed"]
        )

    def create(self, user: str, obj: Manifest) -> httpx.Response:
        """Create an object as a user, as a dry run."""
        obj = obj | {"metadata": {"name": "new", "namespace": NAMESPACE}}
        return self.api.post(
            place(obj), json=obj, headers={"Impersonate-User": user}, params={"dryRun": "All"}
        )

    def patch(self, user: str, obj: Manifest, change: Manifest) -> httpx.Response:
        """Patch the object that is there as a user, as a dry run."""
        return self.api.patch(
            f"{place(obj)}/{obj['metadata']['name']}",
            content=json.dumps(change),
            headers={"Impersonate-User": user, "Content-Type": "application/merge-patch+json"},
            params={"dryRun": "All"},
        )


def place(obj: Manifest) -> str:
    return f"/apis/{GROUP}/v1beta1/namespaces/{NAMESPACE}/{KINDS[obj['kind']]}"


@pytest.fixture(scope="module")
def authors(control_plane: ControlPlane) -> Iterator[Authors]:
    headers = {"Authorization": f"Bearer {control_plane.token}"}
    with httpx.Client(
        base_url=control_plane.url, headers=headers, verify=control_plane.tls, timeout=120.0
    ) as api:
        for kind in KINDS:
            install(api, definition(kind, GROUP)).raise_for_status()
        api.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}}).raise_for_status()
        for obj in (a_canary(), a_template()):
            there = obj | {"metadata": {"name": obj["metadata"]["name"], "namespace": NAMESPACE}}
            eventually(
                lambda obj=obj: api.get(place(obj)).status_code == 200, f"{obj['kind']} is served"
            )
            api.post(place(obj), json=there).raise_for_status()
        made = [
            each
            for each in render(
                'authorPolicy={"enabled":true}',
                'commandPolicy={"enabled":false}',
                'routers=["istio","gatewayapi","openshift"]',
                namespace="tidegate-system",
            )
            if each["kind"] in POLICIES
        ]
        for each in made:
            api.post(POLICIES[each["kind"]], json=each).raise_for_status()
        authors = Authors(api)
        nobody = authors.author()
        eventually(
            lambda: authors.create(nobody, a_canary()).status_code == 403, "the policy holds"
        )
        yield authors
        for each in made:
            api.delete(f"{POLICIES[each['kind']]}/{each['metadata']['name']}").raise_for_status()


@pytest.mark.control_plane
@pytest.mark.parametrize("name", WRITTEN)
def test_who_may_do_what_an_object_asks_for_may_write_it(authors: Authors, name: str) -> None:
    obj, rights = WRITTEN[name]
    created = authors.create(authors.author(*rights), obj)
    assert created.status_code == 201, created.text


@pytest.mark.control_plane
@pytest.mark.parametrize(("name", "missing"), LACKING)
def test_who_lacks_one_of_its_rights_is_refused_and_told_which(
    authors: Authors, name: str, missing: Right
) -> None:
    obj, rights = WRITTEN[name]
    author = authors.author(*(each for each in rights if each != missing))
    refused = authors.create(author, obj)
    assert refused.status_code == 403, refused.text
    said = refused.json()["message"]
    assert f"{author} lacks the verb {missing.verb} on " in said
    assert (missing.name or missing.resource.partition(".")[0]) in said


@pytest.mark.control_plane
def test_a_right_to_one_object_is_none_to_another(authors: Authors) -> None:
    author = authors.author(*BY_ISTIO)
    other = patched(a_canary(), {"targetRef/name": "billing"})
    assert "update on Deployment billing" in authors.create(author, other).json()["message"]


@pytest.mark.control_plane
def test_what_leaves_the_spec_alone_takes_no_right_to_what_it_names(authors: Authors) -> None:
    author = authors.author()
    labelled = {"metadata": {"labels": {"team": "harbour"}}}
    assert authors.patch(author, a_canary(), labelled).status_code == 200
    change = {"spec": {"skipAnalysis": True}}
    assert authors.patch(author, a_canary(), change).status_code == 403


@pytest.mark.control_plane
def test_the_controller_itself_is_not_asked(authors: Authors) -> None:
    rule = Right("patch", f"canaries.{GROUP}").rule
    role = {"metadata": {"name": "controller"}, "rules": [rule]}
    authors.api.post(f"{RBAC}/roles", json=role).raise_for_status()
    rbac = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": "controller"},
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "controller"},
        "subjects": [{"apiGroup": rbac, "kind": "User", "name": TIDEGATE.name}],
    }
    authors.api.post(f"{RBAC}/rolebindings", json=binding).raise_for_status()
    change = {"spec": {"suspend": True}}
    eventually(
        lambda: authors.patch(TIDEGATE.name, a_canary(), change).status_code == 200,
        "the controller may patch the spec",
    )


def test_the_policy_finds_the_resource_of_every_kind_by_its_name() -> None:
    workloads = [kind for name in TARGETS.names() for kind in target_for(name).writes]
    scalers = [kind for name in SCALERS.names() for kind in SCALERS.load(name)().writes]
    for kind in (*workloads, *scalers):
        assert kind.plural == f"{kind.kind.lower()}s"

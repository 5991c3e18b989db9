"""S8: a command is who it says, on a real API server: every role by every verb, by every way in.

Roles and policy are the chart's. The roles are bound in one namespace; the operator has Kubernetes'
own `edit` there, which the chart's role is part of.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from yarl import URL

from canary.api.annotations import ACCEPT_RISK, PREFIX, VERBS
from canary.api.kinds import Manifest
from canary.cluster.cluster import Cluster as Connected
from canary.controller.canaries import CanaryKey
from canary.controller.messages import gate_buttons
from canary.dashboard.process import Chat, for_many
from canary.dashboard.proxy_doors import SECRET_HEADER, ProxyUsers
from canary.dashboard.slack import answering
from canary.dashboard.ways import Way as DashboardWay
from canary.dashboard.ways import by_proxy_token, by_proxy_user, by_token
from canary.notifiers.buttons import buttons_attachment
from tests.cli.running import tidegate
from tests.controller.running import until
from tests.delivery.helm import render
from tests.slack import a_slack, an_app, identities
from tests.testbed import users
from tests.testbed.control_plane import ControlPlane
from tests.testbed.test_control_plane import GROUPS, definition, eventually, install
from tests.testbed.users import (
    APPROVER,
    DASHBOARD,
    OPERATOR,
    PEOPLE,
    STRANGER,
    TIDEGATE,
    VIEWER,
    User,
)

pytestmark = pytest.mark.control_plane

ADMIN = users.tester()
NAMESPACE, ELSEWHERE = "commanded", "elsewhere"
CANARY: Manifest = {
    "kind": "Canary",
    "metadata": {"name": "podinfo", "namespace": NAMESPACE},
    "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
        "service": {"port": 80},
        "analysis": {"interval": "10s", "threshold": 1, "stepWeights": [50]},
    },
}
#: Where every command is for something: a run in its second step, at a gate.
AT_A_GATE: Manifest = {
    "phase": "Progressing",
    "runs": 41,
    "canaryWeight": 20,
    "run": {
        "id": "41-1-new",
        "revision": "1-new",
        "step": 2,
        "startedAt": "2026-01-01T00:00:00Z",
        "holds": [{"reason": "TrafficGate", "since": "2026-01-01T00:00:00Z"}],
    },
    "waitingFor": {"reason": "TrafficGate", "message": "qa", "since": "2026-01-01T00:00:00Z"},
}
#: The role that each has in the namespace, and what it lets them command.
BOUND = {VIEWER: "tidegate-view", OPERATOR: "edit", APPROVER: "tidegate-approve"}
MAY: Mapping[str, frozenset[str]] = {
    STRANGER.name: frozenset(),
    VIEWER.name: frozenset(),
    OPERATOR.name: frozenset(VERBS),
    APPROVER.name: frozenset({"approve", "reject"}),
}
PLURALS = {
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": (
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    ),
}
PROXY_SECRET = "a-secret-that-the-proxy-knows"
BEHIND_A_PROXY = "dashboard=" + json.dumps(
    {
        "enabled": True, "auth": "proxy-user",
        "proxy": {"secretName": "proxy"},
        "impersonation": {"users": [each.name for each in PEOPLE], "groups": ["people"]},
    }
)  # fmt: skip
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
DRY = {"dryRun": "All"}


def canaries(group: str = "tidegate.dev", namespace: str = NAMESPACE) -> str:
    return f"/apis/{group}/v1beta1/namespaces/{namespace}/canaries"


def annotated(verb: str, value: str | None) -> Manifest:
    return {"metadata": {"annotations": {f"{PREFIX}{verb}": value}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The control plane, with the chart's roles and policy, and a Canary of each group."""

    plane: ControlPlane
    clients: Mapping[str, httpx.Client]

    def patch(
        self, user: User, change: Manifest, *, where: str = "", kind: str = MERGE, **more: Any
    ) -> httpx.Response:
        """Patch the Canary as a user, as a dry run unless `params` say otherwise."""
        return self.clients[user.name].patch(
            f"{where or canaries()}/podinfo",
            content=json.dumps(change),
            **{
                "params": DRY,
                **more,
                "headers": {"Content-Type": kind, **more.get("headers", {})},
            },
        )


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    clients = {
        user.name: httpx.Client(
            base_url=control_plane.url,
            verify=control_plane.tls,
            timeout=120.0,
            headers={"Authorization": f"Bearer {token}"},
        )
        for user, token in (
            (ADMIN, control_plane.token),
            *((user, user.token) for user in (TIDEGATE, DASHBOARD, *PEOPLE)),
        )
    }
    api = clients[ADMIN.name]
    groups = f"apiGroups={json.dumps(GROUPS)}"
    chart = [
        each
        for each in render(groups, BEHIND_A_PROXY, namespace="tidegate-system")
        if each["kind"] in PLURALS
    ]
    for group in GROUPS:
        install(api, definition("Canary", group)).raise_for_status()
        path = canaries(group)
        eventually(lambda path=path: api.get(path).status_code == 200, f"{group} is served")
    for namespace in (NAMESPACE, ELSEWHERE):
        api.post("/api/v1/namespaces", json={"metadata": {"name": namespace}}).raise_for_status()
        for group in GROUPS:
            obj = CANARY | {"apiVersion": f"{group}/v1beta1"}
            obj = obj | {"metadata": obj["metadata"] | {"namespace": namespace}}
            api.post(canaries(group, namespace), json=obj).raise_for_status()
    status = api.patch(
        f"{canaries()}/podinfo/status",
        content=json.dumps({"status": AT_A_GATE}),
        headers={"Content-Type": MERGE},
    )
    status.raise_for_status()
    for user, role in (*BOUND.items(), (TIDEGATE, "tidegate")):
        bind(api, user, role)
    for each in chart:
        api.post(PLURALS[each["kind"]], json=each).raise_for_status()
    cluster = Cluster(plane=control_plane, clients=clients)
    # Roles, what they add up to, and the policy take a moment to hold.
    for user, verb, may in (
        (OPERATOR, "abort", True),
        (APPROVER, "approve", True),
        (TIDEGATE, "approve", True),
        (APPROVER, "abort", False),
    ):
        given = annotated(verb, "go")
        eventually(
            lambda user=user, given=given, may=may: taken(cluster.patch(user, given)) is may,
            f"{user.name} may {'' if may else 'not '}{verb}",
        )
    yield cluster
    for each in chart:
        api.delete(f"{PLURALS[each['kind']]}/{each['metadata']['name']}").raise_for_status()
    for client in clients.values():
        client.close()


def bind(api: httpx.Client, user: User, role: str) -> None:
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": user.name.replace(":", "-")},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user.name}],
    }
    where = f"/apis/{group}/v1/namespaces/{NAMESPACE}/rolebindings"
    api.post(where, json=binding).raise_for_status()


def taken(answer: httpx.Response) -> bool:
    return answer.status_code == 200


Way = Callable[[Cluster, User, str, Path], tuple[bool, str]]


def by_patch(cluster: Cluster, user: User, verb: str, _: Path) -> tuple[bool, str]:
    answer = cluster.patch(user, annotated(verb, "go"))
    return taken(answer), answer.text


def by_patch_of_the_peers_group(
    cluster: Cluster, user: User, verb: str, _: Path
) -> tuple[bool, str]:
    answer = cluster.patch(user, annotated(verb, "go"), where=canaries("flagger.app"))
    return taken(answer), answer.text


def by_apply(cluster: Cluster, user: User, verb: str, _: Path) -> tuple[bool, str]:
    obj = {"apiVersion": "tidegate.dev/v1beta1", "kind": "Canary", **annotated(verb, "go")}
    answer = cluster.patch(user, obj, kind=APPLY, params=DRY | {"fieldManager": "people"})
    return taken(answer), answer.text


def by_impersonation(cluster: Cluster, user: User, verb: str, _: Path) -> tuple[bool, str]:
    signed = f"@{user.name} via dashboard at 2026-01-01T00:00:00Z: go"
    answer = cluster.patch(
        ADMIN,
        annotated(verb, signed),
        headers={"Impersonate-User": user.name, "Impersonate-Group": "people"},
    )
    return taken(answer), answer.text


def by_kubectl(cluster: Cluster, user: User, verb: str, folder: Path) -> tuple[bool, str]:
    kubeconfig = cluster.plane.kubeconfig_of(user.name)
    done = subprocess.run(
        [
            Path(sys.executable).with_name("kubectl"),
            *("annotate", "canaries.tidegate.dev", "podinfo", f"{PREFIX}{verb}=go"),
            *("--namespace", NAMESPACE, "--kubeconfig", kubeconfig, "--dry-run=server"),
            *("--cache-dir", folder),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stderr


def by_cli(cluster: Cluster, user: User, verb: str, _: Path) -> tuple[bool, str]:
    kubeconfig = cluster.plane.kubeconfig_of(user.name)
    code, output = asyncio.run(
        tidegate(
            *(verb, "podinfo", "--namespace", NAMESPACE, "--kubeconfig", str(kubeconfig)),
            *("--no-wait", "--reason", "go"),
        )
    )
    left = cluster.clients[ADMIN.name].get(f"{canaries()}/podinfo").json()["metadata"]
    value = (left.get("annotations") or {}).get(f"{PREFIX}{verb}", "")
    cluster.patch(ADMIN, annotated(verb, None), params={}).raise_for_status()
    assert value.startswith(f"@{user.name} via cli at ") is (code == 0)
    return code == 0, output


WAYS = (by_patch, by_patch_of_the_peers_group, by_apply, by_impersonation, by_kubectl, by_cli)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("user", PEOPLE, ids=lambda user: user.name.partition("@")[0])
def test_a_command_takes_its_verb(
    cluster: Cluster, user: User, verb: str, way: Way, tmp_path: Path
) -> None:
    done, said = way(cluster, user, verb, tmp_path)
    assert done is (verb in MAY[user.name]), said
    if user is APPROVER and not done:
        lacks = f"{APPROVER.name} lacks the verb {verb} on canaries."
        assert lacks in said
        assert f"in the namespace {NAMESPACE}, which the annotation {PREFIX}{verb} takes" in said


ELSE: Mapping[str, Manifest] = {
    "a field of the spec": {"spec": {"suspend": True}},
    "a label": {"metadata": {"labels": {"team": "harbour"}}},
    "a finalizer": {"metadata": {"finalizers": ["example.com/keep"]}},
    "an owner": {
        "metadata": {
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Namespace", "name": "x", "uid": "0b5e"}
            ]
        }
    },
    "an annotation": {"metadata": {"annotations": {"team": "harbour"}}},
    "a risk": {"metadata": {"annotations": {ACCEPT_RISK: "NetworkPolicy/shop"}}},
    "something beside a command": {
        "metadata": {"annotations": {f"{PREFIX}approve": "go", "team": "harbour"}}
    },
}


@pytest.mark.parametrize("change", ELSE.values(), ids=ELSE)
def test_who_only_approves_changes_nothing_else(cluster: Cluster, change: Manifest) -> None:
    refused = cluster.patch(APPROVER, change)
    assert refused.status_code == 403
    assert "may change nothing but the annotations of commands" in refused.json()["message"]
    assert taken(cluster.patch(OPERATOR, change))


def test_who_only_approves_takes_nothing_away(cluster: Cluster) -> None:
    kept = {"metadata": {"annotations": {"team": "harbour"}, "labels": {"team": "harbour"}}}
    gone = {"metadata": {"annotations": {"team": None}, "labels": {"team": None}}}
    cluster.patch(OPERATOR, kept, params={}).raise_for_status()
    for field in ("annotations", "labels"):
        assert cluster.patch(APPROVER, {"metadata": {field: {"team": None}}}).status_code == 403
    cluster.patch(OPERATOR, gone, params={}).raise_for_status()


def test_who_only_approves_replaces_nothing(cluster: Cluster) -> None:
    where = f"{canaries()}/podinfo"
    obj = cluster.clients[APPROVER.name].get(where).json()
    replaced = {
        who.name: cluster.clients[who.name].put(where, json=obj, params=DRY)
        for who in (APPROVER, OPERATOR)
    }
    assert replaced[APPROVER.name].status_code == 403
    assert taken(replaced[OPERATOR.name])


def test_a_command_is_taken_back_by_who_may_give_it(cluster: Cluster) -> None:
    cluster.patch(OPERATOR, annotated("abort", "wrong image"), params={}).raise_for_status()
    for value in (None, "approver's"):
        refused = cluster.patch(APPROVER, annotated("abort", value))
        assert "lacks the verb abort" in refused.json()["message"]
    cluster.patch(OPERATOR, annotated("abort", None), params={}).raise_for_status()


def test_a_role_holds_in_its_namespace_alone(cluster: Cluster) -> None:
    elsewhere = canaries(namespace=ELSEWHERE)
    for user in PEOPLE:
        assert cluster.patch(user, annotated("approve", "go"), where=elsewhere).status_code == 403


def test_a_status_carries_no_command(cluster: Cluster) -> None:
    where = f"{canaries()}/podinfo/status"
    answer = cluster.clients[ADMIN.name].patch(
        where,
        content=json.dumps(annotated("promote", "go")),
        headers={"Content-Type": MERGE},
        params=DRY,
    )
    assert taken(answer)
    assert "annotations" not in answer.json()["metadata"]


class TestSigning:
    WHEN = "via cli at 2026-01-01T00:00:00Z"

    @pytest.mark.parametrize(
        "value",
        [
            f"@{OPERATOR.name} {WHEN}",
            f"@{OPERATOR.name} {WHEN}: it: is via cli at\nfine",
            f"@{OPERATOR.name} {WHEN} for confirm-promotion/41/2: go",
            "alice says go",
            "",
        ],
    )
    def test_everybody_signs_for_themselves_or_not_at_all(self, cluster: Cluster, value: str):
        answer = cluster.patch(OPERATOR, annotated("promote", value))
        assert taken(answer), answer.text

    @pytest.mark.parametrize(
        "value",
        [
            f"@{APPROVER.name} {WHEN}: go",
            f"@{OPERATOR.name}.au {WHEN}: go",
            f"@{OPERATOR.name} the elder {WHEN}: go",
            f"@{OPERATOR.name} via cli {WHEN}: go",
            f"@{OPERATOR.name} {WHEN}\u00a0x: go {WHEN}",
            f"@{OPERATOR.name}",
            "@",
        ],
    )
    def test_nobody_signs_for_another(self, cluster: Cluster, value: str):
        refused = cluster.patch(OPERATOR, annotated("promote", value))
        assert refused.status_code == 403
        assert "may not sign a command as another user" in refused.json()["message"]

    def test_nor_does_who_may_do_everything(self, cluster: Cluster):
        assert (
            cluster.patch(ADMIN, annotated("promote", f"@{OPERATOR.name} {self.WHEN}")).status_code
            == 403
        )
        assert taken(cluster.patch(ADMIN, annotated("promote", f"@tester {self.WHEN}")))

    def test_nor_with_a_name_that_reads_like_a_signature(self, cluster: Cluster):
        name = f"{OPERATOR.name} {self.WHEN}: x"
        headers = {"Impersonate-User": name, "Impersonate-Group": "system:masters"}
        signed = annotated("promote", f"@{name} {self.WHEN}")
        assert cluster.patch(ADMIN, signed, headers=headers).status_code == 403

    def test_nor_in_a_canary_that_is_created(self, cluster: Cluster):
        created = {
            name: cluster.clients[OPERATOR.name].post(
                canaries(),
                json=CANARY
                | {"apiVersion": "tidegate.dev/v1beta1"}
                | {
                    "metadata": {
                        "name": "new",
                        **annotated("pause", f"@{name} {self.WHEN}")["metadata"],
                    }
                },
                params=DRY,
            )
            for name in (OPERATOR.name, APPROVER.name)
        }
        assert created[OPERATOR.name].status_code == 201
        assert created[APPROVER.name].status_code == 403

    def test_what_was_signed_before_stays(self, cluster: Cluster):
        mine = annotated("promote", f"@{OPERATOR.name} {self.WHEN}")
        cluster.patch(OPERATOR, mine, params={}).raise_for_status()
        assert taken(cluster.patch(APPROVER, annotated("approve", "go")))
        assert taken(cluster.patch(ADMIN, {"spec": {"suspend": True}}))
        cluster.patch(OPERATOR, annotated("promote", None), params={}).raise_for_status()


def test_the_controller_is_not_asked(cluster: Cluster) -> None:
    cluster.patch(OPERATOR, annotated("abort", "wrong image"), params={}).raise_for_status()
    change = {
        "metadata": {"finalizers": ["tidegate.dev/restore"], **annotated("abort", None)["metadata"]}
    }
    answer = cluster.patch(TIDEGATE, change)
    assert taken(answer), answer.text
    cluster.patch(OPERATOR, annotated("abort", None), params={}).raise_for_status()


def test_no_expression_of_the_policy_is_warned_of(cluster: Cluster) -> None:
    def typed() -> Any:
        (name,) = (
            each["metadata"]["name"]
            for each in cluster.clients[ADMIN.name]
            .get(PLURALS["ValidatingAdmissionPolicy"])
            .json()["items"]
        )
        where = f"{PLURALS['ValidatingAdmissionPolicy']}/{name}"
        status = cluster.clients[ADMIN.name].get(where).json().get("status") or {}
        return status.get("typeChecking")

    eventually(lambda: typed() is not None, "the policy's types are checked")
    assert typed().get("expressionWarnings") in (None, [])


# ------------------------------------------------------------------------------- the dashboard

#: What the controller would obey at the gate.
OFFERED = ("approve", "reject", "pause", "promote", "abort")


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """How people come in to a dashboard."""

    account: User
    """Whom the dashboard runs as."""
    way: DashboardWay
    headers: Callable[[User], Mapping[str, str]] = lambda _: {}
    """What the proxy sends with each request of a person."""
    logs_in: bool = False


WAYS_IN = {
    "token": WayIn(account=TIDEGATE, way=by_token, logs_in=True),
    "proxy-token": WayIn(
        account=TIDEGATE,
        way=by_proxy_token(()),
        headers=lambda user: {"Authorization": f"Bearer {user.token}"},
    ),
    "proxy-user": WayIn(
        account=DASHBOARD,
        way=by_proxy_user(ProxyUsers(secret=PROXY_SECRET), ()),
        headers=lambda user: {
            "X-Forwarded-User": user.name,
            "X-Forwarded-Groups": ",".join((*user.groups, "system:masters")),
            SECRET_HEADER: PROXY_SECRET,
        },
    ),
}


@asynccontextmanager
async def come_in(address: str, user: User, way: WayIn) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(address))
    headers = {"Sec-Fetch-Site": "same-origin", **way.headers(user)}
    async with aiohttp.ClientSession(address, cookie_jar=jar, headers=headers) as browser:
        if way.logs_in:
            async with browser.post("/login", data={"token": user.token}) as answer:
                assert answer.status == 200, await answer.text()
        yield browser


@asynccontextmanager
async def a_dashboard(
    cluster: Cluster, way: WayIn, *, chat: Chat | None = None
) -> AsyncIterator[str]:
    """Run a dashboard that follows the namespace as its account."""
    kubeconfig = cluster.plane.kubeconfig_of(way.account.name)
    async with (
        Connected.connect(kubeconfig=str(kubeconfig)) as own,
        for_many(
            *(own, way.way), host="127.0.0.1", port=0, namespaces=(NAMESPACE,), chat=chat
        ) as address,
        aiohttp.ClientSession(address) as client,
    ):

        async def ready() -> bool:
            async with client.get("/readyz") as answer:
                return answer.status == 200

        await until(ready)
        yield address


@pytest.mark.parametrize("way", WAYS_IN.values(), ids=WAYS_IN)
async def test_the_dashboard_shows_and_does_what_a_person_may(cluster: Cluster, way: WayIn) -> None:
    where = f"/c/{NAMESPACE}/podinfo"
    async with a_dashboard(cluster, way) as address:
        for user in PEOPLE:
            async with come_in(address, user, way) as browser:
                async with browser.get(where) as answer:
                    page = await answer.text()
                assert (answer.status == 200) is (user is not STRANGER), page
                if user is STRANGER:
                    continue
                assert user.name in page
                form = {
                    name: re.search(rf'name="{name}" value="([^"]*)"', page)[1]
                    for name in ("form-token", "run", "subject")
                }
                for verb in OFFERED:
                    may = verb in MAY[user.name]
                    lacks = re.search(rf"{verb} takes the verb \w+ on canaries", page)
                    assert (lacks is None) is may, (user.name, verb)
                    # A button that is disabled is no wall: the API server is.
                    async with browser.post(
                        f"{where}/commands/{verb}", data=form, allow_redirects=False
                    ) as sent:
                        said = await sent.text()
                    assert sent.status == (303 if may else 403), said
                    left = cluster.clients[ADMIN.name].get(f"{canaries()}/podinfo").json()
                    value = (left["metadata"].get("annotations") or {}).get(f"{PREFIX}{verb}", "")
                    assert value.startswith(f"@{user.name} via dashboard at ") is may
                    cluster.patch(ADMIN, annotated(verb, None), params={}).raise_for_status()


async def test_a_press_in_slack_does_what_a_person_may(cluster: Cluster, tmp_path: Path) -> None:
    held = cluster.clients[ADMIN.name].get(f"{canaries()}/podinfo").json()
    key = CanaryKey(group="tidegate.dev", namespace=NAMESPACE, name="podinfo")
    gates = {"confirm-traffic-increase/41/2": "confirm-traffic-increase"}
    buttons = gate_buttons(key, held["metadata"]["uid"], gates)
    row = buttons_attachment(buttons, colour="#ffffff")
    message = {"ts": "1700000000.000100", "attachments": [row]}
    members = {f"U{place}": user for place, user in enumerate(PEOPLE)}
    mapped = {each: {"user": u.name, "groups": list(u.groups)} for each, u in members.items()}
    file = identities(tmp_path / "identities.yaml", mapped)

    def left(verb: str) -> str:
        found = cluster.clients[ADMIN.name].get(f"{canaries()}/podinfo").json()
        return (found["metadata"].get("annotations") or {}).get(f"{PREFIX}{verb}", "")

    async with a_slack() as slack:
        way = WayIn(account=DASHBOARD, way=by_token)
        async with a_dashboard(cluster, way, chat=partial(answering, an_app(slack, file))):
            for member, user in members.items():
                for verb in {each.verb: each for each in buttons}:
                    payload = slack.pressed(message, verb, user=member)
                    await slack.by_socket(payload)
                    if verb in MAY[user.name]:
                        await until(partial(left, verb))
                        assert left(verb).startswith(f"@{user.name} via slack at ")
                        cluster.patch(ADMIN, annotated(verb, None), params={}).raise_for_status()
                    else:
                        said = await until(partial(slack.said_about, payload))
                        assert "takes the verb" in said.text
                        assert left(verb) == ""


IMPERSONATED = {"Impersonate-User": OPERATOR.name, "Impersonate-Group": "people"}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("PATCH", f"{canaries()}/podinfo", {}),
        ("PATCH", f"{canaries()}/podinfo", {"Impersonate-User": ADMIN.name}),
        ("PATCH", f"{canaries()}/podinfo", {"Impersonate-User": TIDEGATE.name}),
        ("PATCH", f"{canaries()}/podinfo", IMPERSONATED | {"Impersonate-Group": "system:masters"}),
        ("PATCH", f"{canaries()}/podinfo", IMPERSONATED | {"Impersonate-Extra-Scopes": "x"}),
        ("DELETE", f"{canaries()}/podinfo", IMPERSONATED),
        ("PATCH", f"/api/v1/namespaces/{NAMESPACE}/configmaps/flags", IMPERSONATED),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/keys", IMPERSONATED),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/keys", {}),
    ],
    ids=str,
)
def test_the_dashboards_account_may_act_for_whom_it_may_and_do_what_it_must_alone(
    cluster: Cluster, method: str, path: str, headers: Mapping[str, str]
) -> None:
    client = cluster.clients[DASHBOARD.name]
    content = json.dumps(annotated("pause", "go")) if method == "PATCH" else None
    sent = {"Content-Type": MERGE, **headers}
    answer = client.request(method, path, content=content, headers=sent, params=DRY)
    assert answer.status_code == 403, answer.text
    allowed = client.patch(
        f"{canaries()}/podinfo",
        content=json.dumps(annotated("pause", "go")),
        headers={"Content-Type": MERGE, **IMPERSONATED},
        params=DRY,
    )
    assert taken(allowed), allowed.text

"""`tidegate lint`: what is said of manifests in files, without a cluster and with one."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from canary.api.meta import GROUP
from canary.api.resources import KINDS
from canary.cli import main
from canary.cli.findings import listed
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.controller.reading import CanaryReader
from canary.controller.templates import metric_template_kind
from canary.controller.validator import Validator
from tests.api.examples import (
    BAD_CANARIES,
    GOOD_CANARIES,
    a_canary,
    a_receiver,
    a_template,
    patched,
)
from tests.cli.running import tidegate
from tests.security.hostile import HOSTILE

REFERRING = {
    "analysis/metrics/0": {
        "name": "errors",
        "templateRef": {"name": "errors"},
        "thresholdRange": {"max": 1},
    },
    "analysis/alerts": [{"name": "chat", "providerRef": {"name": "on-call"}}],
}
SCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "podinfo", "namespace": "test"},
    "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "podinfo"}},
}
BESIDE = {"another kind", "a number that fits no computer"}
"""What is no object of ours, and what no file can hold."""
SAID = {
    **{name: obj for name, obj in GOOD_CANARIES.items() if name == "every field at once"},
    **{name: bad.obj for name, bad in BAD_CANARIES.items() if name not in BESIDE},
}


def target(name):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "test"},
    }


def linted(*arguments, stdin=None):
    """Run the command; give its exit code and what it prints."""
    result = CliRunner().invoke(main, ["lint", *map(str, arguments)], input=stdin)
    return result.exit_code, result.stdout, result.stderr


def findings(tmp_path, *objects, options=()):
    """Lint objects in one file; give the level and the sentence of everything that is found."""
    path = tmp_path / "all.yaml"
    path.write_text(yaml.dump_all(objects, Dumper=yaml.CSafeDumper, sort_keys=False))
    _, output, _ = linted("-f", path, "-o", "json", *options)
    return [(each["level"], each["message"]) for each in json.loads(output)["findings"]]


@pytest.mark.parametrize("name", SAID)
def test_what_is_refused_is_said_in_the_words_of_the_controller(tmp_path, name):
    # Some of them hold a megabyte.
    text = yaml.dump(SAID[name], Dumper=yaml.CSafeDumper)
    written = yaml.load(text, yaml.CSafeLoader)
    said = {str(each) for each in Validator(CanaryReader("istio")).problems("canaries", written)}
    refused = {message for level, message in findings(tmp_path, written) if level == "error"}
    assert (said <= refused, bool(refused)) == (True, bool(said))


ELSEWHERE = patched(
    a_canary(),
    {"analysis/alerts": [{"name": "chat", "providerRef": {"name": "chat", "namespace": "ops"}}]},
)
CLOSED = "--no-cross-namespace-refs"


@pytest.mark.parametrize(
    ("options", "namespace", "refused"),
    [
        ((), "test", False),
        ((CLOSED,), "test", True),
        ((CLOSED,), "ops", False),
        ((CLOSED,), None, False),
        ((CLOSED, "-n", "web"), None, True),
        ((CLOSED, "--shared-namespaces", "istio-system, ops"), "test", False),
    ],
    ids=["open", "closed", "its own", "unknown", "given", "shared"],
)
def test_what_leads_to_another_namespace_is_refused_where_the_controller_refuses_it(
    tmp_path, options, namespace, refused
):
    written = {**ELSEWHERE, "metadata": {"name": "podinfo"}}
    if namespace:
        written["metadata"]["namespace"] = namespace
    said = [each for _, each in findings(tmp_path, written, options=options) if CLOSED in each]
    assert bool(said) is refused
    if refused:
        assert said[0].startswith("spec.analysis.alerts[0].providerRef.namespace: 'ops': name an")


def test_a_policy_is_held_to_its_namespace_as_a_canary_is(tmp_path):
    metric = {
        "name": "budget",
        "templateRef": {"name": "budget", "namespace": "ops"},
        "thresholdRange": {"min": 20},
    }
    policy = {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "DeliveryPolicy",
        "metadata": {"name": "limit", "namespace": "web"},
        "spec": {"budget": {"metric": metric}},
    }
    assert not [each for _, each in findings(tmp_path, policy) if CLOSED in each]
    assert [each for _, each in findings(tmp_path, policy, options=(CLOSED,)) if CLOSED in each]


def test_shared_namespaces_alone_say_nothing(tmp_path):
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump(ELSEWHERE))
    code, _, error = linted("-f", path, "--shared-namespaces", "ops")
    assert (code, "--shared-namespaces needs --no-cross-namespace-refs" in error) == (2, True)


def test_everything_is_found_at_once_each_with_its_line(tmp_path):
    path = tmp_path / "canary.yaml"
    path.write_text(
        "# a comment\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ broken }}}\n"
        "---\n"
        "apiVersion: flagger.app/v1beta1\n"
        "kind: Canary\n"
        "metadata: {name: shop, namespace: web}\n"
        "spec:\n"
        "  targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}\n"
        "  service:\n"
        "    port: 80\n"
        "    portt: 81\n"
        "  analysis:\n"
        "    stepWeight: 10\n"
        "    metrics:\n"
        "    - name: request-success-rate\n"
        "      thresholdRange: {min: 99}\n"
        "      thresholdRange: {min: 98}\n"
        "    - name: unknown\n"
        "      threshold: 1\n"
    )
    code, output, error = linted("-f", tmp_path)
    assert code == 3
    assert output.splitlines() == [
        f"{path}:13: error: Canary web/shop: spec.service.portt: 81: no such field; did you mean port?",
        (
            f"{path}:19: error: Canary web/shop: spec.analysis.metrics[0].thresholdRange: written twice: "
            "keep one of the two: kubectl refuses both"
        ),
        (
            f"{path}:20: error: Canary web/shop: spec.analysis.metrics[1].name: 'unknown': name a built-in "
            "metric (request-success-rate or request-duration), or add templateRef or query"
        ),
    ]
    assert error == (
        "Error: 3 errors in 1 object of 1 file; Canaries without spec.provider are checked for "
        "istio (--router)\n"
    )


def test_annotations_are_escaped_as_a_workflow_reads_them(tmp_path):
    path = tmp_path / "a,b.yaml"
    path.write_text(json.dumps(patched(a_canary(), {"analysis/interval": "100%\nx"})))
    code, output, _ = linted("-f", path, "-o", "github")
    (line,) = output.splitlines()
    assert code == 3
    assert line.startswith(f"::error file={tmp_path}/a%2Cb.yaml,line=1,title=Canary test/podinfo::")
    assert "100%25" in line


def test_warnings_fail_only_a_strict_lint(tmp_path):
    path = tmp_path / "canary.yaml"
    path.write_text(yaml.safe_dump(patched(a_canary(), {"analysis/maxWeight": 55})))
    code, output, _ = linted("-f", path)
    assert (code, "the last step of 10 % goes above it, to 60 %" in output) == (0, True)
    assert linted("-f", path, "--strict")[0] == 3


def test_a_stream_of_documents_is_read_from_standard_input():
    stdin = yaml.safe_dump_all([target("podinfo"), a_canary(), a_template()])
    assert linted("-f", "-", stdin=stdin) == (
        0,
        "",
        (
            "no problem in 2 objects of 1 file; Canaries without spec.provider are checked for istio "
            "(--router).\n"
        ),
    )


def test_the_items_of_a_list_are_objects_of_their_own(tmp_path):
    listed_canaries = {"apiVersion": "v1", "kind": "List", "items": [patched(a_canary(), {"x": 1})]}
    assert findings(tmp_path, listed_canaries) == [
        ("error", "spec.x: 1: no such field; remove it"),
    ]


def test_files_without_an_object_of_ours_are_no_success(tmp_path):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(target("podinfo")))
    assert linted("-f", tmp_path) == (
        1,
        "",
        "Error: no object of tidegate or Flagger is in 1 file\n",
    )
    assert linted()[0] == 2
    assert linted("-f", tmp_path / "nowhere.yaml")[0] == 1


def test_a_template_of_helm_is_told_with_how_to_render_it(tmp_path):
    path = tmp_path / "canary.yaml"
    path.write_text("apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata:\n  name: {{ .x }}\n")
    code, output, _ = linted("-f", path)
    assert (code, output) == (
        3,
        (
            f"{path}:4: error: it is a template; render it first: helm template NAME CHART | "
            "tidegate lint -f -\n"
        ),
    )


KUSTOMIZATION = {
    "resources": ["../base"],
    "patches": [
        {"path": "canary.yaml"},
        {"target": {"group": "flagger.app", "kind": "Canary"}, "patch": "[]"},
    ],
    "patchesStrategicMerge": ["more.yaml"],
}
PATCH = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "Canary",
    "metadata": {"name": "podinfo"},
    "spec": {"analysis": {"interval": "1min"}},
}


def an_overlay(tmp_path, kustomization):
    (tmp_path / "kustomization.yaml").write_text(kustomization)
    for name in ("canary.yaml", "more.yaml"):
        (tmp_path / name).write_text(yaml.safe_dump(PATCH))


def test_a_patch_of_a_kustomization_is_no_object_by_itself(tmp_path):
    an_overlay(tmp_path, yaml.safe_dump(KUSTOMIZATION))
    code, output, _ = linted("-f", tmp_path)
    assert code == 0
    assert [line.partition(": notice: ")[2] for line in output.splitlines()] == [
        (
            "Canary podinfo: it is a patch; check what comes out: kustomize build DIR | "
            "tidegate lint -f -"
        )
    ] * 2
    an_overlay(tmp_path, "patches: [{{ broken }}]")
    assert linted("-f", tmp_path)[0] == 3


def test_what_a_canary_names_is_looked_for_in_the_files(tmp_path):
    canary = patched(a_canary(), REFERRING)
    assert findings(tmp_path, canary, a_template(), a_receiver(), target("podinfo")) == []
    assert findings(tmp_path, canary) == [
        (
            "notice",
            (
                "spec.analysis.metrics[0].templateRef: 'errors': MetricTemplate test/errors is not in "
                "the files; it must be in the cluster"
            ),
        ),
        (
            "notice",
            (
                "spec.analysis.alerts[0].providerRef: 'on-call': AlertProvider test/on-call is not in "
                "the files; it must be in the cluster"
            ),
        ),
    ]


def test_a_name_that_is_nearly_there_is_a_warning(tmp_path):
    mistyped = patched(a_canary(), deepcopy(REFERRING) | {"targetRef/name": "podinf"})
    mistyped["spec"]["analysis"]["metrics"][0]["templateRef"]["name"] = "error"
    found = findings(tmp_path, mistyped, a_template(), a_receiver(), target("podinfo"))
    assert [level for level, _ in found] == ["warning", "warning"]
    assert [message.split("; ")[-1] for _, message in found] == [
        "did you mean podinfo?",
        "did you mean errors?",
    ]


def test_objects_of_the_other_group_are_not_found(tmp_path):
    canary = patched(a_canary(), REFERRING) | {"apiVersion": "flagger.app/v1beta1"}
    (found, _) = findings(tmp_path, canary, a_template(), a_receiver())
    assert found == (
        "error",
        (
            "spec.analysis.metrics[0].templateRef: 'errors': MetricTemplate test/errors is of "
            "tidegate.dev, and a Canary of flagger.app names objects of its own group: change the "
            "apiVersion of one of the two"
        ),
    )


MANAGING = {
    "provider": "gatewayapi",
    "managedRoutes": [{"kind": "HTTPRoute", "name": "shop", "rules": [{"name": "api"}]}],
}
PLACE = "spec.managedRoutes[0].name"


def route(*rules, name="shop"):
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "test"},
        "spec": {"rules": [*rules]},
    }


def leading_to(service, name="api"):
    return {"name": name, "backendRefs": [{"name": service, "port": 80}]}


def managing(**changes):
    return patched(a_canary(), MANAGING | changes)


def test_a_route_that_is_managed_is_looked_at_in_the_files(tmp_path):
    assert findings(tmp_path, managing(), route(leading_to("podinfo"))) == []
    sides = {
        "name": "api",
        "backendRefs": [
            {"name": "podinfo-primary", "port": 80, "weight": 100},
            {"name": "podinfo-canary", "port": 80, "weight": 0},
        ],
    }
    assert findings(tmp_path, managing(), route(sides)) == []


@pytest.mark.parametrize(
    ("named", "rules", "says"),
    [
        pytest.param(
            [{"name": "api"}],
            [leading_to("podinfo", "web")],
            "has no rule api: name a rule that is there once in spec.managedRoutes",
            id="a rule that is not there",
        ),
        pytest.param(
            [{"name": "api"}],
            [leading_to("podinfo"), leading_to("podinfo")],
            "has several rules api: name a rule that is there once in spec.managedRoutes",
            id="a rule that is there twice",
        ),
        pytest.param(
            [],
            [leading_to("cart")],
            "has no rule that leads to Service podinfo alone: have one lead to Service podinfo, or to "
            "podinfo-primary and podinfo-canary",
            id="no rule that leads to the app",
        ),
        pytest.param(
            [],
            [leading_to("podinfo"), leading_to("podinfo", "staff")],
            "has several rules that lead to the app: api, staff: name those that tidegate is to split "
            "in spec.managedRoutes[].rules",
            id="several that do",
        ),
    ],
)
def test_what_keeps_a_route_from_being_managed_is_said_as_the_controller_says_it(
    tmp_path, named, rules, says
):
    managed = [{"kind": "HTTPRoute", "name": "shop", "rules": named}]
    told = f"{PLACE}: 'shop': HTTPRoute test/shop {says}"
    assert findings(tmp_path, managing(managedRoutes=managed), route(*rules)) == [("error", told)]


def test_what_only_a_step_asks_of_a_managed_route_is_found_too(tmp_path):
    full = [
        {"matches": [{"path": {"type": "Exact", "value": f"/{n}"}}], "backendRefs": []}
        for n in range(15)
    ]
    beta = {"headers": {"x-beta": {"exact": "1"}}}
    tested = {"analysis/stepWeight": None, "analysis/iterations": 3, "analysis/match": [beta]}
    ((level, told),) = findings(tmp_path, managing(**tested), route(leading_to("podinfo"), *full))
    assert level == "error"
    assert told.startswith(f"{PLACE}: 'shop': HTTPRoute test/shop ")
    assert findings(tmp_path, managing(), route(leading_to("podinfo"), *full)) == []


def test_every_route_that_cannot_be_managed_is_told_at_once(tmp_path):
    managed = [{"kind": "HTTPRoute", "name": name} for name in ("shop", "staff")]
    wrong = [route(leading_to("cart"), name=name) for name in ("shop", "staff")]
    found = findings(tmp_path, managing(managedRoutes=managed), *wrong)
    assert [told.partition(": ")[0] for _, told in found] == [
        "spec.managedRoutes[0].name",
        "spec.managedRoutes[1].name",
    ]


def test_a_managed_route_that_is_not_in_the_files_may_be_in_the_cluster(tmp_path):
    missing = f"{PLACE}: 'shop': HTTPRoute test/shop is not in the files"
    assert findings(tmp_path, managing()) == [("notice", f"{missing}; it must be in the cluster")]
    other = route(leading_to("podinfo"), name="shops")
    assert findings(tmp_path, managing(), other) == [("warning", f"{missing}; did you mean shops?")]


def test_a_kind_of_another_group_is_no_route_that_could_be_managed(tmp_path):
    other = route() | {"apiVersion": "example.com/v1"}
    assert findings(tmp_path, managing(), other) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param(
            {"managedRoutes": [{"kind": "VirtualService", "name": "shop"}]},
            "spec.managedRoutes: 'VirtualService/shop': remove it, or name another router: "
            "gatewayapi cannot split rules of these",
            id="a kind of another router",
        ),
        pytest.param(
            {"managedRoutes": [{"kind": "HTTPRoute", "name": "shop", "rules": [{"port": 80}]}]},
            "spec.managedRoutes[0].rules[0]: 'port 80': write its name: the rules of a HTTPRoute "
            "have names",
            id="a rule by its port",
        ),
        pytest.param(
            {"analysis/sessionAffinity": {"cookieName": "side"}},
            "spec.analysis.sessionAffinity: an object: remove it, or name another router: gatewayapi "
            "with managedRoutes cannot do this",
            id="session affinity",
        ),
    ],
)
def test_what_a_router_cannot_do_with_managed_routes_is_told_whatever_the_files_hold(
    tmp_path, changes, says
):
    found = findings(tmp_path, managing(**changes), route())
    assert ("error", says) in found
    assert not [told for _, told in found if "HTTPRoute test/shop" in told]


def test_an_autoscaler_that_nothing_names_would_not_scale_the_primary(tmp_path):
    reference = {"apiVersion": "autoscaling/v2", "kind": SCALER["kind"], "name": "podinfo"}
    assert findings(tmp_path, a_canary(), SCALER) == [
        (
            "warning",
            (
                "spec.autoscalerRef: not set: HorizontalPodAutoscaler test/podinfo scales the target, "
                "and nothing scales the primary; name it here"
            ),
        )
    ]
    assert findings(tmp_path, patched(a_canary(), {"autoscalerRef": reference}), SCALER) == []


def test_an_autoscaler_of_a_target_whose_own_pods_are_the_primary_scales_that(tmp_path):
    assert findings(tmp_path, patched(a_canary(), {"keepTarget": True}), SCALER) == []


@pytest.mark.parametrize("kind", [each.name for each in KINDS])
def test_every_kind_of_ours_is_read(tmp_path, kind):
    empty = {"apiVersion": "tidegate.dev/v1beta1", "kind": kind, "metadata": {"name": "x"}}
    found = findings(tmp_path, empty | {"spec": {"nowhere": 1}})
    assert [message for _, message in found if message.startswith("kind: ")] == []
    assert ("error", "spec.nowhere: 1: no such field; remove it") in found


def test_a_query_that_cannot_be_rendered_is_told_once(tmp_path):
    broken = patched(a_template(), {"query": "sum({{ .target }})"})
    assert findings(tmp_path, patched(a_canary(), REFERRING), broken, a_receiver()) == [
        (
            "error",
            (
                "spec.query: {{ .target }} cannot be rendered: write target without the dot. Known "
                "names: name, namespace, target, kind, service, side, ingress, route, revision, cluster, interval, variables.KEY, "
                'index variables "KEY", printf "FORMAT" VALUE'
            ),
        )
    ]
    counts = {"requests": "increase(rq)", "good": "increase({{ .target }})"}
    (counted,) = findings(tmp_path, patched(a_template(), {"counts": counts}))
    assert counted[1].startswith("spec.counts.good: {{ .target }} cannot be rendered")
    asking = patched(a_template(), {"query": "sum({{ variables.code }})"})
    (found,) = findings(tmp_path, patched(a_canary(), REFERRING), asking, a_receiver())
    assert found[1].startswith(
        "spec.analysis.metrics[0].templateRef: 'test/errors': query: {{ variables.code }}: there is "
        "no variable 'code'"
    )


def test_what_a_secret_of_the_cluster_holds_is_no_fault_of_a_template(tmp_path):
    provider = {"type": "newrelic", "secretRef": {"name": "key"}}
    template = patched(a_template(), {"provider": provider})
    assert findings(tmp_path, patched(a_canary(), REFERRING), template, a_receiver()) == []


def test_canaries_that_are_in_each_other_s_way_are_told(tmp_path):
    other = a_canary() | {"metadata": {"name": "other", "namespace": "test"}}
    waiting = patched(a_canary(), {"dependsOn": [{"name": "podinfo"}]})
    assert findings(tmp_path, a_canary(), other) == [
        (
            "error",
            (
                "spec.targetRef.name: 'podinfo': delete one of the two Canaries: test/other has this "
                "target already"
            ),
        )
    ]
    assert findings(tmp_path, waiting) == [
        (
            "error",
            (
                "spec.dependsOn: 'test/podinfo → test/podinfo': no run of these Canaries could start: "
                "remove one of the dependencies"
            ),
        )
    ]
    elsewhere = other | {"metadata": {"name": "other", "namespace": "prod"}}
    assert findings(tmp_path, a_canary(), elsewhere) == []
    both = (patched(each, {"provider": "consul"}) for each in (a_canary(), elsewhere))
    (found,) = [told for level, told in findings(tmp_path, *both) if level == "error"]
    assert found.startswith(
        "spec.service.name: 'podinfo': name another service: each ServiceSplitter"
    )


def test_objects_without_a_namespace_are_checked_in_the_one_that_is_given(tmp_path):
    canary = patched(a_canary(), REFERRING) | {"metadata": {"name": "podinfo"}}
    found = findings(tmp_path, canary, a_template(), a_receiver(), options=("-n", "prod"))
    assert [message.split("; ")[0].split(": ")[-1] for _, message in found] == [
        "MetricTemplate prod/errors is not in the files",
        "AlertProvider prod/on-call is not in the files",
    ]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_others_wrote_is_shown_as_words(tmp_path, text):
    path = tmp_path / "canary.json"
    path.write_text(json.dumps(patched(a_canary(), {"service/appProtocol": text, "x": text})))
    code, output, error = linted("-f", path)
    assert (code, "\x1b" in output + error) == (3, False)
    assert len(output.splitlines()) <= 3


async def test_the_api_server_judges_by_a_dry_run_and_keeps_nothing(
    cluster: Cluster, kubeconfig: Path, tmp_path: Path
) -> None:
    path = tmp_path / "canary.yaml"
    new = patched(a_canary(), {"targetRef/name": "shop"}) | {"metadata": {"name": "shop"}}
    known = a_canary() | {"metadata": {"name": "podinfo"}}
    path.write_text(yaml.safe_dump_all([new, known]))
    options = ("--server", "--kubeconfig", str(kubeconfig), "-n")
    code, output = await tidegate("lint", "-f", str(path), *options, "default")
    assert (code, output.partition(" in ")[0]) == (0, "no problem")
    names = [
        each["metadata"]["name"]
        async for page, _ in cluster.pages(canary_kind(GROUP), "default")
        for each in page
    ]
    assert names == ["podinfo"]
    template = a_template() | {"metadata": {"name": "No_Name", "namespace": "default"}}
    path.write_text(yaml.safe_dump(template))
    code, output = await tidegate("lint", "-f", str(path), *options, "default")
    assert (code, "MetricTemplate default/No_Name: the API server refuses it: " in output) == (
        3,
        True,
    )
    assert [page async for page, _ in cluster.pages(metric_template_kind(GROUP), "")] == [[]]


@pytest.mark.parametrize(
    ("words", "told"),
    [((), ""), (("a",), "a"), (("a", "b"), "a and b"), (("a", "b", "c"), "a, b and c")],
)
def test_words_are_listed_as_people_do(words, told):
    assert listed(words) == told

"""What Flagger takes and does no harm is accepted, with a warning that says what happens instead."""

import pytest

from canary.api.validation import parse_canary
from canary.controller.reading import CanaryReader
from tests.api.examples import GONE, WEIGHTED, a_canary, patched

READER = CanaryReader("istio")
TEMPLATE = {"name": "request-success-rate", "templateRef": {"name": "errors"}}
QUERY = {"name": "request-duration", "query": "max(latency)"}
BOUND = {"thresholdRange": {"max": 1}}
ONLY = (
    "is judged, and not the built-in metric of that name; to judge both, give this one another "
    "name and add the built-in one"
)
SCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "name": "podinfo",
    "primaryScalerQueries": {"rps": "1"},
}
INGRESS = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "podinfo"}
ROUTE = {"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "podinfo"}
UPSTREAM = {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "name": "podinfo"}
INSIDERS = {"headers": {"x-insider": {"exact": "yes"}}}
TLS = {"tls": {"mode": "ISTIO_MUTUAL"}}

ACCEPTED = {
    "a weight without a score": (
        {
            "analysis/metrics": [
                {"name": "m", "query": "q", "thresholdRange": {"max": 1}, "weight": 5}
            ]
        },
        (
            "spec.analysis.metrics[0].weight: 5: no effect: a metric has a weight in a score; add "
            "spec.analysis.score"
        ),
    ),
    "a share among requests that match": (
        {
            "analysis/verifyTraffic": {},
            "analysis/match": [INSIDERS],
        },
        (
            "spec.analysis.match: a list of 1: its traffic is not verified: no metric tells which "
            "requests match"
        ),
    ),
    "a cookie for other sites that is sent over any connection": (
        {"analysis/sessionAffinity": {"cookieName": "c", "sameSite": "None"}},
        (
            "spec.analysis.sessionAffinity.sameSite: 'None': browsers drop such a cookie unless "
            "secure is true"
        ),
    ),
    "a partitioned cookie that is sent over any connection": (
        {"analysis/sessionAffinity": {"cookieName": "c", "partitioned": True}},
        (
            "spec.analysis.sessionAffinity.partitioned: true: browsers drop such a cookie unless "
            "secure is true"
        ),
    ),
    "a cookie that is secure by its name alone": (
        {"analysis/sessionAffinity": {"cookieName": "__Secure-c"}},
        (
            "spec.analysis.sessionAffinity.cookieName: '__Secure-c': browsers drop such a cookie "
            "unless secure is true"
        ),
    ),
    "a cookie of a host, with a domain": (
        {
            "analysis/sessionAffinity": {
                "cookieName": "c",
                "primaryCookieName": "__Host-p",
                "secure": True,
                "path": "/",
                "domain": "example.com",
            }
        },
        (
            "spec.analysis.sessionAffinity.primaryCookieName: '__Host-p': browsers drop such a "
            "cookie unless path is / and domain is left out"
        ),
    ),
    "the trafficPolicy that the podinfo chart always writes, on linkerd": (
        {"provider": "linkerd", "service/trafficPolicy": TLS},
        (
            "spec.service.trafficPolicy: an object: linkerd ignores it: connections use the proxy's "
            "defaults"
        ),
    ),
    "a time limit that smi has not": (
        {"provider": "smi:v1alpha2", "service/timeout": "15s"},
        "spec.service.timeout: '15s': smi:v1alpha2 ignores it: the route sets no time limit",
    ),
    "retries that a GRPCRoute has not": (
        {
            "provider": "gatewayapi-grpc",
            "service/gatewayRefs": [{"name": "public"}],
            "service/retries": {"attempts": 3},
        },
        "spec.service.retries: an object: gatewayapi-grpc ignores it: the route does not retry requests",
    ),
    "what the default router ignores": (
        {"service/backendTimeout": "1s"},
        (
            "spec.service.backendTimeout: '1s': istio, which the controller uses by default, ignores "
            "it: the route sets no time limit for a single call"
        ),
    ),
    "a mesh of App Mesh": (
        {"service/meshName": "global"},
        (
            "spec.service.meshName: 'global': istio, which the controller uses by default, ignores it: "
            "only App Mesh uses it"
        ),
    ),
    "a share of copies that are not made": (
        {"analysis/mirrorWeight": 5},
        (
            "spec.analysis.mirrorWeight: 5: istio, which the controller uses by default, ignores it: "
            "nothing is mirrored unless mirror is true"
        ),
    ),
    "an Ingress beside a router that needs none": (
        {"provider": "istio", "ingressRef": INGRESS},
        "spec.ingressRef: an object: istio ignores it: it routes by no Ingress of yours",
    ),
    "an ApisixRoute beside a router that needs none": (
        {"provider": "linkerd", "routeRef": ROUTE},
        "spec.routeRef: an object: linkerd ignores it: it routes by no ApisixRoute of yours",
    ),
    "an Upstream beside a router that needs none": (
        {"provider": "istio", "upstreamRef": UPSTREAM},
        "spec.upstreamRef: an object: istio ignores it: it routes by no Upstream of yours",
    ),
    "queries of KEDA for another autoscaler": (
        {"autoscalerRef": SCALER},
        (
            "spec.autoscalerRef.primaryScalerQueries: an object: a HorizontalPodAutoscaler has no "
            "queries: the primary scales on the target's metrics"
        ),
    ),
    "a single step above maxWeight": (
        {"analysis/stepWeight": 60},
        "spec.analysis.maxWeight: 50: the last step of 60 % goes above it, to 60 %",
    ),
    "a last step above maxWeight": (
        {"analysis/stepWeight": 40, "analysis/maxWeight": 90},
        "spec.analysis.maxWeight: 90: the last step of 40 % goes above it, to 100 %",
    ),
    "a maxWeight of 0": (
        {"analysis/maxWeight": 0},
        "spec.analysis.maxWeight: 0: counts as 100",
    ),
    "a maxWeight beside stepWeights": (
        {"analysis/stepWeight": GONE, "analysis/stepWeights": [5, 20]},
        "spec.analysis.maxWeight: 50: ignored: stepWeights end at 20 %",
    ),
    "copies during A/B testing": (
        WEIGHTED
        | {"analysis/iterations": 5, "analysis/match": [INSIDERS], "analysis/mirror": True},
        (
            "spec.analysis.mirror: true: ignored: A/B testing sends requests to the canary, and no "
            "copies"
        ),
    ),
    "copies of no request": (
        {"analysis/maxWeight": GONE, "analysis/mirror": True, "analysis/mirrorWeight": 0},
        (
            "spec.analysis.mirrorWeight: 0: nothing is mirrored; leave it out to mirror every "
            "request"
        ),
    ),
    "a built-in name with a template": (
        {"analysis/metrics": [TEMPLATE | BOUND]},
        f"spec.analysis.metrics[0].name: 'request-success-rate': only its templateRef {ONLY}",
    ),
    "a built-in name with a query": (
        {"analysis/metrics": [QUERY | BOUND]},
        f"spec.analysis.metrics[0].name: 'request-duration': only its query {ONLY}",
    ),
    "a threshold beside a thresholdRange": (
        {"analysis/metrics/0/threshold": 95},
        "spec.analysis.metrics[0].threshold: 95: ignored: thresholdRange is the bound",
    ),
    "an interval that is spelled out": (
        {"analysis/interval": "5min"},
        "spec.analysis.interval: '5min': read as 5m, which is how to write it",
    ),
    "the window of a metric that is spelled out": (
        {"analysis/metrics/1/interval": "1minute"},
        "spec.analysis.metrics[1].interval: '1minute': read as 1m, which is how to write it",
    ),
    "the time limit of a hook that is spelled out": (
        {"analysis/webhooks/0/timeout": "90secs"},
        "spec.analysis.webhooks[0].timeout: '90secs': read as 90s, which is how to write it",
    ),
    "a hook that may take days": (
        {"analysis/webhooks/0/timeout": "48h"},
        "spec.analysis.webhooks[0].timeout: '48h': a call is given up after 24h",
    ),
    "a hook that repeats calls for days": (
        {"analysis/webhooks/0/timeout": "20m", "analysis/webhooks/0/retries": 100},
        (
            "spec.analysis.webhooks[0].retries: 100: a failed call is repeated 2 times: so many fit "
            "into 1h with a timeout of 20m"
        ),
    ),
}
SILENT = {
    "the first Canary of a new user": {},
    "a load test of 90 minutes": {"analysis/webhooks/0/timeout": "90m"},
    "steps that end at maxWeight": {"analysis/stepWeight": 25, "analysis/maxWeight": 100},
    "steps that end at 100 % below themselves": {
        "analysis/stepWeight": 60,
        "analysis/maxWeight": 100,
    },
    "stepWeights that end at maxWeight": {
        "analysis/stepWeight": GONE,
        "analysis/stepWeights": [5, 50],
    },
    "no maxWeight": {"analysis/maxWeight": GONE},
    "an autoscaler": {
        "autoscalerRef": {key: SCALER[key] for key in ("apiVersion", "kind", "name")}
    },
}


@pytest.mark.parametrize("group", ["tidegate.dev", "flagger.app"])
@pytest.mark.parametrize(("changes", "warning"), ACCEPTED.values(), ids=ACCEPTED)
def test_it_is_accepted_and_the_warning_says_what_happens_instead(changes, warning, group):
    obj = patched(a_canary(), changes) | {"apiVersion": f"{group}/v1beta1"}
    assert READER.problems(obj) == ()
    assert [str(each) for each in READER.warnings(obj)] == [warning]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1min", 60), ("2mins", 120), ("1minutes30sec", 90), ("1h1minute", 3660), ("5seconds", 5)],
)
def test_a_duration_that_is_spelled_out_lasts_as_long_as_it_says(written, seconds):
    canary = parse_canary(patched(a_canary(), {"analysis/interval": written}))
    assert canary.spec.analysis.interval.total_seconds() == seconds


@pytest.mark.parametrize(
    "written", ["min", "1mini", "1secure", "1sin", "1mec", "5 min", "1m5", "1minsec", "1M"]
)
def test_a_duration_that_cannot_be_read_is_refused_with_examples_of_one(written):
    (problem,) = READER.problems(patched(a_canary(), {"analysis/interval": written}))
    assert problem.remedy == "write a duration from 1s to 8760h, such as 90s, 1m30s or 2h"


@pytest.mark.parametrize("changes", SILENT.values(), ids=SILENT)
def test_what_is_neither_ignored_nor_changed_is_not_warned_of(changes):
    obj = patched(a_canary(), changes)
    assert (READER.problems(obj), READER.warnings(obj)) == ((), ())


def test_a_reference_of_another_router_is_refused_where_no_router_is_named():
    """The peer may have routed by the Ingress: its default router is not ours."""
    (problem,) = READER.problems(patched(a_canary(), {"ingressRef": INGRESS}))
    assert problem.remedy == "name the router that uses it in spec.provider, or remove it"


def test_what_is_refused_is_not_warned_of_as_well():
    refused = {"ingressRef": INGRESS, "analysis/maxWeight": 0}
    obj = patched(a_canary(), refused)
    assert [each.field for each in READER.problems(obj)] == ["spec.ingressRef"]
    assert READER.warnings(obj) == ()
    assert READER.warnings(patched(a_canary(), {"provider": "apisix", "routeRef": ROUTE})) == ()
    assert READER.warnings({"apiVersion": "tidegate.dev/v1beta1", "kind": "Canary"}) == ()


def annotated(**annotations: str):
    names = {f"tidegate.dev/{name.replace('_', '-')}": text for name, text in annotations.items()}
    metadata = {"name": "podinfo", "annotations": names | {"example.com/aprove": "yes"}}
    return a_canary() | {"metadata": metadata}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("aprove", "approve"),
        ("Approved", "approve"),
        ("accept_risks", "accept-risk"),
        ("resumed", "resume"),
    ],
)
def test_an_annotation_that_was_mistyped_is_told_with_the_one_that_was_meant(name, meant):
    written = name.replace("_", "-")
    assert [str(each) for each in READER.warnings(annotated(**{name: "@alice"}))] == [
        (
            f"metadata.annotations: 'tidegate.dev/{written}': ignored; did you mean "
            f"tidegate.dev/{meant}?"
        )
    ]


def test_an_annotation_that_is_like_none_is_told_with_all_of_them():
    (warning,) = READER.warnings(annotated(hold="yes"))
    assert str(warning) == (
        "metadata.annotations: 'tidegate.dev/hold': ignored; a Canary has tidegate.dev/ annotations "
        "of these names: abort, reject, pause, resume, approve, skip, expedite, "
        "retry, promote, accept-risk, assume-features, known-route"
    )


def test_known_annotations_and_those_of_others_are_not_warned_of():
    assert READER.warnings(annotated(approve="@alice", accept_risk="PeerAuthentication/x")) == ()

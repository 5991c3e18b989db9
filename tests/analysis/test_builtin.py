"""The built-in metrics: that every query is whole, and selects what it is meant to."""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from math import inf

import pytest

from analysis.builtin import (
    DURATION,
    SUCCESS_RATE,
    UNITS,
    built_in_counts,
    builtin,
    counts_requests,
    legacy_range,
    request_count,
    request_counts,
    unit,
)
from analysis.counting import calls, parse_count, promql, selectors
from analysis.errors import QueryError
from analysis.expression import Matcher, metric_names, parse
from analysis.model import Bounds, Signal
from analysis.template import TemplateContext, render
from canary.routers import ROUTERS
from tests.analysis.series import CLUSTERS, SERIES


def built_in(provider: str, metric: str = SUCCESS_RATE) -> tuple[str, ...]:
    """List the routers that there are built-in queries for."""
    found = []
    for name in ROUTERS.names():
        with suppress(QueryError):
            builtin(metric, name, provider)
            found.append(name)
    return tuple(found)


QUERIED = built_in("prometheus")
RATED = built_in("scrape")
SCRAPED = built_in("scrape", DURATION)
#: Those of them whose proxies are Envoy.
ENVOYS = tuple(name for name in SCRAPED if "envoy_" in builtin(SUCCESS_RATE, name, "scrape"))
CONTEXT = TemplateContext(
    name="the-canary",
    namespace="test",
    target="app",
    service="front",
    ingress="",
    route="app-00002",
    interval=timedelta(minutes=1),
)

#: How a query names the service of the canary.
OF_CANARY = re.compile(
    r"{{ service }}-(canary|{{ side }})|{{ symbol service }}_+canary|{{ route }}"
)

every_query = pytest.mark.parametrize(
    ("metric", "router"), [(metric, router) for metric in UNITS for router in QUERIED]
)


def test_a_router_has_queries_for_every_built_in_metric_or_for_none():
    assert built_in("prometheus", DURATION) == QUERIED
    assert SCRAPED == RATED


@every_query
def test_a_query_is_balanced_and_asks_for_its_namespace_and_interval(metric, router):
    template = builtin(metric, router)
    assert re.search(r"{{ (symbol )?namespace }}", template)
    assert "{{ interval }}" in template
    assert "{{ target }}" in template or OF_CANARY.search(template)
    query = without_comments(render(template, CONTEXT))
    outside = re.sub(r'"[^"]*"', "", query)
    for opening, closing in ("()", "[]", "{}"):
        assert outside.count(opening) == outside.count(closing) > 0
    assert query.count('"') % 2 == 0
    assert re.search(r"(?<![a-z])test(?![a-z])", query)
    assert "[1m]" in query
    without = re.sub("front(-|_+)canary", "", query)
    assert "front" not in without, "workloads are named by the target, not by the service"


@pytest.mark.parametrize("metric", UNITS)
def test_smi_counts_with_the_proxies_of_istio(metric):
    assert builtin(metric, "smi") == builtin(metric, "istio") == builtin(metric, "smi:v1alpha2")


@pytest.mark.parametrize("metric", UNITS)
def test_of_several_routers_the_first_one_counts(metric):
    assert builtin(metric, "nginx+istio") == builtin(metric, "nginx")
    assert builtin(metric, "istio+gatewayapi:v1") == builtin(metric, "istio")


def test_the_requests_of_each_of_several_routers_are_counted_that_has_counts():
    assert counts_requests("nginx+istio")
    assert not counts_requests("nginx+apisix")
    counted = request_counts("nginx+istio+contour")
    assert counted == {name: request_count(name) for name in ("istio", "contour")}
    scraped = request_counts("gatewayapi:v1+emissary", "scrape")
    assert scraped == {"gatewayapi": request_count("gatewayapi", "scrape")}
    with pytest.raises(QueryError, match="for router 'nginx'"):
        request_counts("nginx+skipper")


@pytest.mark.parametrize("provider", ["prometheus", "scrape"])
@pytest.mark.parametrize("router", QUERIED)
def test_values_of_both_sides_are_those_of_the_series_that_are_counted(router, provider):
    """Where requests are counted on each side, the values of each side are of the same series."""
    try:
        counted = built_in_counts(SUCCESS_RATE, router, provider).queries[Signal.REQUESTS]
    except QueryError:
        return
    canary = replace(CONTEXT, service="front-canary")
    primary = replace(
        CONTEXT, target="app-primary", service="front-primary", side="primary", route="app-00001"
    )
    for side, counts_of in ((CONTEXT, canary), (replace(primary, service="front"), primary)):
        query = render(builtin(SUCCESS_RATE, router, provider), side)
        (selector,) = selectors(parse_count(render(counted, counts_of)))
        for matcher in selector.matchers:
            assert f'"{matcher.text}"' in query.replace("\\\\", "\\")


@pytest.mark.parametrize("metric", UNITS)
def test_without_a_proxy_the_pods_own_counts_are_asked_for(metric):
    assert builtin(metric, "kubernetes") == builtin(metric, "gatewayapi")


@pytest.mark.parametrize("router", QUERIED)
def test_where_every_request_fails_the_success_rate_is_zero_and_not_absent(router):
    query = without_comments(builtin("request-success-rate", router))
    assert re.search(r"or vector\(0\)\s*\)\s*/", query)


@pytest.mark.parametrize(
    ("pod", "selected"),
    [
        ("app-6d4f8b9c7d-x2x9z", True),
        ("app-x2x9z", True),
        ("app-primary-6d4f8b9c7d-x2x9z", False),
        ("app-primary-x2x9z", False),
        ("app-worker-6d4f8b9c7d-x2x9z", False),
        ("app-worker-x2x9z", False),
        ("other-app-6d4f8b9c7d-x2x9z", False),
        ("app", False),
    ],
)
@pytest.mark.parametrize("router", ["apisix", "gatewayapi", "gatewayapi-grpc"])
@pytest.mark.parametrize("metric", UNITS)
def test_pods_of_the_target_are_selected_and_no_others(metric, router, pod, selected):
    query = render(builtin(metric, router), CONTEXT)
    patterns = re.findall(r'pod(?:_name)?=~"([^"]*)"', query)
    assert patterns
    assert all(bool(re.fullmatch(pattern, pod)) is selected for pattern in patterns)


@pytest.mark.parametrize(
    ("router", "cluster", "selected"),
    [
        (router, cluster, selected)
        for router, rows in CLUSTERS.items()
        for selected, clusters in rows.items()
        for cluster in clusters
    ],
)
@pytest.mark.parametrize("metric", UNITS)
def test_envoy_clusters_of_the_canary_service_are_selected_and_no_others(
    metric, router, cluster, selected
):
    patterns = [
        pattern
        for provider in ("prometheus", "scrape")
        for pattern in re.findall(
            r'cluster_name=~"([^"]*)"', render(builtin(metric, router, provider), CONTEXT)
        )
    ]
    assert patterns
    assert all(bool(re.fullmatch(pattern, cluster)) is selected for pattern in patterns)


def test_every_router_whose_envoys_are_asked_by_cluster_says_how_these_name_clusters():
    by_cluster = {
        name for name in ENVOYS if "envoy_cluster_name" in builtin(SUCCESS_RATE, name, "scrape")
    }
    assert by_cluster == CLUSTERS.keys()


@pytest.mark.parametrize(
    ("router", "metric"),
    [*((name, SUCCESS_RATE) for name in RATED), *((name, DURATION) for name in SCRAPED)],
)
def test_a_scraped_query_is_of_its_language_and_about_the_canary_service(router, metric):
    template = builtin(metric, router, "scrape")
    assert metric_names(parse(render(template, CONTEXT)))
    assert "{{ target }}" in template or OF_CANARY.search(template)


@pytest.mark.parametrize("router", ENVOYS)
def test_envoys_pages_are_asked_for_requests_and_their_times(router):
    names = {
        metric: metric_names(parse(render(builtin(metric, router, "scrape"), CONTEXT)))
        for metric in UNITS
    }
    assert names == {
        "request-success-rate": {"envoy_cluster_upstream_rq"},
        "request-duration": {"envoy_cluster_upstream_rq_time_bucket"},
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("requests", "istio"), "use one of: request-success-rate, request-duration", id="an unknown metric"),
        pytest.param(("request-duration", "appmesh"), f"Built in for: {', '.join(QUERIED)}", id="an unknown router"),
        pytest.param(("request-duration", "apisix", "scrape"), f"Built in for: {', '.join(SCRAPED)}", id="a router without scraped queries"),
        pytest.param(("request-duration", "kubernetes", "scrape"), f"give it a templateRef or a query. Built in for: {', '.join(SCRAPED)}", id="a router without a proxy to scrape"),
        pytest.param(("request-duration", "kong"), "for router 'kong': Kong counts both sides of a route together; give it a templateRef or a query that counts at the canary's pods", id="a proxy that counts both sides together"),
        pytest.param(("request-duration", "alb"), "for router 'alb': the load balancer counts in CloudWatch; give it a templateRef or a query of provider cloudwatch, for the target group of the canary's Service", id="a load balancer that counts elsewhere"),
        pytest.param(("request-duration", "istio", "datadog"), "use one of the providers: prometheus, scrape", id="another provider"),
        pytest.param(("../istio/request-duration", "istio"), "is not built in", id="a path"),
    ],
)  # fmt: skip
def test_what_is_not_built_in_is_refused_with_what_is(arguments, says):
    with pytest.raises(QueryError) as refused:
        builtin(*arguments)
    assert says in str(refused.value)


@pytest.mark.parametrize("router", ["linkerd", "osm"])
def test_a_proxy_that_tells_workloads_apart_by_kind_is_asked_for_that_of_the_target(router):
    bounds = Bounds(max=250)
    for kind, others in (("DaemonSet", "deployment"), ("Deployment", "daemonset")):
        counts = [built_in_counts(each, router, bounds=bounds, kind=kind) for each in UNITS]
        queries = [
            *(builtin(metric, router, kind=kind) for metric in UNITS),
            request_count(router, kind=kind),
            *(query for each in counts for query in each.queries.values()),
        ]
        for query in queries:
            context = replace(CONTEXT, kind=kind, variables={"milliseconds": "250"})
            rendered = without_comments(render(query, context)).lower()
            assert kind.lower() in rendered
            assert others not in rendered


@pytest.mark.parametrize("router", ["linkerd", "osm"])
@pytest.mark.parametrize(
    ("ask", "remedy"),
    [
        (partial(builtin, SUCCESS_RATE), "give it a templateRef or a query"),
        (request_count, "remove verifyTraffic"),
        (partial(built_in_counts, SUCCESS_RATE), "use the judge threshold"),
    ],
)
def test_a_kind_that_its_series_do_not_know_is_refused_with_the_way_out(router, ask, remedy):
    with pytest.raises(QueryError) as refused:
        ask(router, kind="Service")
    assert f"for router {router!r} and a target of kind Service; {remedy}" in str(refused.value)
    assert "each Deployment, DaemonSet, StatefulSet" in str(refused.value)
    assert ask("istio", kind="Service") == ask("istio")


SERVICES = ("consul", "contour", "gloo", "istio", "kuma", "nginx-f5", "smi", "traefik")
#: The providers, and the routers whose metrics count the requests of both sides there.
COUNTED = [
    *(("prometheus", name) for name in ROUTERS.names() if name in {*SERVICES, "linkerd", "osm"}),
    *(("scrape", name) for name in (*SERVICES, "gatewayapi", "linkerd", "osm")),
]
SIDE = replace(CONTEXT, target="app-primary", service="front-primary")


@pytest.mark.parametrize(("provider", "router"), COUNTED)
def test_requests_are_counted_of_the_side_that_is_named_and_of_no_other(provider, router):
    assert counts_requests(router)
    canary, primary = (
        without_comments(render(request_count(router, provider), context))
        for context in (replace(CONTEXT, service="front-canary"), SIDE)
    )
    assert "primary" not in canary
    swapped = primary.replace("app-primary", "app").replace("front-primary", "front-canary")
    assert swapped == canary
    assert "test" in canary
    if provider == "scrape":
        assert metric_names(parse(canary)) <= {
            "envoy_cluster_upstream_rq",
            "nginx_ingress_controller_upstream_server_response_latency_ms_count",
            "response_total",
            "traefik_service_requests_total",
        }
    else:
        assert "[1m]" in canary


@pytest.mark.parametrize(("provider", "router"), COUNTED)
def test_requests_are_counted_as_the_success_rate_counts_them(provider, router):
    """The series of the canary are those that its success rate is the share of."""
    count = without_comments(
        render(request_count(router, provider), replace(CONTEXT, service="front-canary"))
    )
    rate = without_comments(render(builtin(SUCCESS_RATE, router, provider), CONTEXT))
    (selected,) = re.findall(r"(\w+\{[^}]*\})", re.sub(r"\s+", "", count))
    assert selected in re.sub(r"\s+", "", rate)


#: The same for what judges count.
COMPARED = [*COUNTED, ("prometheus", "gatewayapi"), ("prometheus", "kubernetes")]


@pytest.mark.parametrize(("provider", "router"), COMPARED)
def test_what_is_counted_of_a_side_is_what_its_success_rate_is_made_of(provider, router):
    queries = built_in_counts(SUCCESS_RATE, router, provider).queries
    assert list(queries) == [Signal.REQUESTS, Signal.BAD]
    canary, primary = (
        [render(query, context) for query in queries.values()]
        for context in (replace(CONTEXT, service="front-canary"), SIDE)
    )
    (requests,), bad = (tuple(selectors(parse_count(query))) for query in canary)
    rate = re.sub(
        r"\s+", "", without_comments(render(builtin(SUCCESS_RATE, router, provider), CONTEXT))
    )
    assert promql(requests)[:-1] in rate
    known = requests.matchers
    for part in bad:
        # Those that are bad are some of the requests, by one more condition, and each counts once.
        assert (part.name, part.matchers[:-1]) == (requests.name, known)
        last = part.matchers[-1]
        assert last.operator in {"=", "=~"}
        assert last.text in rate
        known = (*known, Matcher(last.label, "!~", last.text))
    swapped = [
        each.replace("app-primary", "app").replace("front-primary", "front-canary")
        for each in primary
    ]
    assert swapped == canary != primary


@pytest.mark.parametrize(
    ("code", "grpc", "good", "bad"),
    [
        ("200", "", True, False),
        ("404", "", True, False),
        ("503", "", False, True),
        ("200", "0", True, False),
        ("200", "5", True, False),
        ("200", "2", False, True),
        ("200", "14", False, True),
        ("503", "14", False, True),
    ],
)
def test_of_istio_a_failed_call_of_grpc_is_a_failed_request(code, grpc, good, bad):
    labels = tuple(
        {
            "reporter": "destination",
            "destination_workload_namespace": "test",
            "destination_workload": "app",
            "response_code": code,
            "grpc_response_status": grpc,
        }.items()
    )
    rate = re.sub(r"\s+", "", without_comments(render(builtin(SUCCESS_RATE, "istio"), CONTEXT)))
    selected, _ = re.findall(r"rate\((\w+\{[^}]*\})", rate)
    (of_rate,) = selectors(parse_count(f"increase({selected})"))
    assert of_rate.accepts(labels) is good
    query = built_in_counts(SUCCESS_RATE, "istio").queries[Signal.BAD]
    # Counted once, whichever says that it has failed.
    counted = [each.accepts(labels) for each in selectors(parse_count(render(query, CONTEXT)))]
    assert sum(counted) == int(bad)


@pytest.mark.parametrize(("provider", "router"), COMPARED)
def test_what_is_timed_of_a_side_is_what_its_duration_is_made_of(provider, router):
    counts = built_in_counts(DURATION, router, provider, Bounds(max=250))
    assert list(counts.queries) == [Signal.REQUESTS, Signal.GOOD]
    assert (counts.good, counts.bounds) == ("within 250 ms", Bounds(min=99))
    canary, primary = (
        [
            render(query, replace(context, variables=counts.variables))
            for query in counts.queries.values()
        ]
        for context in (replace(CONTEXT, service="front-canary"), SIDE)
    )
    requests, good = (next(calls(parse_count(query))) for query in canary)
    (all_of_them,), (buckets,) = requests.selectors, good.selectors
    assert all_of_them.name.removesuffix("_count") == buckets.name.removesuffix("_bucket")
    assert all_of_them.matchers == buckets.matchers
    # The name of the histogram says what its edges are.
    assert good.number == (0.25 if "seconds" in re.split("_", buckets.name) else 250)
    duration = without_comments(render(builtin(DURATION, router, provider), CONTEXT))
    assert promql(buckets)[:-1] in re.sub(r"\s+", "", duration)
    swapped = [
        each.replace("app-primary", "app").replace("front-primary", "front-canary")
        for each in primary
    ]
    assert swapped == canary != primary


@pytest.mark.parametrize(
    "bounds", [Bounds(), Bounds(min=5), Bounds(min=5, max=500), Bounds(max=0), Bounds(max=inf)]
)
def test_durations_are_counted_at_one_edge(bounds):
    with pytest.raises(
        QueryError, match=r"metric 'request-duration': thresholdRange: .* write max"
    ):
        built_in_counts(DURATION, "istio", "prometheus", bounds)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("errors", "istio"), "metric 'errors' is not built in as counts; use the judge threshold"),
        (("errors", "istio"), "Built in as counts: request-success-rate, request-duration"),
        (("request-duration", "nginx", "prometheus", Bounds(max=500)), "as counts is not built in for router 'nginx'"),
        (("request-success-rate", "nginx"), "as counts is not built in for router 'nginx' with provider 'prometheus'"),
        (("request-success-rate", "istio", "datadog"), "or use one of the providers: prometheus, scrape"),
    ],
)  # fmt: skip
def test_what_is_not_counted_is_refused_with_what_is(arguments, says):
    with pytest.raises(QueryError) as refused:
        built_in_counts(*arguments)
    assert says in str(refused.value)


def test_requests_that_nothing_counts_are_refused_with_what_is_counted():
    assert not counts_requests("kubernetes:replicas")
    with pytest.raises(
        QueryError, match=r"remove verifyTraffic\. Built in for: consul, contour, .*istio"
    ) as said:
        request_count("gatewayapi")
    assert "'gatewayapi' with provider 'prometheus'" in str(said.value)
    with pytest.raises(QueryError, match=r"remove verifyTraffic, or use one of the providers"):
        request_count("istio", "datadog")


def test_built_in_metrics_have_units():
    assert unit("request-success-rate") == "%"
    assert unit("request-duration") == "ms"
    assert unit("my-metric") == ""


def test_an_older_threshold_is_the_least_success_rate_and_the_most_of_all_else():
    assert legacy_range("request-success-rate", 99) == Bounds(min=99)
    assert legacy_range("request-duration", 500) == Bounds(max=500)
    assert legacy_range("my-metric", 1) == Bounds(max=1)


def test_every_router_with_queries_has_series_that_they_are_tried_on():
    assert {builtin(SUCCESS_RATE, router) for router in QUERIED} == {
        builtin(SUCCESS_RATE, shape.partition(" ")[0]) for shape in SERIES
    }


def without_comments(query: str) -> str:
    return "\n".join(line for line in query.splitlines() if not line.startswith("#"))

"""How a MetricTemplate becomes a question: its store, its Secret, its options."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta

import pytest

from analysis.egress import UNRESTRICTED, EgressPolicy
from analysis.errors import QueryError
from analysis.model import Arm, Bounds, Credentials, NoDataPolicy, Signal
from analysis.narrowing import parse_matchers
from analysis.providers import check
from analysis.providers.store import secret_of
from canary.api.kinds import Kind
from canary.api.metrics import MetricSpec
from canary.api.metrictemplate import MetricTemplate
from canary.api.validation import parse_metric_template
from canary.controller.queries import QueryBuilder, Stores
from canary.controller.reading import CanaryReader
from canary.controller.secrets import SecretReader
from canary.core.needs import Earlier
from canary.errors import CanaryError, Forbidden, InvalidSpec
from tests.api.examples import GONE, JsonObject, a_canary, a_template, patched
from tests.certificates import authority_pem
from tests.peer_templates import TEMPLATES

POLICY = EgressPolicy(deny=("10.0.0.0/8",))
METRIC = {
    "name": "errors",
    "interval": "1m",
    "templateRef": {"name": "errors", "namespace": "test"},
    "templateVariables": {"cluster": "eu"},
    "thresholdRange": {"max": 1},
}


class Cluster:
    """Holds one Secret."""

    def __init__(self, data: Mapping[str, str], send_to: str = "") -> None:
        self.data = data
        self.send_to = send_to

    async def read(self, _kind: Kind, namespace: str, name: str) -> JsonObject:
        return {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "annotations": {"tidegate.dev/send-to": self.send_to},
            },
            "data": {k: b64encode(v.encode()).decode() for k, v in self.data.items()},
        }


class Templates:
    """Holds one template."""

    def __init__(self, manifest: JsonObject) -> None:
        self.manifest = manifest

    def metric_template(self, _group: str, _namespace: str, _name: str) -> MetricTemplate:
        return parse_metric_template(self.manifest)


class ApiServer:
    """Where the controller reaches the cluster, with a token."""

    server = "https://10.0.0.1:443"
    verified = True
    authority = authority_pem()

    def __init__(self, authorization: str = "Bearer own-t0ken") -> None:
        self._authorization = authorization

    async def authorization(self) -> str:
        return self._authorization


async def built(
    manifest: JsonObject, secret: Mapping[str, str], metric: JsonObject = METRIC, **options
):
    builder = QueryBuilder(
        templates=Templates(manifest),
        secrets=SecretReader(Cluster(secret, options.pop("send_to", "")), lambda: 0.0),
        stores=Stores(targets=("http://proxy:9901/stats",)),
        default_router="istio",
        egress=POLICY,
        **{"api_server": ApiServer(), **options},
    )
    record = CanaryReader("istio").read(a_canary())
    return await builder.metric(record, MetricSpec.model_validate(metric))


async def test_requests_are_counted_of_the_workloads_of_both_sides():
    builder = QueryBuilder(
        templates=Templates({}),
        secrets=SecretReader(Cluster({}), lambda: 0.0),
        stores=Stores(address="http://prometheus"),
        default_router="istio",
    )
    record = CanaryReader("istio").read(a_canary())
    (metric,) = await builder.requests(record, timedelta(seconds=30))
    asked = {ask.arm: ask.query for ask in metric.asks}
    assert (metric.interval, metric.provider.address) == (
        timedelta(seconds=30),
        "http://prometheus",
    )
    assert 'destination_workload="podinfo"' in asked[Arm.CANARY]
    assert 'destination_workload="podinfo-primary"' in asked[Arm.PRIMARY]
    assert all("[30s]" in query for query in asked.values())


async def asked_by(stores: Stores, metric: JsonObject, **spec: JsonObject) -> list[str]:
    """Build one metric, and what counts the requests, and give their queries."""
    builder = QueryBuilder(
        templates=Templates(patched(a_template(), {"query": "errors{cluster='{{ cluster }}'}"})),
        secrets=SecretReader(Cluster({}), lambda: 0.0),
        stores=stores,
        default_router="istio",
    )
    record = CanaryReader("istio").read(patched(a_canary(), spec))
    built = await builder.metric(record, MetricSpec.model_validate(metric))
    return [ask.query for ask in built.asks]


SUCCESS = {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}
OWN = {"name": "own", "interval": "1m", "query": "up", "thresholdRange": {"max": 1}}
IN_EU = Stores(
    address="http://prometheus", matchers=parse_matchers('cluster="eu-1"'), cluster="eu-1"
)


@pytest.mark.parametrize(
    ("metric", "spec"),
    [
        pytest.param(SUCCESS, {}, id="a value"),
        pytest.param(SUCCESS, {"metricsServer": "http://own"}, id="a store of its own"),
        pytest.param({**SUCCESS, "judge": "sequential"}, {}, id="counts"),
    ],
)
async def test_a_built_in_query_is_narrowed_to_the_cluster(metric, spec):
    (*queries,) = await asked_by(IN_EU, metric, **spec)
    for query in queries:
        assert query.count("istio_requests_total{") == query.count('{cluster="eu-1",') > 0


async def test_what_verifies_the_traffic_is_narrowed_to_the_cluster():
    builder = QueryBuilder(
        templates=Templates({}),
        secrets=SecretReader(Cluster({}), lambda: 0.0),
        stores=IN_EU,
        default_router="istio",
    )
    (metric,) = await builder.requests(CanaryReader("istio").read(a_canary()), timedelta(minutes=1))
    assert len(metric.asks) == 2
    assert all('istio_requests_total{cluster="eu-1",' in ask.query for ask in metric.asks)


async def test_a_query_of_ones_own_is_asked_as_it_is_and_knows_the_clusters_name():
    assert await asked_by(IN_EU, OWN) == ["up"]
    assert await asked_by(IN_EU, METRIC) == ["errors{cluster='eu-1'}"]
    with pytest.raises(QueryError, match="name is not known; give --cluster-name, or write"):
        await asked_by(Stores(address="http://prometheus"), METRIC)


async def test_of_several_routers_each_that_has_counts_is_asked():
    builder = QueryBuilder(
        templates=Templates({}),
        secrets=SecretReader(Cluster({}), lambda: 0.0),
        stores=Stores(address="http://prometheus"),
        default_router="istio",
    )
    canary = a_canary()
    canary["spec"]["provider"] = "gatewayapi+istio+contour"
    metrics = await builder.requests(CanaryReader("istio").read(canary), timedelta(seconds=30))
    assert [each.name for each in metrics] == ["istio", "contour"]


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
async def test_a_template_of_flagger_works_unedited(template):
    metric = await built(template.manifest, template.secret)
    check(metric.provider)
    assert metric.provider.address == template.address
    own = {"token": "own-t0ken"} if metric.provider.address == ApiServer.server else {}
    assert secret_of(metric.provider) == {**template.secret, **own}
    assert "{{" not in metric.query


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(template, id=name)
        for name, template in TEMPLATES.items()
        if template.address != ApiServer.server
    ],
)
async def test_where_a_store_of_its_own_address_may_be_asked_is_the_administrator_s_say(template):
    assert (await built(template.manifest, template.secret)).provider.egress == POLICY


async def test_what_the_administrator_has_named_is_read_whatever_the_policy():
    metric = await built(patched(a_template(), {"provider": {"type": "scrape"}}), {})
    assert metric.provider.targets == ("http://proxy:9901/stats",)
    assert metric.provider.egress == UNRESTRICTED


async def test_a_secret_goes_to_a_store_of_its_own_address_only_if_it_says_so():
    template = TEMPLATES["datadog"]
    metric = await built(
        template.manifest, template.secret, multi_tenant=True, send_to="api.datadoghq.com"
    )
    assert secret_of(metric.provider) == template.secret
    with pytest.raises(InvalidSpec, match=r"send-to: https://api\.datadoghq\.com"):
        await built(template.manifest, template.secret, multi_tenant=True)


async def test_a_client_s_secret_goes_where_tokens_come_from_only_if_it_says_so():
    provider = {
        "type": "prometheus",
        "address": "https://mimir.example",
        "secretRef": {"name": "s"},
        "options": {"auth": "oauth2", "tokenUrl": "https://issuer.example/token"},
    }
    manifest = patched(a_template(), {"provider": provider})
    client = {"client_id": "shop", "client_secret": "s3cr3t"}
    both = "https://mimir.example, https://issuer.example"
    metric = await built(manifest, client, multi_tenant=True, send_to=both)
    assert secret_of(metric.provider) == client
    with pytest.raises(InvalidSpec, match=r"send-to: https://issuer\.example"):
        await built(manifest, client, multi_tenant=True, send_to="https://mimir.example")


@pytest.mark.parametrize(
    ("provider", "secret", "told"),
    [
        ({"type": "datadog"}, {}, "needs the key datadog_api_key of a Secret"),
        ({"type": "datadog", "options": {"language": "x"}}, {}, "provider.options.language: provider datadog reads no such option; it reads aggregator, api, reduce, settle, window"),
        ({"type": "prometheus", "address": "http://a", "options": {"a": "b"}}, {}, "provider prometheus reads no such option"),
        ({"type": "scrape", "options": {"a": "b"}}, {}, "provider scrape reads no options"),
        ({"type": "graphite", "address": "http://a", "options": {"reduce": "mean"}}, {}, "'mean' is none; write one of first, last, sum"),
        ({"type": "graphite", "address": "http://a", "options": {"settle": "soon"}}, {}, "provider.options.settle: 'soon' is no duration"),
        ({"type": "graphite"}, {}, "write it as http://host:port"),
        ({"type": "influxdb", "address": "http://a"}, {"token": "t"}, "add the key org to the Secret"),
        ({"type": "cloudwatch", "region": "evil.example/#"}, {}, "provider.region: 'evil.example/#' is none of cloudwatch"),
        ({"type": "stackdriver"}, {}, "needs a project: add the key project to the Secret"),
        ({"type": "stackdriver", "address": "https://evil.example"}, {"project": "shop-1"}, "is for https://monitoring.googleapis.com"),
        ({"type": "azuremonitor"}, {}, "provider.options.workspace: azuremonitor needs one"),
        ({"type": "azuremonitor", "address": "https://evil.example", "options": {"workspace": "1" * 36}}, {}, "is for https://*.prometheus.monitor.azure.com"),
        ({"type": "azuremonitor", "options": {"workspace": "1" * 36}}, {"tenant_id": "a"}, "the Secret has no key client_id"),
        ({"type": "elasticsearch", "address": "http://a"}, {}, "provider.options.index: a search needs one"),
        ({"type": "opensearch", "address": "http://a", "options": {"language": "esql"}}, {}, "write one of dsl, ppl, sql"),
        ({"type": "web", "address": "http://a", "options": {"body": "{}"}}, {}, "a GET has none"),
    ],
)  # fmt: skip
async def test_what_a_store_cannot_work_with_is_known_before_it_is_asked(provider, secret, told):
    manifest = patched(
        a_template(), {"provider": {**provider, **({"secretRef": {"name": "s"}} if secret else {})}}
    )
    with pytest.raises((QueryError, CanaryError)) as refused:
        await built(manifest, secret)
    assert told in str(refused.value)


@pytest.mark.parametrize("name", ["externalmetrics", "keptn"])
async def test_the_api_server_is_asked_with_the_controller_s_token_and_under_no_policy(name):
    spec = (await built(TEMPLATES[name].manifest, {})).provider
    assert (spec.address, spec.ca_bundle) == (ApiServer.server, ApiServer.authority)
    assert spec.egress == UNRESTRICTED
    assert not spec.insecure_skip_verify


async def test_the_controller_s_token_never_goes_to_an_address_of_a_template():
    template = TEMPLATES["externalmetrics of an adapter"]
    spec = (await built(patched(template.manifest, {"provider/secretRef": GONE}), {})).provider
    assert spec.credentials == Credentials()
    assert spec.egress == POLICY


async def test_where_the_controller_has_no_token_the_secret_must_have_one():
    template = patched(
        TEMPLATES["externalmetrics"].manifest, {"provider/secretRef": {"name": "login"}}
    )
    spec = (await built(template, {"token": "t0ken"}, api_server=ApiServer(""))).provider
    assert spec.credentials.token == "t0ken"
    with pytest.raises(Forbidden, match="write the key token into the Secret"):
        await built(template, {}, api_server=ApiServer(""))


@pytest.mark.usefixtures("all_on")
async def test_jobs_are_created_with_the_token_of_the_secret_and_never_with_the_controller_s():
    query = "apiVersion: batch/v1"
    provider = {"type": "job", "secretRef": {"name": "login"}}
    template = patched(
        TEMPLATES["externalmetrics"].manifest, {"provider": provider, "query": query}
    )
    spec = (await built(template, {"token": "t0ken"})).provider
    assert (spec.address, spec.credentials) == (ApiServer.server, Credentials(token="t0ken"))
    with pytest.raises(Forbidden, match="never asks with the controller's own token"):
        await built(template, {})


async def test_a_store_that_takes_long_is_asked_for_one_value():
    query = '{"config": "{{ target }}", "scopes": {}}'
    provider = {"type": "kayenta", "address": "http://kayenta:8090"}
    template = patched(
        TEMPLATES["externalmetrics"].manifest, {"provider": provider, "query": query}
    )
    assert (await built(template, {})).query == '{"config": "podinfo", "scopes": {}}'
    judged = {name: value for name, value in METRIC.items() if name != "thresholdRange"}
    judged |= {"judge": "comparison", "judgeOptions": {"passes": "value <= baseline"}}
    with pytest.raises(QueryError, match="judge: threshold or judge: expression"):
        await built(template, {}, metric=judged)


def test_every_type_of_flagger_has_a_template_here():
    assert {template.provider["type"] for template in TEMPLATES.values()} == {
        *("cloudwatch", "datadog", "dynatrace", "externalmetrics", "graphite", "influxdb"),
        *("keptn", "newrelic", "prometheus", "splunk", "stackdriver"),
    }


COUNTS = {
    "requests": 'increase(rq{app="{{ target }}",of="{{ service }}"})',
    "bad": 'increase(rq{app="{{ target }}",code="500"})',
}


async def counted(
    changes: Mapping[str, object],
    metrics: int = 1,
    earlier: Earlier | None = None,
    **fields: object,
):
    """Build a metric that is judged by what is counted, of a Canary with several of the kind."""
    metric = {"name": "errors", "judge": "sequential", **fields}
    builder = QueryBuilder(
        templates=Templates(patched(a_template(), changes)),
        secrets=SecretReader(Cluster({}), lambda: 0.0),
        stores=Stores(address="http://prometheus"),
        default_router="istio",
    )
    others = [{"name": f"m{number}", "judge": "sequential"} for number in range(metrics)]
    of_canary = {"analysis/metrics": others, "analysis/interval": "5m"}
    record = CanaryReader("istio").read(patched(a_canary(), of_canary))
    return await builder.metric(record, MetricSpec.model_validate(metric), earlier=earlier)


async def test_a_judge_that_counts_is_built_the_counts_of_both_sides():
    metric = await counted({"counts": COUNTS}, templateRef={"name": "errors"})
    assert [(ask.arm, ask.signal, ask.query) for ask in metric.asks] == [
        (Arm.CANARY, Signal.REQUESTS, 'increase(rq{app="podinfo",of="podinfo-canary"})'),
        (Arm.CANARY, Signal.BAD, 'increase(rq{app="podinfo",code="500"})'),
        (Arm.PRIMARY, Signal.REQUESTS, 'increase(rq{app="podinfo-primary",of="podinfo-primary"})'),
        (Arm.PRIMARY, Signal.BAD, 'increase(rq{app="podinfo-primary",code="500"})'),
    ]
    # What it looks back on reaches to the last analysis.
    assert metric.interval == timedelta(minutes=5)
    assert metric.threshold_range == Bounds()


async def test_the_built_in_success_rate_is_counted():
    metric = await counted(
        {}, metrics=3, name="request-success-rate", judgeOptions={"alpha": "0.05"}
    )
    assert [ask.query.count("istio_requests_total") for ask in metric.asks] == [1, 2] * 2
    assert (metric.peers, metric.options) == (3, (("alpha", "0.05"),))
    assert (metric.min_requests, metric.on_inconclusive) == (50, NoDataPolicy.PASS)


@pytest.mark.parametrize("bound", [{"thresholdRange": {"max": 500}}, {"threshold": 500}])
async def test_the_built_in_duration_is_counted_at_the_edge_that_its_bound_is(bound):
    metric = await counted({}, name="request-duration", **bound)
    assert [ask.signal for ask in metric.asks] == [Signal.REQUESTS, Signal.GOOD] * 2
    assert "within(\n  500,\n  istio_request_duration_milliseconds_bucket{" in metric.asks[1].query
    # 99 of 100 requests must keep to it, as before.
    assert (metric.threshold_range, metric.good) == (Bounds(min=99), "within 500 ms")


async def test_a_critical_metric_has_a_chance_of_a_false_rollback_of_its_own():
    name = "request-success-rate"
    assert (await counted({}, metrics=3, name=name, critical=True)).peers == 1
    assert (await counted({}, metrics=0, name=name, shadow=True)).peers == 1


async def test_what_the_engine_must_know_of_a_metric_reaches_it():
    metric = await counted({}, name="request-success-rate", critical=True, warmUp="90s")
    assert (metric.critical, metric.warm_up) == (True, timedelta(seconds=90))


@pytest.mark.parametrize(
    ("changes", "fields", "says"),
    [
        ({}, {"templateRef": {"name": "errors"}}, "name a MetricTemplate that has counts"),
        ({}, {"query": "up"}, "judge sequential counts the requests of both sides"),
        ({"counts": COUNTS | {"bad": "rate(x)"}}, {"templateRef": {"name": "errors"}}, "this counts no requests"),
        ({}, {"name": "request-success-rate", "judgeOptions": {"alpha": "5"}}, "judgeOptions.alpha: '5'"),
        ({}, {"name": "request-duration"}, "write max alone, one of the edges of the router's histogram in ms"),
        ({}, {"name": "other"}, "is not built in as counts"),
        ({"counts": COUNTS, "query": GONE}, {"templateRef": {"name": "errors"}, "judge": "threshold"}, "has only counts; add a query"),
    ],
)  # fmt: skip
async def test_what_cannot_be_counted_is_refused_before_a_run(changes, fields, says):
    with pytest.raises(QueryError) as refused:
        await counted(changes, **fields)
    assert says in str(refused.value)


async def compared(query: str, **fields: object):
    """Build a metric whose judge compares values of both sides."""
    metric = {"judge": "mann-whitney", **fields}
    return await counted({"query": query}, **metric)


async def test_a_judge_that_compares_is_asked_for_the_value_of_both_sides():
    query = "rq{app='{{ target }}',of='{{ service }}',at='{{ service }}-{{ side }}'}"
    metric = await compared(query, templateRef={"name": "errors"})
    assert [(ask.arm, ask.signal, ask.query) for ask in metric.asks] == [
        (Arm.CANARY, Signal.VALUE, "rq{app='podinfo',of='podinfo',at='podinfo-canary'}"),
        (Arm.PRIMARY, Signal.VALUE, "rq{app='podinfo-primary',of='podinfo',at='podinfo-primary'}"),
    ]


@pytest.mark.parametrize("name", ["request-success-rate", "request-duration"])
async def test_the_built_in_metrics_are_compared(name):
    canary, primary = (await compared("", name=name)).asks
    assert 'destination_workload="podinfo"' in canary.query
    assert primary.query == canary.query.replace('="podinfo"', '="podinfo-primary"')


@pytest.mark.parametrize(
    ("query", "fields", "says"),
    [
        ("rq{app='{{ name }}'}", {}, "judge mann-whitney compares the canary with the primary, and this query asks the same of both; give it one that names the workload with {{ target }}"),
        ("rq{app='{{ target }}'}", {"judgeOptions": {"direction": "up"}}, "judgeOptions.direction: 'up'"),
        ("rq{app='{{ target }}'}", {"thresholdRange": {"max": 5}}, "cannot use value ≤ 5; remove it"),
    ],
)  # fmt: skip
async def test_what_cannot_be_compared_is_refused_before_a_run(query, fields, says):
    with pytest.raises(QueryError) as refused:
        await compared(query, templateRef={"name": "errors"}, **fields)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("references", "ingress"),
    [
        ({"ingressRef": "web", "ingressRefs": ["admin"]}, "web"),
        ({"ingressRefs": ["admin", "web"]}, "admin"),
        ({}, "podinfo"),
    ],
    ids=["one and more", "a list alone", "none"],
)
async def test_the_ingress_of_a_query_is_the_first_that_the_canary_names(
    references: JsonObject, ingress: str
):
    def named(name: str) -> JsonObject:
        return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": name}

    spec = {
        field: named(value) if isinstance(value, str) else [named(each) for each in value]
        for field, value in references.items()
    }
    builder = QueryBuilder(
        templates=Templates({}),
        secrets=SecretReader(Cluster({}), lambda: 0.0),
        stores=Stores(address="http://prometheus"),
        default_router="nginx",
    )
    record = CanaryReader("nginx").read(patched(a_canary(), spec))
    asked = MetricSpec.model_validate(
        {"name": "of-ingress", "interval": "1m", "query": "sum({{ ingress }})"}
    )
    (ask,) = (await builder.metric(record, asked)).asks
    assert ask.query == f"sum({ingress})"


COMPARED = {"name": "errors", "compareWith": "baseline", "templateRef": {"name": "errors"}}


async def test_counts_of_a_baseline_stand_in_the_primarys_place_and_the_primary_is_the_second():
    metric = await counted({"counts": COUNTS}, **COMPARED)
    assert (metric.control, metric.second) == ("baseline", "primary")
    assert [(ask.arm, ask.signal, ask.query) for ask in metric.asks] == [
        (Arm.CANARY, Signal.REQUESTS, 'increase(rq{app="podinfo",of="podinfo-canary"})'),
        (Arm.CANARY, Signal.BAD, 'increase(rq{app="podinfo",code="500"})'),
        (
            Arm.PRIMARY,
            Signal.REQUESTS,
            'increase(rq{app="podinfo-baseline",of="podinfo-baseline"})',
        ),
        (Arm.PRIMARY, Signal.BAD, 'increase(rq{app="podinfo-baseline",code="500"})'),
        (Arm.SECOND, Signal.REQUESTS, 'increase(rq{app="podinfo-primary",of="podinfo-primary"})'),
        (Arm.SECOND, Signal.BAD, 'increase(rq{app="podinfo-primary",code="500"})'),
    ]


async def test_values_of_a_baseline_are_asked_by_its_workload_and_its_side():
    query = "rq{app='{{ target }}',of='{{ service }}-{{ side }}'}"
    metric = await counted({"query": query}, **COMPARED | {"judge": "sign"})
    assert [(ask.arm, ask.query) for ask in metric.asks] == [
        (Arm.CANARY, "rq{app='podinfo',of='podinfo-canary'}"),
        (Arm.PRIMARY, "rq{app='podinfo-baseline',of='podinfo-baseline'}"),
    ]


async def test_a_judge_that_compares_nothing_takes_no_baseline():
    with pytest.raises(
        QueryError, match="compareWith: baseline: judge threshold compares with nothing"
    ):
        await counted(
            {"query": "rq"}, **COMPARED | {"judge": "threshold", "thresholdRange": {"max": 1}}
        )


EARLIER = Earlier(ago=timedelta(days=7), revision="6d9f7c")


async def with_previous(changes: dict[str, object], earlier: Earlier | None = EARLIER, **fields):
    """Build a metric that compares with the previous release."""
    return await counted(changes, earlier=earlier, compareWith="previous", **fields)


async def test_counts_of_the_previous_release_are_the_canarys_as_long_ago():
    metric = await with_previous({}, name="request-success-rate", judge="sequential")
    assert metric.control == "previous release"
    canary = [each for each in metric.asks if each.arm is Arm.CANARY]
    before = [each for each in metric.asks if each.arm is Arm.PRIMARY]
    assert [each.query for each in before] == [each.query for each in canary]
    assert {each.earlier for each in canary} == {timedelta(0)}
    assert {each.earlier for each in before} == {timedelta(days=7)}


async def test_values_of_the_previous_release_are_asked_by_its_revision():
    metric = await with_previous(
        {"query": "rq{hash='{{ revision }}'}"}, judge="sign", templateRef={"name": "errors"}
    )
    assert [each.earlier for each in metric.asks] == [timedelta(0), timedelta(days=7)]
    assert metric.asks[1].query == "rq{hash='6d9f7c'}"


async def test_before_there_is_a_run_both_questions_are_about_now():
    metric = await with_previous(
        {"query": "rq"}, None, judge="sign", templateRef={"name": "errors"}
    )
    assert {(each.query, each.earlier) for each in metric.asks} == {("rq", timedelta(0))}


@pytest.mark.parametrize(
    ("changes", "fields", "says"),
    [
        ({"query": "rq"}, {"judge": "threshold", "thresholdRange": {"max": 1}}, "compareWith: previous: judge threshold compares with nothing; write judge: sequential, sign or mann-whitney"),
        ({"query": "rq", "provider": {"type": "graphite", "address": "http://graphite"}}, {"judge": "sign"}, "compareWith: previous: the provider graphite keeps no past that can be read; use prometheus, or compareWith: primary"),
    ],
)  # fmt: skip
async def test_what_cannot_be_compared_with_the_previous_release_is_refused(changes, fields, says):
    with pytest.raises(QueryError) as refused:
        await with_previous(changes, templateRef={"name": "errors"}, **fields)
    assert says in str(refused.value)


LOKI = {"provider": {"type": "loki", "address": "http://loki"}, "query": GONE}


async def test_a_store_may_be_asked_for_counts_in_its_own_language():
    text = 'sum(count_over_time({{app="{{{{ target }}}}"}}{}[$__range]))'
    counts = {"requests": text.format(""), "bad": text.format(' |= "error" ')}
    metric = await counted(LOKI | {"counts": counts}, templateRef={"name": "errors"})
    assert [each.query for each in metric.asks] == [
        'sum(count_over_time({app="podinfo"}[$__range]))',
        'sum(count_over_time({app="podinfo"} |= "error" [$__range]))',
        'sum(count_over_time({app="podinfo-primary"}[$__range]))',
        'sum(count_over_time({app="podinfo-primary"} |= "error" [$__range]))',
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (LOKI, "write [$__range]"),
        ({"provider": {"type": "web", "address": "http://shop/stats"}, "query": GONE}, "this provider does not count requests"),
    ],
)  # fmt: skip
async def test_a_store_that_cannot_count_so_is_refused_before_a_run(changes, says):
    with pytest.raises(QueryError) as refused:
        await counted(changes | {"counts": COUNTS}, templateRef={"name": "errors"})
    assert says in str(refused.value)


async def test_an_objective_takes_a_judge_that_counts():
    objective = {"target": 99.9}
    assert await counted({"counts": COUNTS}, templateRef={"name": "errors"}, objective=objective)
    with pytest.raises(QueryError, match="objective: judge sign counts no requests"):
        await compared("rq", templateRef={"name": "errors"}, judge="sign", objective=objective)

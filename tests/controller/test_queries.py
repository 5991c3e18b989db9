"""How a MetricTemplate becomes a question: its store, its Secret, its options."""

from base64 import b64encode
from collections.abc import Mapping

import pytest

from analysis.egress import UNRESTRICTED, EgressPolicy
from analysis.errors import QueryError
from analysis.providers import PROVIDERS, check
from analysis.providers.store import secret_of
from canary.api.kinds import Kind
from canary.api.metrics import MetricSpec
from canary.api.metrictemplate import MetricTemplate
from canary.api.validation import parse_metric_template
from canary.controller.queries import QueryBuilder, Stores
from canary.controller.reading import CanaryReader
from canary.controller.secrets import SecretReader
from canary.errors import CanaryError, InvalidSpec
from tests.api.examples import JsonObject, a_canary, a_template, patched
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


async def built(manifest: JsonObject, secret: Mapping[str, str], **options):
    builder = QueryBuilder(
        templates=Templates(manifest),
        secrets=SecretReader(Cluster(secret, options.pop("send_to", "")), lambda: 0.0),
        stores=Stores(targets=("http://proxy:9901/stats",)),
        default_router="istio",
        egress=POLICY,
        **options,
    )
    record = CanaryReader("istio").read(a_canary())
    return await builder.metric(record, MetricSpec.model_validate(METRIC))


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
async def test_a_template_of_flagger_works_unedited(template):
    metric = await built(template.manifest, template.secret)
    check(metric.provider)
    assert metric.provider.address == template.address
    assert secret_of(metric.provider) == template.secret
    assert "{{" not in metric.query


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
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


@pytest.mark.parametrize(
    ("provider", "secret", "told"),
    [
        ({"type": "datadog"}, {}, "needs the key datadog_api_key of a Secret"),
        ({"type": "datadog", "options": {"language": "x"}}, {}, "provider.options.language: provider datadog reads no such option; it reads aggregator, api, reduce, settle, window"),
        ({"type": "prometheus", "address": "http://a", "options": {"a": "b"}}, {}, "provider prometheus reads no"),
        ({"type": "graphite", "address": "http://a", "options": {"reduce": "mean"}}, {}, "'mean' is none; write one of first, last, sum"),
        ({"type": "graphite", "address": "http://a", "options": {"settle": "soon"}}, {}, "provider.options.settle: 'soon' is no duration"),
        ({"type": "graphite"}, {}, "write it as http://host:port"),
        ({"type": "influxdb", "address": "http://a"}, {"token": "t"}, "add the key org to the Secret"),
    ],
)  # fmt: skip
async def test_what_a_store_cannot_work_with_is_known_before_it_is_asked(provider, secret, told):
    manifest = patched(
        a_template(), {"provider": {**provider, **({"secretRef": {"name": "s"}} if secret else {})}}
    )
    with pytest.raises((QueryError, CanaryError)) as refused:
        await built(manifest, secret)
    assert told in str(refused.value)


def test_every_type_of_flagger_that_is_built_in_has_a_template_here():
    peers = {template.provider["type"] for template in TEMPLATES.values()}
    assert peers <= {*PROVIDERS.names()}

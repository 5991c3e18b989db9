"""Which question each metric of a Canary is: its template, its store, its bounds."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from analysis.builtin import request_counts, unit
from analysis.egress import UNRESTRICTED, EgressPolicy
from analysis.errors import AnalysisError
from analysis.expression import Matcher
from analysis.judges import check as check_judge
from analysis.judges import counts
from analysis.model import Ask, Bounds, Check, Credentials, Metric, ProviderSpec
from analysis.narrowing import narrowed
from analysis.providers import (
    SECRET_KEYS,
    address_of,
    asks_cluster,
    check,
    check_count,
    places,
    secret_keys,
)
from analysis.providers.checks import check_resumed
from analysis.template import render
from canary.api.measured import measured
from canary.api.metrics import CompareWith, MetricSpec
from canary.api.metrictemplate import MetricTemplate
from canary.controller.about import about
from canary.controller.apiserver import ApiServer, asked_there
from canary.controller.canaries import CanaryRecord
from canary.controller.comparing import (
    asked_of,
    check_compared,
    check_objective,
    compared_sides,
    compared_with,
)
from canary.controller.contexts import context_of, context_over, nothing_routed, sides
from canary.controller.questions import (
    Asked,
    count_asks,
    count_queries,
    unasked_check,
    value_asks,
    value_query,
)
from canary.controller.secrets import SecretContent, Secrets, unnamed
from canary.core.needs import Earlier
from canary.errors import CanaryError
from canary.routers import ClusterState

log = logging.getLogger(__name__)


class Templates(Protocol):
    """Finds the templates that metrics name."""

    def metric_template(self, group: str, namespace: str, name: str) -> MetricTemplate:
        """Find a template; a `CanaryError` says why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where metrics are found that name no store of their own."""

    type: str = "prometheus"
    address: str = ""
    targets: tuple[str, ...] = ()
    """Pages that the `scrape` provider reads."""
    matchers: tuple[Matcher, ...] = ()
    """What tells the series of this cluster from those of others, in built-in queries."""
    cluster: str = ""
    """The cluster's name, which queries may ask for."""


class QueryBuilder:
    """Builds the metrics that the analysis engine judges."""

    def __init__(
        self,
        *,
        templates: Templates,
        secrets: Secrets,
        stores: Stores,
        default_router: str,
        egress: EgressPolicy = UNRESTRICTED,
        multi_tenant: bool = False,
        api_server: ApiServer | None = None,
        routes: Callable[[CanaryRecord], ClusterState] = nothing_routed,
    ) -> None:
        """Make it from what it reads; `routes` gives the objects of a Canary's router."""
        self._templates = templates
        self._secrets = secrets
        self._stores = stores
        self._default_router = default_router
        self._egress = egress
        self._multi_tenant = multi_tenant
        self._api_server = api_server
        self._routes = routes
        self._told: set[tuple[str, str]] = set()
        """Secrets, with the addresses that they do not name, that were warned of."""

    async def build(
        self,
        record: CanaryRecord,
        specs: Iterable[MetricSpec],
        *,
        templates: str = "",
        earlier: Earlier | None = None,
    ) -> tuple[tuple[Metric, ...], tuple[Check, ...]]:
        """Build metrics of a Canary; those that cannot be queried come back as checks that say why.

        `templates` is the API group of the templates that they name, where that is not the Canary's.
        `earlier` is what they are compared with where that is not the primary.
        """
        metrics: list[Metric] = []
        unasked: list[Check] = []
        for spec in specs:
            try:
                found = await self.metric(record, spec, templates=templates, earlier=earlier)
                metrics.append(found)
            except (CanaryError, AnalysisError) as error:
                unasked.append(unasked_check(spec, str(error)))
        return tuple(metrics), tuple(unasked)

    async def metric(
        self,
        record: CanaryRecord,
        spec: MetricSpec,
        *,
        templates: str = "",
        earlier: Earlier | None = None,
    ) -> Metric:
        """Build one metric.

        Raises:
            CanaryError: its template or Secret does not exist, or can't be used.
            AnalysisError: its query can't be rendered.
        """
        template = None
        if spec.template_ref is not None:
            namespace = spec.template_ref.namespace or record.key.namespace
            template = self._templates.metric_template(
                templates or record.key.group, namespace, spec.template_ref.name
            )
        routes = self._routes(record)
        context = context_of(record, routes, spec, template, cluster=self._stores.cluster)
        analysis = record.canary.spec.analysis
        asked = Asked(
            router=self._router(record),
            store_type=self._store_type(record),
            kind=record.canary.spec.target_ref.kind,
            matchers=self._stores.matchers,
        )
        check_objective(spec)
        check_compared(spec)
        of = (spec, record, routes, context, earlier)
        counted = count_queries(spec, template, asked) if counts(spec.judge) else None
        metric = measured(
            spec,
            analysis,
            asks=(
                count_asks(counted, compared_sides(*of))
                if counted
                else value_asks(
                    spec.judge,
                    value_query(spec, template, asked),
                    context,
                    compared_with(*of),
                    at_once=spec.compare_with is not CompareWith.PREVIOUS,
                )
            ),
            provider=await self.provider(record, template),
            unit="" if template or spec.query else unit(spec.name),
            asked_by=str(record.key),
        )
        check_resumed(metric)
        for ask in metric.asks if counted else ():
            check_count(metric.provider, ask.query)
        if counted:
            metric = replace(metric, threshold_range=counted.bounds, good=counted.good)
        check_judge(metric)
        return asked_of(spec, metric, earlier)

    async def requests(self, record: CanaryRecord, over: timedelta) -> tuple[Metric, ...]:
        """Build the questions how many requests each side has had over a time, by router.

        Raises:
            CanaryError: the store can't be used.
            AnalysisError: there is no query for any of the routers and the store.
        """
        kind, routes = record.canary.spec.target_ref.kind, self._routes(record)
        texts = request_counts(self._router(record), self._store_type(record), kind)
        context, provider = context_over(record, routes, over), await self.provider(record, None)
        of_sides = sides(record, routes, context)
        narrow = ((name, narrowed(text, self._stores.matchers)) for name, text in texts.items())
        return tuple(
            Metric(
                name=router,
                asks=tuple(Ask(query=render(text, side), arm=arm) for arm, side in of_sides),
                provider=provider,
                interval=over,
                threshold_range=Bounds(),
                asked_by=str(record.key),
            )
            for router, text in narrow
        )

    def _router(self, record: CanaryRecord) -> str:
        return record.canary.spec.provider or self._default_router

    def _store_type(self, record: CanaryRecord) -> str:
        return "prometheus" if record.canary.spec.metrics_server else self._stores.type

    async def provider(self, record: CanaryRecord, template: MetricTemplate | None) -> ProviderSpec:
        """Give the store that a template names, or else that of the Canary.

        Raises:
            CanaryError: its Secret does not exist, or can't be used.
            AnalysisError: it cannot be queried.
        """
        if template is None:
            if record.canary.spec.metrics_server:
                return ProviderSpec(
                    type="prometheus",
                    address=record.canary.spec.metrics_server,
                    egress=self._egress,
                )
            return ProviderSpec(
                type=self._stores.type, address=self._stores.address, targets=self._stores.targets
            )
        provider = template.spec.provider
        spec = ProviderSpec(
            type=provider.type,
            address=provider.address or "",
            headers=tuple(
                (name, value) for name, values in provider.headers.items() for value in values
            ),
            insecure_skip_verify=provider.insecure_skip_verify,
            ca_bundle=provider.ca_bundle,
            timeout=provider.timeout,
            region=provider.region or "",
            options=tuple(sorted(provider.options.items())),
        )
        address = address_of(spec)
        spec = replace(
            spec,
            address=address,
            credentials=await self._credentials(
                record, template, places(replace(spec, address=address))
            ),
            targets=(address,) if address else self._stores.targets,
            egress=self._egress if address else UNRESTRICTED,
        )
        if not address and self._api_server is not None and asks_cluster(spec.type):
            spec = await asked_there(spec, self._api_server)
        check(spec)
        return spec

    async def _credentials(
        self, record: CanaryRecord, template: MetricTemplate, addresses: tuple[str, ...]
    ) -> Credentials:
        """Read what a store is presented."""
        provider = template.spec.provider
        secret = await self._secrets.read(template.metadata.namespace, provider.secret_ref)
        if secret is None:
            return Credentials()
        keys = secret_keys(provider.type)
        values: Mapping[str, str] = {}
        for address in addresses:
            values = self._presented(record, secret, address, keys)
        return Credentials(
            token=values.get("token"),
            username=values.get("username"),
            password=values.get("password"),
            others=tuple((k, v) for k, v in values.items() if k not in SECRET_KEYS),
        )

    def _presented(
        self, record: CanaryRecord, secret: SecretContent, address: str, keys: tuple[str, ...]
    ) -> Mapping[str, str]:
        """Give what a store is presented of a Secret that names the store's address, or should."""
        if self._multi_tenant:
            return secret.pick_for(address, keys, required=False)
        place = (secret.name, address)
        if not secret.names(address) and place not in self._told:
            self._told.add(place)
            log.warning("Secret %s: %s", secret.name, unnamed(address), extra=about(record))
        return secret.pick(keys, required=False)

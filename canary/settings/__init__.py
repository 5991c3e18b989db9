"""Settings of the controller: every flag with its default, environment name and help, in one table.

Reading is pure: from mappings, with every problem at once. A flag wins over the environment, and a
secret comes from the environment or from a file, never from a flag, which everyone on the machine
could see.
Long because it is a table: one entry a flag.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from analysis.narrowing import matchers_problem
from canary.errors import InvalidSpec, Problem
from canary.settings.options import (
    DNS_LABEL,
    DNS_SUBDOMAIN,
    FILE_SUFFIX,
    LABEL_KEY,
    PLUGIN_NAME,
    Option,
    OptionType,
    address_of,
    annotation_prefix,
    checked,
    egress_rules,
    given,
    lasting,
    listens,
    name_or_nothing,
    names,
    option_of,
    problem_of,
    setting,
    url,
    urls,
    within,
)
from canary.settings.records import records
from canary.settings.selection import LabelSelection, selector_problem

_HTTP = url("http", "https")
_SECOND = timedelta(seconds=1)
_HOUR = timedelta(hours=1)


class InvalidSettings(InvalidSpec):
    """The settings can't be acted on; `problems` names every flag, its value and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the controller runs."""

    api_groups: tuple[str, ...] = setting(
        ("tidegate.dev",),
        "API groups whose objects are served.",
        OptionType.LIST,
        check=names(
            "write tidegate.dev, flagger.app or both, separated by a comma",
            r"tidegate\.dev|flagger\.app",
        ),
    )
    namespaces: tuple[str, ...] = setting(
        (),
        "Namespaces whose Canaries are served; all where none is named.",
        OptionType.LIST,
        check=names("write names of namespaces, separated by commas", DNS_LABEL, empty=True),
    )
    selector: str = setting(
        "",
        "Labels of the Canaries that are served, such as tidegate.dev/controller=next; all where left "
        "out. Another controller may serve the others.",
        check=selector_problem,
    )
    plugins: tuple[str, ...] = setting(
        (),
        "Plug-ins of installed packages that may be used, by name.",
        OptionType.LIST,
        check=names("write names of plug-ins, separated by commas", PLUGIN_NAME, empty=True),
    )
    router: str = setting(
        "istio",
        "The router of Canaries that name none.",
        check=lambda value: "" if value else "write the name of a router, such as istio",
    )
    ingress_annotations_prefix: str = setting(
        "nginx.ingress.kubernetes.io",
        "Prefix of the annotations that the ingress controller reads (router nginx).",
        check=annotation_prefix,
    )
    metrics_server: str = setting(
        "http://prometheus:9090",
        "Address of the store that built-in metrics are asked of.",
        check=lambda value: _HTTP(value) if value else "write the address of a metric store",
        hidden=True,
    )
    metrics_provider: str = setting(
        "prometheus",
        "The metric provider of built-in metrics: prometheus asks a store, scrape reads proxies.",
        check=lambda value: "" if value else "write the name of a provider, such as prometheus",
    )
    metrics_matchers: str = setting(
        "",
        "Conditions on labels that every selector of the built-in queries gets, such as "
        'cluster="eu-1": for a store that several clusters write to.',
        check=matchers_problem,
    )
    scrape_targets: tuple[str, ...] = setting(
        (),
        "Pages of metrics that the provider scrape reads.",
        OptionType.LIST,
        check=urls,
        hidden=True,
    )
    selector_labels: tuple[str, ...] = setting(
        ("app", "name", "app.kubernetes.io/name"),
        "Labels that tell a target's pods from others; the first that a target has is used.",
        OptionType.LIST,
        check=names("write keys of labels, separated by commas", LABEL_KEY),
    )
    include_label_prefix: tuple[str, ...] = setting(
        (),
        "Prefixes of the labels and annotations that a primary takes over; * is all of them.",
        OptionType.LIST,
    )
    config_tracking: bool = setting(
        default=True,
        text="Follow the ConfigMaps and Secrets of targets, and give primaries copies.",
        form=OptionType.FLAG,
    )
    secret_tracking: bool = setting(
        default=True,
        text="Follow Secrets among them; without, a primary uses the Secrets of its target.",
        form=OptionType.FLAG,
    )
    cluster_name: str = setting(
        "", "The cluster's name, in messages to people and for queries that ask for it."
    )
    dashboard_url: str = setting(
        "",
        "Where people reach the dashboard, such as https://tidegate.example.com; alerts and traces lead "
        "there.",
        check=_HTTP,
    )
    no_cross_namespace_refs: bool = setting(
        default=False,
        text="Refuse Canaries and DeliveryPolicies that refer to objects of other namespaces, and hosts "
        "by which Services of other namespaces are called.",
        form=OptionType.FLAG,
    )
    shared_namespaces: tuple[str, ...] = setting(
        (),
        "Namespaces that may be referred to all the same, such as those of gateways and templates.",
        OptionType.LIST,
        check=names("write names of namespaces, separated by commas", DNS_LABEL, empty=True),
    )
    multi_tenant: bool = setting(
        default=False,
        text="Guard namespaces from each other: Secrets go to metric stores only where they name "
        "them, answers of hooks are shown only from hosts that --egress-allow names, and proxies "
        "that resources name are refused.",
        form=OptionType.FLAG,
    )
    verified_commands: bool = setting(
        default=False,
        text="Record who signed a command as verified; set it only where the API server enforces the "
        "chart's policy on commands.",
        form=OptionType.FLAG,
    )
    egress_allow: tuple[str, ...] = setting(
        (),
        "Hosts (*.example.com) and networks (10.0.0.0/8) that addresses in resources may lead to; "
        "where left out, any but loopback, link-local and metadata addresses and the API server.",
        OptionType.LIST,
        check=egress_rules,
    )
    egress_deny: tuple[str, ...] = setting(
        (),
        "Hosts and networks that addresses in resources may not lead to; wins over --egress-allow.",
        OptionType.LIST,
        check=egress_rules,
    )
    log_level: str = setting(
        "info", "The least level that is logged.", choices=("debug", "info", "warning", "error")
    )
    log_format: str = setting("json", "For machines, or for people.", choices=("json", "console"))
    trace_parent: str = setting(
        "link",
        "Whether a run's trace links to the span that its target's annotation tidegate.dev/traceparent "
        "names, or the run is a child of that span, and part of its trace.",
        choices=("link", "child"),
    )
    records: str = setting(
        "",
        "Where the full record of each run is written, as lines of JSON: log, file:///PATH, or an "
        "address that fsspec knows, such as s3://BUCKET/PATH; nowhere where left out.",
        check=records,
        hidden=True,
    )
    listen: str = setting(
        ":8080", "Where /healthz, /readyz and /metrics are served.", check=listens
    )
    admission_listen: str = setting(
        "",
        "Where the admission webhook is served over HTTPS; nowhere where left out.",
        check=lambda value: listens(value) if value else "",
    )
    admission_certificate: str = setting(
        "", "File with the admission webhook's certificate, read again when it changes."
    )
    admission_key: str = setting("", "File with the private key of that certificate.")
    kubeconfig: str = setting(
        "", "File that tells how the cluster is reached; inside a cluster there is no need for one."
    )
    context: str = setting("", "Context of the kubeconfig; its current one where left out.")
    routes_kubeconfig: str = setting(
        "",
        "File that tells how another cluster is reached that the routes are in; without one they are "
        "in the cluster of the Canaries.",
    )
    routes_context: str = setting("", "Context of that file; its current one where left out.")
    fleet_kubeconfig: str = setting(
        "",
        "File that tells how the hub is reached, which has the FleetPlans that Canaries name; without "
        "one no run of such a Canary starts.",
    )
    fleet_context: str = setting("", "Context of that file; its current one where left out.")
    fleet_namespace: str = setting(
        "",
        "This cluster's own namespace on the hub, by which plans name the cluster; as --cluster-name "
        "where left out.",
        check=name_or_nothing,
    )
    fleet_renew_period: timedelta = setting(  # noqa: RUF009 - it makes a field
        timedelta(seconds=30),
        "How often this cluster shows a sign of life on the hub.",
        OptionType.DURATION,
        check=lasting(_SECOND, timedelta(minutes=1)),
    )
    workers: int = setting(
        16, "Canaries that are worked on at the same time.", OptionType.WHOLE, check=within(1, 1000)
    )
    qps: float = setting(
        100.0,
        "Requests a second to the Kubernetes API, on average.",
        OptionType.NUMBER,
        check=within(1, 10000),
    )
    burst: int = setting(
        250,
        "Requests to the Kubernetes API that may come at once.",
        OptionType.WHOLE,
        check=within(1, 10000),
    )
    drain: timedelta = setting(  # noqa: RUF009 - it makes a field
        timedelta(seconds=10),
        "How long pods that get no more traffic are kept, so that what is in flight can end; and how "
        "long proxies have to learn of new services before traffic goes to them.",
        OptionType.DURATION,
        check=lasting(timedelta(0), _HOUR),
    )
    history: int = setting(
        5, "Past runs that a Canary's status keeps.", OptionType.WHOLE, check=within(0, 100)
    )
    leader_election: bool = setting(
        default=True, text="Act only while holding the Lease.", form=OptionType.FLAG
    )
    shards: str = setting(
        "off",
        "Whether one replica acts on all Canaries, or the replicas share them.",
        choices=("off", "auto"),
    )
    lease_name: str = setting(
        "tidegate",
        "Name of the Lease.",
        check=lambda value: name_or_nothing(value) if value else "write a name for the Lease",
    )
    lease_namespace: str = setting(
        "", "Namespace of the Lease; the controller's own where left out.", check=name_or_nothing
    )
    lease_duration: timedelta = setting(  # noqa: RUF009 - it makes a field
        timedelta(seconds=15),
        "How long a Lease lasts that is not renewed.",
        OptionType.DURATION,
        check=lasting(_SECOND, _HOUR),
    )
    lease_renew_deadline: timedelta = setting(  # noqa: RUF009 - it makes a field
        timedelta(seconds=10),
        "How long renewing is tried before the controller stops acting.",
        OptionType.DURATION,
        check=lasting(_SECOND, _HOUR),
    )
    lease_retry_period: timedelta = setting(  # noqa: RUF009 - it makes a field
        timedelta(seconds=2),
        "How often the Lease is renewed, or tried for.",
        OptionType.DURATION,
        check=lasting(timedelta(milliseconds=100), _HOUR),
    )
    slack_url: str = setting(
        "",
        "Incoming webhook that alerts are sent to; with a token, the address of the API.",
        check=_HTTP,
        secret=True,
    )
    slack_token: str = setting("", "Token of the bot that alerts are sent by.", secret=True)
    slack_channel: str = setting("", "Slack channel that alerts are sent to.")
    slack_user: str = setting("tidegate", "Name that alerts come from in Slack.")
    slack_proxy: str = setting("", "Proxy on the way to Slack.", check=_HTTP, hidden=True)
    alert_webhook: str = setting(
        "", "Address that alerts are posted to as JSON.", check=_HTTP, secret=True
    )
    alert_webhook_token: str = setting("", "Bearer token for it.", secret=True)
    alert_severity: str = setting(
        "info",
        "The least severity that Canaries without alerts of their own send.",
        choices=("info", "warn", "error"),
    )
    event_webhook: str = setting(
        "",
        "Address that every event is posted to, of Canaries without event hooks of their own.",
        check=_HTTP,
        hidden=True,
    )

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """List every setting, in the order of the table."""
        return tuple(option_of(each) for each in fields(cls))

    @classmethod
    def files(cls, environ: Mapping[str, str]) -> dict[str, str]:
        """Tell which secrets are kept in files: the variable's name to the file's path.

        Who calls `read` puts the files' contents under these names into what it passes.
        """
        named = {
            option.environment: environ.get(f"{option.environment}{FILE_SUFFIX}", "")
            for option in cls.options()
            if option.secret
        }
        return {name: path for name, path in named.items() if path}

    @classmethod
    def read(cls, environ: Mapping[str, str], flags: Mapping[str, object]) -> "Settings":
        """Read the settings from the environment and from flags, by the names of the fields.

        A flag that is None was not given; a variable that is empty is not set. Other variables are
        left alone, also those with our prefix: Kubernetes sets some for every Service.

        Raises:
            InvalidSettings: with every problem.
        """
        table = {each.name: each for each in fields(cls)}
        problems = [
            Problem(f"--{name.replace('_', '-')}", value, "there is no such flag")
            for name, value in flags.items()
            if name not in table
        ]
        values: dict[str, Any] = {}
        wrong: set[str] = set()
        for name, each in table.items():
            value = given(option_of(each), environ, flags)
            try:
                if value is not None:
                    values[name] = checked(each, value, is_flag=flags.get(name) is not None)
            except ValueError as error:
                problems.append(problem_of(each, value, str(error)))
                wrong.add(name)
        settings = cls(**values)
        problems += [
            problem_of(table[names[0]], getattr(settings, names[0]), remedy)
            for names, remedy in settings._contradictions()
            if wrong.isdisjoint(names)
        ]
        if problems:
            raise InvalidSettings(problems)
        return settings

    @property
    def address(self) -> tuple[str | None, int]:
        """Host and port to listen on; no host is every address of the machine."""
        return address_of(self.listen)

    @property
    def admission_address(self) -> tuple[str | None, int]:
        """Host and port that the admission webhook listens on."""
        return address_of(self.admission_listen)

    @property
    def selection(self) -> LabelSelection:
        """Which Canaries are served, by their labels."""
        return LabelSelection.read(self.selector)

    @property
    def fleet_place(self) -> str:
        """This cluster's own namespace on the hub."""
        return self.fleet_namespace or self.cluster_name

    @property
    def shared(self) -> bool:
        """Whether the replicas share the Canaries."""
        return self.shards == "auto"

    @property
    def receiver(self) -> str:
        """The notifier that Canaries without alerts of their own use; empty where there is none."""
        if self.slack_url or self.slack_token:
            return "slack"
        return "webhook" if self.alert_webhook else ""

    def _contradictions(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Find settings that are sound by themselves, and not together: their names, a remedy."""
        if self.metrics_provider == "scrape" and not self.scrape_targets:
            remedy = "name pages to read, as --metrics-provider is scrape"
            yield ("scrape_targets", "metrics_provider"), remedy
        if self.metrics_provider != "scrape" and self.scrape_targets:
            remedy = "write scrape, as --scrape-targets are given"
            yield ("metrics_provider", "scrape_targets"), remedy
        if self.metrics_matchers and self.metrics_provider != "prometheus":
            remedy = (
                "unset it, or let --metrics-provider be prometheus: what pages and other stores "
                "show has no labels of a cluster"
            )
            yield ("metrics_matchers", "metrics_provider"), remedy
        if self.shared_namespaces and not self.no_cross_namespace_refs:
            remedy = (
                "unset it, or give --no-cross-namespace-refs: every namespace may be referred to"
            )
            yield ("shared_namespaces", "no_cross_namespace_refs"), remedy
        yield from self._lease_contradictions()
        yield from self._routes_contradictions()
        yield from self._fleet_contradictions()
        files = ("admission_certificate", "admission_key")
        for name in files if self.admission_listen else ():
            if not getattr(self, name):
                yield (name, "admission_listen"), "name a file, as --admission-listen is given"
        for name in () if self.admission_listen else files:
            if getattr(self, name):
                yield (name, "admission_listen"), "unset it, or give --admission-listen"
        if self.slack_token and not self.slack_channel:
            yield ("slack_channel", "slack_token"), "name a channel, as a bot's token is given"
        if self.alert_webhook and (self.slack_url or self.slack_token):
            remedy = "unset it, or unset what is set of Slack"
            yield ("alert_webhook", "slack_url", "slack_token"), remedy
        if self.alert_webhook_token and not self.alert_webhook:
            remedy = "set the address as well, or unset it"
            yield ("alert_webhook_token", "alert_webhook"), remedy
        if self.burst < self.qps:
            yield ("burst", "qps"), f"write no less than --qps, which is {self.qps:g}"

    def _routes_contradictions(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.routes_context and not self.routes_kubeconfig:
            remedy = "unset it, or give --routes-kubeconfig"
            yield ("routes_context", "routes_kubeconfig"), remedy
        if not self.routes_kubeconfig:
            return
        if not re.fullmatch(DNS_SUBDOMAIN, self.cluster_name):
            remedy = (
                "name this cluster with lower-case letters, digits, hyphens and dots, as "
                "--routes-kubeconfig is given: routes there are marked with it"
            )
            yield ("cluster_name", "routes_kubeconfig"), remedy
        if self.api_groups != ("tidegate.dev",):
            remedy = "write tidegate.dev alone, as --routes-kubeconfig is given"
            yield ("api_groups", "routes_kubeconfig"), remedy

    def _fleet_contradictions(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if not self.fleet_kubeconfig:
            for name in ("fleet_context", "fleet_namespace"):
                if getattr(self, name):
                    yield (name, "fleet_kubeconfig"), "unset it, or give --fleet-kubeconfig"
        elif not re.fullmatch(DNS_LABEL, self.fleet_place):
            remedy = (
                "name this cluster's namespace on the hub, as --fleet-kubeconfig is given: plans name "
                "the cluster by it"
            )
            yield ("fleet_namespace", "fleet_kubeconfig", "cluster_name"), remedy

    def _lease_contradictions(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if not self.lease_retry_period < self.lease_renew_deadline < self.lease_duration:
            remedy = (
                "keep --lease-retry-period < --lease-renew-deadline < --lease-duration, "
                f"now {self.lease_retry_period.total_seconds():g}s, "
                f"{self.lease_renew_deadline.total_seconds():g}s and "
                f"{self.lease_duration.total_seconds():g}s"
            )
            yield ("lease_renew_deadline", "lease_retry_period", "lease_duration"), remedy
        if self.shared and not self.leader_election:
            remedy = "write off, or leave --no-leader-election out: who shares agrees by Leases"
            yield ("shards", "leader_election"), remedy
        if self.shared and self.lease_renew_deadline < 3 * self.lease_retry_period:
            # Who renews what all hold is known one look later.
            remedy = "keep it at three times --lease-retry-period or more, as --shards is auto"
            yield ("lease_renew_deadline", "lease_retry_period", "shards"), remedy

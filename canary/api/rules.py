"""The rules between fields, each once: as CEL for the API server and as Python for ourselves.

A rule is attached to a model or field with `rules(...)`; from there it goes into the CRD, and
`validation.py` finds it in the generated schema again, so the two cannot be attached differently.
A Python check reads raw JSON in which anything may have the wrong type: that is reported elsewhere,
so a check stays silent about it.
Long because it is a table: one entry a rule, in the order of the fields.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from canary.api.raw import count, descending, items, numbers, part, present, text

#: Where below the object the fault is, and the faulty value.
Fault = tuple[tuple[str | int, ...], object]


#: Metrics that need neither a template nor a query.
BUILT_IN_METRICS = ("request-success-rate", "request-duration")

#: `<apex>-primary` must fit the 63 characters of a Service's name.
APEX_LENGTH = 55


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What must hold between fields: in CEL, in Python, and what to do where it does not."""

    cel: str
    remedy: str
    faults: Callable[[Any], Iterable[Fault]]
    field: str = ""
    """Where the fault is, as `.name`; empty where that is the value itself, or one of its items."""
    value: str = ""
    """The faulty value in CEL, where it is text; what a number costs as text has no bound."""
    required: bool = False
    """Whether the fault is that the field is missing."""

    def render(self) -> dict[str, Any]:
        """Write the rule as a schema holds it."""
        rendered = {"rule": self.cel, "message": self.remedy}
        if self.value:
            rendered["messageExpression"] = f'"\'" + {self.value} + "\': {self.remedy}"'
        if self.field:
            rendered["fieldPath"] = self.field
        if self.required:
            rendered["reason"] = "FieldValueRequired"
        return rendered


def rules(*each: Rule) -> dict[str, Any]:
    """Write rules as a schema holds them."""
    return {"x-kubernetes-validations": [rule.render() for rule in each]}


# --------------------------------------------------------------------------- the rules of a Canary

_STEP_STYLES = ("stepWeight", "stepWeights", "iterations", "steps")


def _step_styles(analysis: object) -> Iterator[Fault]:
    if isinstance(analysis, Mapping) and count(analysis, _STEP_STYLES) > 1:
        yield (), analysis


#: What to do about none of them, which not every router needs, or about several.
NAME_THE_STEPS = "set exactly one of stepWeight, stepWeights, iterations and steps"
ONE_STEP_STYLE = Rule(
    cel="[has(self.stepWeight), has(self.stepWeights), has(self.iterations), has(self.steps)]"
    ".filter(x, x).size() <= 1",
    remedy=NAME_THE_STEPS,
    faults=_step_styles,
)

_SAID_BY_STEPS = ("match", "mirror", "mirrorWeight")


def _beside_steps(analysis: object) -> Iterator[Fault]:
    if present(analysis, "steps"):
        for name in _SAID_BY_STEPS:
            if part(analysis, name) not in (None, False, []):
                yield (name,), part(analysis, name)


STEPS_STAND_ALONE = Rule(
    cel="!has(self.steps) || ((!has(self.match) || size(self.match) == 0) && "
    "(!has(self.mirror) || !self.mirror) && !has(self.mirrorWeight))",
    remedy="with steps, move match and mirror into the steps that they are for, and remove "
    "mirrorWeight",
    faults=_beside_steps,
    field=".steps",
)


def _matched_without_weight(step: object) -> Iterator[Fault]:
    if items(part(step, "match")) and not part(step, "weight"):
        yield ("weight",), part(step, "weight")


MATCHED_STEP_HAS_WEIGHT = Rule(
    cel="!has(self.match) || size(self.match) == 0 || (has(self.weight) && self.weight > 0)",
    remedy="say which weight the requests that match have, such as 100 for all of them",
    faults=_matched_without_weight,
    field=".weight",
)


#: The types of hooks that a step may have of its own; the empty one is `rollout`.
STEP_HOOKS = ("confirm-traffic-increase", "rollout", "rollback")


def _not_of_a_step(webhook: object) -> Iterator[Fault]:
    type_ = text(webhook, "type")
    if type_ and type_ not in STEP_HOOKS:
        yield ("type",), type_


HOOK_IS_FOR_A_STEP = Rule(
    cel=f"!has(self.type) || self.type in ['', {', '.join(repr(name) for name in STEP_HOOKS)}]",
    remedy=f"write {', '.join(STEP_HOOKS[:-1])} or {STEP_HOOKS[-1]}: a hook of any other type "
    "belongs to the whole run, in analysis.webhooks",
    faults=_not_of_a_step,
    field=".type",
    value="self.type",
)


def _repeated_in_steps(analysis: object) -> Iterator[Fault]:
    for field in ("metrics", "webhooks"):
        known = {text(each, "name") for each in items(part(analysis, field))} - {""}
        for index, step in enumerate(items(part(analysis, "steps"))):
            for place, each in enumerate(items(part(step, field))):
                if text(each, "name") in known:
                    yield ("steps", index, field, place, "name"), text(each, "name")


NAMES_DIFFER_FROM_STEPS = Rule(
    cel="!has(self.steps) || self.steps.all(s, "
    "(!has(s.metrics) || !has(self.metrics) || "
    "s.metrics.all(m, !self.metrics.exists(k, k.name == m.name))) && "
    "(!has(s.webhooks) || !has(self.webhooks) || "
    "s.webhooks.all(m, !self.webhooks.exists(k, k.name == m.name))))",
    remedy="give what belongs to a step another name than what belongs to the whole run",
    faults=_repeated_in_steps,
    field=".steps",
)


def _not_ascending(weights: object) -> Iterator[Fault]:
    highest = 0.0
    for index, weight in numbers(items(weights)):
        if weight <= highest and index > 0:
            yield (index,), weight
        highest = max(highest, weight)


STEP_WEIGHTS_ASCEND = Rule(
    cel="self.isSorted() && self.all(x, self.exists_one(y, y == x))",
    remedy="list each weight once, the lowest first",
    faults=_not_ascending,
)


def _boundless_window(window: object) -> Iterator[Fault]:
    if isinstance(window, Mapping) and not count(window, ("duration", "revisions")):
        yield (), window


WINDOW_HAS_BOUND = Rule(
    cel="has(self.duration) || has(self.revisions)",
    remedy="set duration, revisions or both: with both, a revision must be within both",
    faults=_boundless_window,
)


def _not_one_scale(scale: object) -> Iterator[Fault]:
    if isinstance(scale, Mapping) and (
        count(scale, ("replicas", "percent")) + (scale.get("matchTrafficWeight") is True) != 1
    ):
        yield (), scale


ONE_SCALE = Rule(
    cel="(has(self.replicas) ? 1 : 0) + (has(self.percent) ? 1 : 0) + "
    "(has(self.matchTrafficWeight) && self.matchTrafficWeight ? 1 : 0) == 1",
    remedy="set one of replicas, percent and matchTrafficWeight: true",
    faults=_not_one_scale,
)


def _sourceless_metric(metric: object) -> Iterator[Fault]:
    name = text(metric, "name")
    if name and name not in BUILT_IN_METRICS and not count(metric, ("templateRef", "query")):
        yield ("name",), name


METRIC_HAS_SOURCE = Rule(
    cel="has(self.templateRef) || has(self.query) || "
    f"self.name in [{', '.join(repr(name) for name in BUILT_IN_METRICS)}]",
    remedy=f"name a built-in metric ({' or '.join(BUILT_IN_METRICS)}), or add templateRef or query",
    faults=_sourceless_metric,
    field=".name",
    value="self.name",
)


def _ambiguous_metric(metric: object) -> Iterator[Fault]:
    if count(metric, ("templateRef", "query")) == 2:
        yield ("query",), part(metric, "query")


METRIC_HAS_ONE_SOURCE = Rule(
    cel="!(has(self.templateRef) && has(self.query))",
    remedy="keep either templateRef or query: a metric has one source",
    faults=_ambiguous_metric,
    field=".query",
)


def _boundless_metric(metric: object) -> Iterator[Fault]:
    bounds = part(metric, "thresholdRange")
    # Where there is a thresholdRange, threshold has no part in it.
    bounded = present(metric, "threshold") if bounds is None else count(bounds, ("min", "max"))
    if bounds is None and part(metric, "judge") not in (None, "threshold"):
        return
    if isinstance(metric, Mapping) and isinstance(bounds, Mapping | None) and not bounded:
        yield ("thresholdRange",), bounds


METRIC_HAS_BOUND = Rule(
    cel="has(self.thresholdRange) ? has(self.thresholdRange.min) || has(self.thresholdRange.max) "
    ": has(self.threshold) || (has(self.judge) && self.judge != 'threshold')",
    remedy="add thresholdRange with a min, a max or both: a metric needs a bound to be judged",
    faults=_boundless_metric,
    field=".thresholdRange",
    required=True,
)


def _limited_threshold(metric: object) -> Iterator[Fault]:
    judge = part(metric, "judge")
    if present(metric, "holdLimit") and judge in (None, "threshold"):
        yield ("holdLimit",), part(metric, "holdLimit")


HOLD_LIMIT_IS_FOR_PROOFS = Rule(
    cel="!has(self.holdLimit) || (has(self.judge) && self.judge != 'threshold')",
    remedy="remove holdLimit, or name a judge that looks for a proof, such as sequential: judge "
    "threshold always decides",
    faults=_limited_threshold,
    field=".holdLimit",
)


def _boundless_budget(metric: object) -> Iterator[Fault]:
    bounds = part(metric, "thresholdRange")
    if isinstance(bounds, Mapping) and not count(bounds, ("min", "max")):
        yield ("thresholdRange",), bounds


BUDGET_HAS_BOUND = Rule(
    cel="has(self.thresholdRange.min) || has(self.thresholdRange.max)",
    remedy="add a min, a max or both: a budget needs a bound to be judged",
    faults=_boundless_budget,
    field=".thresholdRange",
)


def _inverted_range(bounds: object) -> Iterator[Fault]:
    if descending(bounds, "min", "max"):
        yield ("min",), part(bounds, "min")


RANGE_IS_ORDERED = Rule(
    cel="!has(self.min) || !has(self.max) || self.min <= self.max",
    remedy="write a min that is not above max: no value could pass",
    faults=_inverted_range,
    field=".min",
)


def _inverted_score(score: object) -> Iterator[Fault]:
    if descending(score, "marginal", "pass"):
        yield ("marginal",), part(score, "marginal")


SCORE_IS_ORDERED = Rule(
    cel="!has(self.marginal) || self.marginal <= self.pass",
    remedy="write a marginal that is not above pass",
    faults=_inverted_score,
    field=".marginal",
)


def _repeated(value: object) -> Iterator[Fault]:
    seen = set()
    for index, each in enumerate(items(value)):
        name = text(each, "name")
        if name and name in seen:
            yield (index, "name"), name
        seen.add(name)


NAMES_ARE_UNIQUE = Rule(
    cel="self.all(x, self.exists_one(y, y.name == x.name))",
    remedy="give each entry its own name",
    faults=_repeated,
)


STEP_NAMES_ARE_UNIQUE = Rule(
    cel="self.all(x, !has(x.name) || self.exists_one(y, has(y.name) && y.name == x.name))",
    remedy="give each step its own name, or none",
    faults=_repeated,
)


def _is_gate(webhook: object) -> bool:
    return text(webhook, "type").startswith("confirm-")


def _webhook_without_url(webhook: object) -> Iterator[Fault]:
    if isinstance(webhook, Mapping) and not present(webhook, "url") and not _is_gate(webhook):
        yield ("url",), None


WEBHOOK_HAS_URL = Rule(
    cel="has(self.url) || (has(self.type) && self.type.startsWith('confirm-'))",
    remedy="add a url; only a confirm-* gate works without one (it is opened by annotation)",
    faults=_webhook_without_url,
    field=".url",
    required=True,
)


#: Characters of the keys and values of a hook's metadata together: it is in the body of each call.
MOST_METADATA = 65_536


def _much_metadata(webhook: object) -> Iterator[Fault]:
    metadata = part(webhook, "metadata")
    pairs = metadata.items() if isinstance(metadata, Mapping) else ()
    if sum(len(each) for pair in pairs for each in pair if isinstance(each, str)) > MOST_METADATA:
        yield ("metadata",), metadata


METADATA_IS_SHORT = Rule(
    cel="!has(self.metadata) || self.metadata.map(k, size(k) + size(self.metadata[k])).sum() "
    f"<= {MOST_METADATA}",
    remedy=f"write at most {MOST_METADATA:,} characters in all, and name the rest by an address: it is "
    "in the body of each call",
    faults=_much_metadata,
    field=".metadata",
)


def _deadline_without_gate(webhook: object) -> Iterator[Fault]:
    if present(webhook, "deadline") and not _is_gate(webhook):
        yield ("deadline",), part(webhook, "deadline")


DEADLINE_IS_FOR_GATES = Rule(
    cel="!has(self.deadline) || (has(self.type) && self.type.startsWith('confirm-'))",
    remedy="remove deadline: only a confirm-* gate waits (timeout limits one call)",
    faults=_deadline_without_gate,
    field=".deadline",
    value="self.deadline",
)


def _approvals_of_nobody(webhook: object) -> Iterator[Fault]:
    approvals = webhook.get("approvals") if isinstance(webhook, Mapping) else None
    if approvals is None or approvals == 1 or (_is_gate(webhook) and not present(webhook, "url")):
        return
    yield ("approvals",), approvals


APPROVALS_ARE_FOR_PEOPLE = Rule(
    cel="!has(self.approvals) || self.approvals == 1 || (has(self.type) "
    "&& self.type.startsWith('confirm-') && !has(self.url))",
    remedy="remove approvals: people approve only a confirm-* gate without a url",
    faults=_approvals_of_nobody,
    field=".approvals",
)


def _same_cookies(affinity: object) -> Iterator[Fault]:
    name = text(affinity, "primaryCookieName")
    if name and name == text(affinity, "cookieName"):
        yield ("primaryCookieName",), name


COOKIES_DIFFER = Rule(
    cel="!has(self.primaryCookieName) || self.primaryCookieName != self.cookieName",
    remedy="give the primary's cookie a different name from the canary's",
    faults=_same_cookies,
    field=".primaryCookieName",
    value="self.primaryCookieName",
)


def _delegation_with(service: object) -> Iterator[Fault]:
    if part(service, "delegation") is True:
        for name in ("hosts", "gateways"):
            if items(part(service, name)):
                yield (name,), part(service, name)


DELEGATION_STANDS_ALONE = Rule(
    cel="!has(self.delegation) || !self.delegation || "
    "((!has(self.hosts) || size(self.hosts) == 0) && "
    "(!has(self.gateways) || size(self.gateways) == 0))",
    remedy="remove hosts and gateways: with delegation they belong to the VirtualService that delegates",
    faults=_delegation_with,
)


def _without_gateway(spec: object) -> Iterator[Fault]:
    if text(spec, "provider").startswith("gatewayapi") and not part(spec, "managedRoutes"):
        references = part(part(spec, "service"), "gatewayRefs")
        if references is None or references == []:
            yield ("service", "gatewayRefs"), references


GATEWAY_API_HAS_PARENT = Rule(
    cel="!has(self.provider) || !self.provider.startsWith('gatewayapi') || "
    "(has(self.managedRoutes) && size(self.managedRoutes) > 0) || "
    "(has(self.service) && has(self.service.gatewayRefs) && size(self.service.gatewayRefs) > 0)",
    remedy="name at least one Gateway (or a parent of kind Service): gatewayapi attaches to it",
    faults=_without_gateway,
    field=".service.gatewayRefs",
    required=True,
)


def _apex_from_target(spec: object) -> Iterator[Fault]:
    if present(part(spec, "service"), "name"):
        return
    name = text(part(spec, "targetRef"), "name")
    pattern = r"[a-z]([-a-z0-9]*[a-z0-9])?"
    if name and (len(name) > APEX_LENGTH or re.fullmatch(pattern, name) is None):
        yield ("targetRef", "name"), name


APEX_FITS = Rule(
    cel="(has(self.service) && has(self.service.name)) || "
    f"(size(self.targetRef.name) <= {APEX_LENGTH} && "
    "self.targetRef.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$'))",
    remedy="set service.name: the target's name with -primary is not a valid Service name "
    "(a letter first, then letters, digits and hyphens, at most 63 characters)",
    faults=_apex_from_target,
    field=".targetRef.name",
    value="self.targetRef.name",
)


def _no_service(spec: object) -> Iterator[Fault]:
    knative = text(part(spec, "targetRef"), "apiVersion").startswith("serving.knative.dev/")
    if isinstance(spec, Mapping) and not present(spec, "service") and not knative:
        yield ("service",), None


SERVICE_IS_GIVEN = Rule(
    cel="has(self.service) || self.targetRef.apiVersion.startsWith('serving.knative.dev/')",
    remedy="add service with its port; only a Knative target has one already",
    faults=_no_service,
    field=".service",
    required=True,
)


def _deletion_said_twice(spec: object) -> Iterator[Fault]:
    policy, reverts = text(spec, "deletionPolicy"), part(spec, "revertOnDeletion")
    if policy and isinstance(reverts, bool) and reverts is not (policy == "restore"):
        yield ("deletionPolicy",), policy


DELETION_IS_SAID_ONCE = Rule(
    cel="!has(self.deletionPolicy) || !has(self.revertOnDeletion) || "
    "self.revertOnDeletion == (self.deletionPolicy == 'restore')",
    remedy="remove revertOnDeletion: it says the opposite",
    faults=_deletion_said_twice,
    field=".deletionPolicy",
    value="self.deletionPolicy",
)


def _ramp_of_replaced_pods(spec: object) -> Iterator[Fault]:
    share = part(part(spec, "analysis"), "stepWeightRestart")
    if share and part(spec, "keepTarget") is not True:
        yield ("analysis", "stepWeightRestart"), share


RESTART_RAMP_NEEDS_KEPT_TARGET = Rule(
    cel="!has(self.analysis.stepWeightRestart) || self.analysis.stepWeightRestart == 0 || "
    "(has(self.keepTarget) && self.keepTarget)",
    remedy="remove it, or set keepTarget: true: the pods of the target are replaced by the newer "
    "revision meanwhile, so that traffic leaves them at once",
    faults=_ramp_of_replaced_pods,
    field=".analysis.stepWeightRestart",
)


def _rule_named_otherwise(rule: object) -> Iterator[Fault]:
    if isinstance(rule, Mapping) and count(rule, ("name", "port", "sniHost")) != 1:
        yield (), rule


RULE_IS_NAMED_ONCE = Rule(
    cel="[has(self.name), has(self.port), has(self.sniHost)].exists_one(x, x)",
    remedy="set exactly one of name, port and sniHost",
    faults=_rule_named_otherwise,
)


def _route_named_again(routes: object) -> Iterator[Fault]:
    seen = set()
    for index, each in enumerate(items(routes)):
        place = text(each, "kind"), text(each, "name")
        if place[1] and place in seen:
            yield (index, "name"), place[1]
        seen.add(place)


ROUTES_ARE_NAMED_ONCE = Rule(
    cel="self.all(x, self.exists_one(y, y.kind == x.kind && y.name == x.name))",
    remedy="name each route once, with all of its rules",
    faults=_route_named_again,
)


def _primary_as_target(reference: object) -> Iterator[Fault]:
    name = text(reference, "name")
    if name.endswith("-primary"):
        yield ("name",), name


TARGET_IS_NOT_PRIMARY = Rule(
    cel="!self.name.endsWith('-primary')",
    remedy="name the workload that you edit: <target>-primary is the copy that tidegate keeps",
    faults=_primary_as_target,
    field=".name",
    value="self.name",
)


def _inverted_replicas(replicas: object) -> Iterator[Fault]:
    if descending(replicas, "minReplicas", "maxReplicas"):
        yield ("minReplicas",), part(replicas, "minReplicas")


REPLICAS_ARE_ORDERED = Rule(
    cel="!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
    remedy="write a minReplicas that is not above maxReplicas",
    faults=_inverted_replicas,
    field=".minReplicas",
)


def _not_one_match(match: object) -> Iterator[Fault]:
    if isinstance(match, Mapping) and count(match, ("exact", "prefix", "suffix", "regex")) != 1:
        yield (), match


ONE_WAY_TO_MATCH = Rule(
    cel="[has(self.exact), has(self.prefix), has(self.suffix), has(self.regex)].exists_one(x, x)",
    remedy="set exactly one of exact, prefix, suffix and regex",
    faults=_not_one_match,
)

# --------------------------------------------------------- MetricTemplate and AlertProvider


def _prometheus_without_address(provider: object) -> Iterator[Fault]:
    if text(provider, "type") == "prometheus" and not present(provider, "address"):
        yield ("address",), None


PROMETHEUS_HAS_ADDRESS = Rule(
    cel="self.type != 'prometheus' || has(self.address)",
    remedy="add the address of Prometheus, such as http://prometheus.monitoring:9090",
    faults=_prometheus_without_address,
    field=".address",
    required=True,
)


def _partless_counts(counts: object) -> Iterator[Fault]:
    if isinstance(counts, Mapping) and count(counts, ("bad", "good")) != 1:
        yield ("bad",), part(counts, "bad")


COUNTS_HAVE_ONE_PART = Rule(
    cel="has(self.bad) != has(self.good)",
    remedy="set exactly one of bad and good: the other requests are the others",
    faults=_partless_counts,
    field=".bad",
)


def _queryless_template(spec: object) -> Iterator[Fault]:
    if isinstance(spec, Mapping) and not count(spec, ("query", "counts")):
        yield ("query",), None


TEMPLATE_HAS_QUERY = Rule(
    cel="has(self.query) || has(self.counts)",
    remedy="add query, or counts for judges that compare the requests of both sides",
    faults=_queryless_template,
    field=".query",
    required=True,
)


def _addresses(provider: object) -> Iterator[Fault]:
    if isinstance(provider, Mapping) and not count(provider, ("address", "secretRef")):
        yield ("address",), None


HAS_ADDRESS = Rule(
    cel="has(self.address) || has(self.secretRef)",
    remedy="set address, or secretRef with the name of a Secret that holds the address",
    faults=_addresses,
    field=".address",
)


# ------------------------------------------------------------------- the rules of a DeliveryPolicy


def _expression_without_values(expression: object) -> Iterator[Fault]:
    compares = text(expression, "operator") in {"In", "NotIn"}
    if text(expression, "operator") and compares != bool(items(part(expression, "values"))):
        yield ("values",), part(expression, "values")


EXPRESSION_HAS_VALUES = Rule(
    cel="(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
    remedy="give values to In and NotIn, and none to Exists and DoesNotExist",
    faults=_expression_without_values,
    field=".values",
)


_ON_DAYS, _ONCE = ("from", "to"), ("since", "until")


def _window_without_times(window: object) -> Iterator[Fault]:
    on_days, once = count(window, _ON_DAYS), count(window, _ONCE)
    mixed = {on_days, once} != {0, 2} or (once and items(part(window, "days")))
    if isinstance(window, Mapping) and mixed:
        yield (), window


WINDOW_HAS_TIMES = Rule(
    cel="(has(self.from) && has(self.to) && !has(self.since) && !has(self.until)) || "
    "(has(self.since) && has(self.until) && !has(self.from) && !has(self.to) && "
    "(!has(self.days) || size(self.days) == 0))",
    remedy="give from and to, with days where it is not every day, or since and until for once",
    faults=_window_without_times,
)


def _window_ends_first(window: object) -> Iterator[Fault]:
    since, until = text(window, "since"), text(window, "until")
    if since and until and until <= since:
        yield ("until",), until


WINDOW_ENDS_LATER = Rule(
    cel="!has(self.since) || !has(self.until) || self.since < self.until",
    remedy="write a time that is later than since",
    faults=_window_ends_first,
    field=".until",
    value="self.until",
)


def _windows_without_zone(spec: object) -> Iterator[Fault]:
    if items(part(spec, "windows")) and not present(spec, "timeZone"):
        yield ("timeZone",), None


WINDOWS_HAVE_A_ZONE = Rule(
    cel="!has(self.windows) || size(self.windows) == 0 || has(self.timeZone)",
    remedy="add the IANA time zone of the windows, such as Europe/Berlin",
    faults=_windows_without_zone,
    field=".timeZone",
    required=True,
)


def _spread_without_windows(spec: object) -> Iterator[Fault]:
    if present(spec, "spread") and not items(part(spec, "windows")):
        yield ("spread",), part(spec, "spread")


SPREAD_HAS_WINDOWS = Rule(
    cel="!has(self.spread) || (has(self.windows) && size(self.windows) > 0)",
    remedy="remove it, or add windows: runs that wait for one are spread over this time after it "
    "opens",
    faults=_spread_without_windows,
    field=".spread",
)

#: Every rule by its CEL text, which is how a schema names it.
BY_CEL = {
    rule.cel: rule
    for rule in (
        ONE_STEP_STYLE,
        STEPS_STAND_ALONE,
        MATCHED_STEP_HAS_WEIGHT,
        STEP_NAMES_ARE_UNIQUE,
        HOOK_IS_FOR_A_STEP,
        NAMES_DIFFER_FROM_STEPS,
        STEP_WEIGHTS_ASCEND,
        WINDOW_HAS_BOUND,
        ONE_SCALE,
        DELETION_IS_SAID_ONCE,
        RESTART_RAMP_NEEDS_KEPT_TARGET,
        RULE_IS_NAMED_ONCE,
        ROUTES_ARE_NAMED_ONCE,
        METRIC_HAS_SOURCE,
        METRIC_HAS_ONE_SOURCE,
        METRIC_HAS_BOUND,
        HOLD_LIMIT_IS_FOR_PROOFS,
        BUDGET_HAS_BOUND,
        RANGE_IS_ORDERED,
        SCORE_IS_ORDERED,
        NAMES_ARE_UNIQUE,
        WEBHOOK_HAS_URL,
        METADATA_IS_SHORT,
        DEADLINE_IS_FOR_GATES,
        APPROVALS_ARE_FOR_PEOPLE,
        COOKIES_DIFFER,
        DELEGATION_STANDS_ALONE,
        GATEWAY_API_HAS_PARENT,
        APEX_FITS,
        SERVICE_IS_GIVEN,
        TARGET_IS_NOT_PRIMARY,
        REPLICAS_ARE_ORDERED,
        ONE_WAY_TO_MATCH,
        PROMETHEUS_HAS_ADDRESS,
        COUNTS_HAVE_ONE_PART,
        TEMPLATE_HAS_QUERY,
        HAS_ADDRESS,
        EXPRESSION_HAS_VALUES,
        WINDOW_HAS_TIMES,
        WINDOW_ENDS_LATER,
        WINDOWS_HAVE_A_ZONE,
        SPREAD_HAS_WINDOWS,
    )
}

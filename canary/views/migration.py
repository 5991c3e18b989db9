"""What an object of Flagger's does differently here: the rows of docs/migration.md that concern it.

The sentences are those of the page; a test holds the two equal. What concerns every Canary alike
is left to the page. Long because it is a table: one entry a row of the page.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from analysis.durations import parse_duration
from canary.api.fields import go_duration
from canary.api.kinds import Manifest
from canary.api.raw import items, part, text

Places = Callable[[Manifest], Iterator[str]]
"""Gives the fields of an object that a difference is about."""

_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")
_SPEC = "spec"
_ANALYSIS = "spec.analysis"
_CHAT = ("discord", "gchat")
_LEAST_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is done differently."""

    kind: str
    """The kind of object that it concerns."""
    flagger: str
    tidegate: str
    places: Places

    def __str__(self) -> str:
        """Say it in one line."""
        return _LINK.sub(r"\1", f"Flagger: {self.flagger}; tidegate: {self.tidegate}")


def differences(manifest: Manifest) -> Iterator[tuple[str, Difference]]:
    """Name what is different for an object, each with the first field that it is about."""
    for each in DIFFERENCES:
        if manifest.get("kind") == each.kind:
            place = next(each.places(manifest), "")
            if place:
                yield place, each


def _analysis(manifest: Manifest) -> Any:
    return part(part(manifest, _SPEC), "analysis")


def _hooks(manifest: Manifest) -> Iterator[tuple[str, object]]:
    for place, each in enumerate(items(part(_analysis(manifest), "webhooks"))):
        yield f"{_ANALYSIS}.webhooks[{place}]", each


def _hooks_of(*types: str) -> Places:
    def places(manifest: Manifest) -> Iterator[str]:
        yield from (at for at, hook in _hooks(manifest) if text(hook, "type") in types)

    return places


def _hooks_on_loopback(manifest: Manifest) -> Iterator[str]:
    for at, hook in _hooks(manifest):
        try:
            host = urlsplit(text(hook, "url")).hostname or ""
        except ValueError:
            continue
        if host == "localhost" or host.startswith("127."):
            yield f"{at}.url"


def _every_hook(manifest: Manifest) -> Iterator[str]:
    yield from (at for at, _ in _hooks(manifest))


def _quiet_alerts(manifest: Manifest) -> Iterator[str]:
    for place, alert in enumerate(items(part(_analysis(manifest), "alerts"))):
        if not text(alert, "severity"):
            yield f"{_ANALYSIS}.alerts[{place}]"


def _short_interval(manifest: Manifest) -> Iterator[str]:
    written = text(_analysis(manifest), "interval")
    try:
        short = parse_duration(go_duration(written)) < _LEAST_SECONDS if written else False
    except ValueError:
        return
    if short:
        yield f"{_ANALYSIS}.interval"


def _blue_green(manifest: Manifest) -> bool:
    analysis = _analysis(manifest)
    return bool(part(analysis, "iterations")) and not items(part(analysis, "match"))


def _ab_testing(manifest: Manifest) -> bool:
    analysis = _analysis(manifest)
    return bool(part(analysis, "iterations")) and bool(items(part(analysis, "match")))


def _set(*path: str, when: Callable[[Manifest], bool] = lambda _: True) -> Places:
    """Give a field where it is set, and something else holds."""

    def places(manifest: Manifest) -> Iterator[str]:
        here: Any = manifest
        for name in path:
            here = part(here, name)
        if here not in (None, False, "", [], {}) and when(manifest):
            yield ".".join(path)

    return places


def _equal(value: str, *path: str) -> Places:
    """Give a field where it has a value."""

    def places(manifest: Manifest) -> Iterator[str]:
        here: Any = manifest
        for name in path[:-1]:
            here = part(here, name)
        if text(here, path[-1]) == value:
            yield ".".join(path)

    return places


def _left_on_deletion(manifest: Manifest) -> Iterator[str]:
    if part(part(manifest, _SPEC), "revertOnDeletion") is not True:
        yield "spec"


def _variables(manifest: Manifest) -> Iterator[str]:
    for place, metric in enumerate(items(part(_analysis(manifest), "metrics"))):
        if part(metric, "templateVariables"):
            yield f"{_ANALYSIS}.metrics[{place}].templateVariables"


def _old_chats(manifest: Manifest) -> Iterator[str]:
    if text(part(manifest, _SPEC), "type") in _CHAT:
        yield "spec.type"


def _store(*types: str) -> Places:
    def places(manifest: Manifest) -> Iterator[str]:
        if text(part(part(manifest, _SPEC), "provider"), "type") in types:
            yield "spec.provider.type"

    return places


def _canary(flagger: str, tidegate: str, places: Places) -> Difference:
    return Difference(kind="Canary", flagger=flagger, tidegate=tidegate, places=places)


def _template(flagger: str, tidegate: str, places: Places) -> Difference:
    return Difference(kind="MetricTemplate", flagger=flagger, tidegate=tidegate, places=places)


def _receiver(flagger: str, tidegate: str, places: Places) -> Difference:
    return Difference(kind="AlertProvider", flagger=flagger, tidegate=tidegate, places=places)


DIFFERENCES = (
    _canary(
        "deleting a Canary leaves the target at zero pods",
        "the target gets pods and traffic back first; with `revertOnDeletion: false`, or "
        "`deletionPolicy: orphan`, the primary and its route stay and serve",
        _left_on_deletion,
    ),
    _canary(
        "gates wait for ever",
        "72 h, then rolled back; `deadline` changes it",
        _hooks_of("confirm-rollout", "confirm-promotion", "confirm-traffic-increase"),
    ),
    _canary(
        "the rollback hook is not asked while waiting for a gate", "it is", _hooks_of("rollback")
    ),
    _canary(
        "204 is a failure, the body of a 5xx is lost",
        "any 2xx passes, the body is the reason",
        _every_hook,
    ),
    _canary(
        "hooks, metric stores and chat may be anywhere",
        "loopback, link-local and metadata addresses and the API server are closed "
        "([Security](security.md)); `--egress-allow 127.0.0.0/8` opens loopback, for a sidecar",
        _hooks_on_loopback,
    ),
    _canary("an alert without `severity` is never sent", "it is sent from `info`", _quiet_alerts),
    _canary(
        "an `interval` of the analysis below 10 s counts as 10 s, and one that can't be read as "
        "60 s",
        "it is taken as written, from 1 s on",
        _short_interval,
    ),
    _canary(
        "blue/green: mirrors at its start; `confirm-promotion` is called twice",
        "mirrors during all iterations; `confirm-promotion` is called before the switch, and not "
        "again",
        _set("spec", "analysis", "mirror", when=_blue_green),
    ),
    _canary(
        "A/B testing: headers of `service.match` are replaced by those of `analysis.match`",
        "both must hold",
        _set("spec", "service", "match", when=_ab_testing),
    ),
    _canary(
        "session affinity is ignored in A/B testing",
        "it keeps clients among the requests that match",
        _set("spec", "analysis", "sessionAffinity", when=_ab_testing),
    ),
    _canary(
        "session affinity: a cookie has a random value, and the primary's keeps it in later runs",
        "the value names the Canary and the run",
        _set("spec", "analysis", "sessionAffinity"),
    ),
    _canary(
        "a template variable may be any text",
        "it stays inside its quotes; in another namespace's template it is a plain word unless the "
        "template allows more (`spec.variables`)",
        _variables,
    ),
    _canary(
        "edits of an autoscaler reach the primary's with the next promotion",
        "at once",
        _set("spec", "autoscalerRef"),
    ),
    _canary(
        "KEDA takes the pods of a canary without traffic where `minReplicaCount` is 0",
        "the ScaledObject is paused at the canary's size during a run",
        _equal("ScaledObject", "spec", "autoscalerRef", "kind"),
    ),
    _canary(
        "with a target of kind Service, `<name>-canary` is written at every interval",
        "it is written when the target changes",
        _equal("v1", "spec", "targetRef", "apiVersion"),
    ),
    _canary(
        "with `provider: knative` the newest Revision is `latestRevision: true` in `spec.traffic`",
        "both Revisions are named, and the canary's has the tag `canary`",
        _equal("knative", "spec", "provider"),
    ),
    _canary(
        "with `provider: knative` a Revision that does not come up is waited for without end",
        "the run is rolled back as soon as Knative gives it up",
        _equal("knative", "spec", "provider"),
    ),
    _canary(
        "with `provider: kubernetes` the new revision gets live traffic through a rolling update "
        "of the primary",
        "the apex Service switches to the canary, the primary is updated without traffic, and the "
        "Service switches back",
        _equal("kubernetes", "spec", "provider"),
    ),
    _canary(
        "with `provider: nginx` the Ingress of the canary is a copy of yours, annotations and "
        "other backends included, made once",
        "it has the paths that lead to the app and the annotations that act on pods, and follows "
        "your Ingress",
        _equal("nginx", "spec", "provider"),
    ),
    _canary(
        "with `provider: nginx` the built-in `request-duration` is a mean",
        "it is the 99th percentile",
        _equal("nginx", "spec", "provider"),
    ),
    _template(
        "a metric store is asked up to now, and the newest or the oldest point is the value",
        "it is asked for a closed window, and the newest whole point counts "
        "([Stores](metrics.md#stores))",
        _set("spec", "provider", "type"),
    ),
    _template(
        "of several series the first or the last counts",
        "several series are an error, until the option `reduce` says what becomes of them",
        _set("spec", "provider", "type"),
    ),
    _template(
        "Datadog and Dynatrace are asked about ten intervals",
        "about one; the option `window` restores more",
        _store("datadog", "dynatrace"),
    ),
    _template("an empty answer of InfluxDB is 0", "it is no data", _store("influxdb")),
    _template(
        "integers of Google Cloud Monitoring are 0", "they are numbers", _store("stackdriver")
    ),
    _template(
        "an Analysis of `keptn` has to end within one analysis",
        "the run waits for it, for up to 10 minutes or the option `deadline`",
        _store("keptn"),
    ),
    _receiver(
        "`msteams` posts the cards of connectors, which Microsoft has retired",
        "adaptive cards to a workflow; the address of a connector is refused with the way out, "
        "and holds up no run",
        _equal("msteams", "spec", "type"),
    ),
    _receiver(
        "`gchat` and `discord` post the old cards and Slack's form",
        "cards of version 2, one thread a run; embeds, and `/slack` at the end of an address "
        "is left out",
        _old_chats,
    ),
    _receiver(
        "a Secret goes wherever the object that names it leads",
        "a hook's Secret must say so in its annotation `tidegate.dev/send-to`, and so must one "
        "with a token for chat beside an `address` in the spec; for one of a MetricTemplate that "
        "is a warning in the log, and with `--multi-tenant` required",
        _set("spec", "secretRef"),
    ),
)
"""Each row of the page that can be told from a manifest."""

"""What a metric asks its store, by its template, its query or what is built in."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from analysis.builtin import CountQueries, built_in_counts, builtin
from analysis.errors import QueryError
from analysis.expression import Matcher
from analysis.judges import compares
from analysis.model import Arm, Ask, Check, NoDataPolicy, Signal, marked
from analysis.narrowing import narrowed
from analysis.template import TemplateContext, render
from canary.api.metrics import MetricSpec
from canary.api.metrictemplate import MetricTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who is asked about what: what a built-in query depends on."""

    router: str
    store_type: str
    kind: str
    """That of the target."""
    matchers: tuple[Matcher, ...] = ()
    """What every selector of a built-in query is narrowed by."""


def value_query(spec: MetricSpec, template: MetricTemplate | None, asked: Asked) -> str:
    """Give the query of a value, as a template.

    Raises:
        AnalysisError: there is none for what is asked, or the template has only counts.
    """
    if template is None:
        if spec.query:
            return spec.query
        built_in = builtin(spec.name, asked.router, asked.store_type, asked.kind)
        return narrowed(built_in, asked.matchers)
    if template.spec.query is None:
        raise QueryError(
            f"judge {spec.judge} asks for a value, and the template has only counts; add a "
            "query to it, or write judge: sequential"
        )
    return template.spec.query


def value_asks(
    judge: str,
    text: str,
    of_canary: TemplateContext,
    of_primary: TemplateContext,
    *,
    at_once: bool = True,
) -> tuple[Ask, ...]:
    """Ask for the value of the canary, and of the primary where the judge compares them.

    `at_once` says that both are asked about one moment, at which they cannot be the same.

    Raises:
        QueryError: the query cannot be rendered, or asks the same of both.
    """
    asked = Ask(query=render(text, of_canary))
    if not compares(judge):
        return (asked,)
    compared = Ask(query=render(text, of_primary), arm=Arm.PRIMARY)
    if at_once and compared.query == asked.query:
        raise QueryError(
            f"judge {judge} compares the canary with the primary, and this query asks the same of "
            "both; give it one that names the workload with {{ target }}, a Service with "
            "{{ service }}-{{ side }}, or a route with {{ route }}"
        )
    return (asked, compared)


def count_queries(spec: MetricSpec, template: MetricTemplate | None, asked: Asked) -> CountQueries:
    """Give what a judge counts of each side.

    Raises:
        QueryError: nothing is counted for what is asked, or by the template.
    """
    if template is None and not spec.query:
        counted = built_in_counts(
            spec.name, asked.router, asked.store_type, spec.bounds, asked.kind
        )
        return replace(
            counted,
            queries={
                signal: narrowed(text, asked.matchers) for signal, text in counted.queries.items()
            },
        )
    found = template.spec.counts if template else None
    if found is None:
        raise QueryError(
            f"judge {spec.judge} counts the requests of both sides; name a MetricTemplate that "
            "has counts, or remove the judge"
        )
    queries = {Signal.REQUESTS: found.requests, Signal.BAD: found.bad, Signal.GOOD: found.good}
    return CountQueries(
        queries={signal: text for signal, text in queries.items() if text is not None},
        bounds=spec.bounds,
    )


def count_asks(
    counted: CountQueries, of_sides: Iterable[tuple[Arm, TemplateContext]]
) -> tuple[Ask, ...]:
    """Ask what a judge counts, of both sides.

    Raises:
        QueryError: a query cannot be rendered.
    """
    return tuple(
        Ask(
            query=render(
                text, replace(of_side, variables={**of_side.variables, **counted.variables})
            ),
            arm=arm,
            signal=signal,
        )
        for arm, of_side in of_sides
        for signal, text in counted.queries.items()
    )


def unasked_check(spec: MetricSpec, reason: str) -> Check:
    """Say of a metric that it cannot be asked."""
    check = Check(
        metric=spec.name,
        verdict=NoDataPolicy(spec.on_error).verdict,
        value=None,
        bound=spec.bounds.text,
        message=f"{spec.name} cannot be queried: {reason}",
        query="",
    )
    return marked(check, shadow=spec.shadow, critical=spec.critical, unanswered=True)

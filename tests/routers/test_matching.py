"""Both of two conditions: merged where one condition can say it, and refused where none can."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.api.traffic import HttpMatch, StringMatch
from canary.routers.abilities import way
from canary.routers.matching import (
    Inexpressible,
    both,
    canary_matches,
    match_problems,
    pattern,
)
from tests.routers.builders import a_canary
from tests.sampling import examples

texts = st.text("aB", max_size=3)
conditions = st.one_of(
    *(texts.map(lambda text, how=how: StringMatch(**{how: text})) for how in ("exact", "prefix")),
    texts.map(lambda text: StringMatch(suffix=text)),
    st.sampled_from(["a*", "a|b", ".*"]).map(lambda text: StringMatch(regex=text)),
)
named = st.dictionaries(st.sampled_from(["x", "Y"]), conditions, max_size=2)
matches = st.builds(
    HttpMatch,
    name=st.none() | st.just("n"),
    uri=st.none() | conditions,
    scheme=st.none() | conditions,
    method=st.none() | conditions,
    authority=st.none() | conditions,
    headers=named,
    without_headers=named,
    query_params=named,
    source_labels=st.dictionaries(st.just("app"), st.sampled_from("ab")),
    source_namespace=st.none() | st.sampled_from(["a", "b"]),
    gateways=st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True).map(tuple),
    port=st.none() | st.sampled_from([1, 2]),
    ignore_uri_case=st.none() | st.booleans(),
)
requests = st.fixed_dictionaries(
    {
        **dict.fromkeys(("uri", "scheme", "method", "authority"), texts),
        "headers": st.dictionaries(st.sampled_from(["x", "y"]), texts),
        "query_params": st.dictionaries(st.sampled_from(["x", "Y"]), texts),
        "labels": st.dictionaries(st.just("app"), st.sampled_from("ab")),
        "namespace": st.sampled_from(["a", "b"]),
        "gateway": st.sampled_from(["a", "b"]),
        "port": st.sampled_from([1, 2]),
    }
)


def text_holds(match: StringMatch | None, text: str | None, *, folded: bool = False) -> bool:
    if match is None:
        return True
    if text is None:
        return False
    how, bound = way(match)
    if folded and how != "regex":
        text, bound = text.lower(), bound.lower()
    return {
        "exact": text == bound,
        "prefix": text.startswith(bound),
        "suffix": text.endswith(bound),
        "regex": how == "regex" and re.fullmatch(bound, text) is not None,
    }[how]


def holds(match: HttpMatch, request: dict[str, Any]) -> bool:
    """Evaluate a condition on a request, as Istio's reference tells."""
    headers, parameters = request["headers"], request["query_params"]
    return (
        text_holds(match.uri, request["uri"], folded=bool(match.ignore_uri_case))
        and all(
            text_holds(getattr(match, field), request[field])
            for field in ("scheme", "method", "authority")
        )
        and all(text_holds(each, headers.get(name.lower())) for name, each in match.headers.items())
        and not any(
            name.lower() in headers and text_holds(each, headers[name.lower()])
            for name, each in match.without_headers.items()
        )
        and all(text_holds(each, parameters.get(name)) for name, each in match.query_params.items())
        and match.source_labels.items() <= request["labels"].items()
        and match.source_namespace in {None, request["namespace"]}
        and (not match.gateways or request["gateway"] in match.gateways)
        and match.port in {None, request["port"]}
    )


@settings(max_examples=examples(150))
@given(first=matches, second=matches, request=requests)
def test_a_merged_condition_holds_exactly_where_both_hold(
    first: HttpMatch, second: HttpMatch, request: dict[str, Any]
) -> None:
    merged = both(first, second)
    expected = holds(first, request) and holds(second, request)
    if merged is None:
        assert not expected
    elif isinstance(merged, HttpMatch):
        assert holds(merged, request) == expected


@given(first=matches, request=requests)
def test_a_condition_merged_with_itself_is_the_same(
    first: HttpMatch, request: dict[str, Any]
) -> None:
    merged = both(first, first)
    assert isinstance(merged, HttpMatch)
    assert holds(merged, request) == holds(first, request)


@given(match=conditions, text=texts)
def test_a_pattern_says_the_same_as_its_condition(match: StringMatch, text: str) -> None:
    assert (re.fullmatch(pattern(match), text) is not None) == text_holds(match, text)


def merged_uri(first: dict[str, str], second: dict[str, str], **more: Any) -> object:
    merged = both(HttpMatch(uri=first, **more), HttpMatch(uri=second, **more))
    return merged.uri if isinstance(merged, HttpMatch) else merged


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        ({"exact": "/a/b"}, {"prefix": "/a"}, StringMatch(exact="/a/b")),
        ({"prefix": "/a"}, {"prefix": "/a/b"}, StringMatch(prefix="/a/b")),
        ({"suffix": ".js"}, {"suffix": ".min.js"}, StringMatch(suffix=".min.js")),
        ({"exact": "/x.js"}, {"suffix": ".js"}, StringMatch(exact="/x.js")),
        ({"regex": "/a.*"}, {"regex": "/a.*"}, StringMatch(regex="/a.*")),
        ({"exact": "/a"}, {"exact": "/b"}, None),
        ({"exact": "/a"}, {"prefix": "/b"}, None),
        ({"prefix": "/a"}, {"prefix": "/b"}, None),
        ({"suffix": "a"}, {"suffix": "b"}, None),
        ({"prefix": "/a"}, {"suffix": "b"}, Inexpressible("uri")),
        ({"regex": "/a.*"}, {"exact": "/a"}, Inexpressible("uri")),
        ({"prefix": "/a"}, {"regex": "/a.*"}, Inexpressible("uri")),
    ],
)
def test_two_conditions_on_a_text_become_the_narrower_one(
    first: dict[str, str], second: dict[str, str], merged: object
) -> None:
    assert merged_uri(first, second) == merged
    assert merged_uri(second, first) == merged


def test_case_is_folded_only_where_both_fold_it() -> None:
    assert merged_uri({"prefix": "/A"}, {"exact": "/a/b"}) is None
    folded = merged_uri({"prefix": "/A"}, {"exact": "/a/b"}, ignore_uri_case=True)
    assert folded == StringMatch(exact="/a/b")
    one, other = HttpMatch(uri={"exact": "/"}, ignore_uri_case=True), HttpMatch(uri={"exact": "/"})
    assert both(one, other) == Inexpressible("uri")
    assert isinstance(both(one, HttpMatch()), HttpMatch)


@pytest.mark.parametrize(
    ("field", "first", "second", "merged"),
    [
        ("headers", {"X-A": {"exact": "1"}}, {"x-a": {"exact": "2"}}, None),
        (
            "queryParams",
            {"a": {"regex": "1"}, "b": {"exact": "1"}},
            {"a": {"exact": "1"}, "b": {"exact": "2"}},
            None,
        ),
        ("queryParams", {"a": {"regex": "1"}}, {"a": {"exact": "1"}}, Inexpressible("queryParams")),
        ("headers", {"a": {"regex": "1"}}, {"a": {"exact": "1"}}, Inexpressible("headers")),
        ("sourceLabels", {"app": "a"}, {"app": "b"}, None),
        ("gateways", ["a"], ["b"], None),
        ("port", 1, 2, None),
    ],
)
def test_conditions_on_one_field_may_exclude_each_other_or_find_no_word(
    field: str, first: object, second: object, merged: object
) -> None:
    one, other = (HttpMatch.model_validate({field: each}) for each in (first, second))
    assert both(one, other) == merged


def test_what_must_not_match_is_the_one_or_the_other() -> None:
    def without(first: dict[str, str], second: dict[str, str]) -> StringMatch:
        one, other = (
            HttpMatch(without_headers={"a": first}),
            HttpMatch(without_headers={"A": second}),
        )
        merged = both(one, other)
        assert isinstance(merged, HttpMatch)
        return merged.without_headers["a"]

    assert without({"exact": "1"}, {"exact": "1"}) == StringMatch(exact="1")
    assert without({"prefix": "1"}, {"exact": "12"}) == StringMatch(prefix="1")
    assert without({"exact": "12"}, {"prefix": "1"}) == StringMatch(prefix="1")
    assert without({"exact": "1."}, {"exact": "2"}) == StringMatch(regex=r"(?:1\.)|(?:2)")


API = {"uri": {"prefix": "/api"}}
BETA = {"headers": {"x-beta": {"exact": "1"}}}


@pytest.mark.parametrize(
    ("service", "analysis", "expected"),
    [
        ([], [], []),
        ([API], [], [API]),
        ([], [BETA], [BETA]),
        ([API], [BETA], [API | BETA]),
        ([API, BETA], [BETA], [API | BETA, BETA]),
        ([API], [BETA, {"uri": {"exact": "/other"}}], [API | BETA]),
    ],
)
def test_the_canary_gets_requests_that_satisfy_both_lists(
    service: list[Any], analysis: list[Any], expected: list[Any]
) -> None:
    canary = a_canary("istio", service={"match": service}, analysis={"match": analysis})
    assert canary_matches(canary.spec.service.match, canary.spec.analysis.match) == tuple(
        HttpMatch.model_validate(each) for each in expected
    )
    assert list(match_problems(canary)) == []


def test_conditions_that_cannot_be_merged_are_named() -> None:
    pair = {"uri": {"regex": "/a.*"}, "queryParams": {"a": {"exact": "1"}}}
    canary = a_canary("istio", service={"match": [API]}, analysis={"match": [BETA, pair]})
    (problem,) = match_problems(canary)
    assert problem.field == "spec.analysis.match[1].uri"
    assert "spec.service.match[0]" in problem.remedy


def test_conditions_that_no_request_satisfies_are_named() -> None:
    other = {"uri": {"exact": "/other"}}
    canary = a_canary("istio", service={"match": [API]}, analysis={"match": [other]})
    (problem,) = match_problems(canary)
    assert problem.field == "spec.analysis.match"
    assert "no request can satisfy" in problem.remedy

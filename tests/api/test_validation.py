"""Reading what users wrote."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.api.validation import (
    MOST_PROBLEMS,
    parse_alert_provider,
    parse_canary,
    parse_delivery_policy,
    parse_metric_template,
)
from canary.errors import InvalidSpec, Problem
from tests.api.examples import (
    BAD,
    BAD_CANARIES,
    BAD_POLICIES,
    BAD_RECEIVERS,
    BAD_TEMPLATES,
    GOOD_CANARIES,
    GOOD_POLICIES,
    GOOD_RECEIVERS,
    GOOD_TEMPLATES,
    Bad,
    a_canary,
    a_receiver,
    a_template,
    patched,
)
from tests.sampling import cases, examples

PARSERS = {
    "Canary": parse_canary,
    "MetricTemplate": parse_metric_template,
    "AlertProvider": parse_alert_provider,
    "DeliveryPolicy": parse_delivery_policy,
}


def problems_of(obj: Any, parse: Any = parse_canary) -> tuple[Problem, ...]:
    with pytest.raises(InvalidSpec) as raised:
        parse(obj)
    return raised.value.problems


def refusals(parse: Any, obj: Any) -> tuple[Problem, ...]:
    try:
        parse(obj)
    except InvalidSpec as invalid:
        return invalid.problems
    return ()


@pytest.mark.parametrize("obj", GOOD_CANARIES.values(), ids=GOOD_CANARIES)
def test_a_good_canary_is_read(obj):
    assert parse_canary(obj).metadata.name == obj["metadata"]["name"]


@pytest.mark.parametrize("obj", GOOD_TEMPLATES.values(), ids=GOOD_TEMPLATES)
def test_a_good_metric_template_is_read(obj):
    assert parse_metric_template(obj).spec.query == obj["spec"]["query"]


@pytest.mark.parametrize("obj", GOOD_POLICIES.values(), ids=GOOD_POLICIES)
def test_a_good_policy_is_read(obj):
    assert parse_delivery_policy(obj).as_written() == obj


@pytest.mark.parametrize("obj", GOOD_RECEIVERS.values(), ids=GOOD_RECEIVERS)
def test_a_good_alert_provider_is_read(obj):
    assert parse_alert_provider(obj).spec.type == obj["spec"]["type"]


@pytest.mark.parametrize(
    ("bad", "parse"),
    [
        *((bad, parse_canary) for bad in BAD_CANARIES.values()),
        *((bad, parse_metric_template) for bad in BAD_TEMPLATES.values()),
        *((bad, parse_alert_provider) for bad in BAD_RECEIVERS.values()),
        *((bad, parse_delivery_policy) for bad in BAD_POLICIES.values()),
    ],
    ids=BAD,
)
def test_a_problem_names_the_field_the_value_and_the_remedy(bad: Bad, parse):
    (problem,) = problems_of(bad.obj, parse)
    assert str(problem).startswith(f"{bad.field}: {bad.value}: ")
    assert bad.remedy in problem.remedy
    assert len(str(problem)) < 500


def test_every_problem_of_an_object_is_reported_at_once():
    obj = patched(
        a_canary(),
        {
            "service/port": 0,
            "service/gateway": ["mesh"],
            "analysis/stepWeight": 2.5,
            "analysis/iterations": 3,
            "analysis/metrics/0/name": "success",
            "analysis/webhooks/0/url": None,
        },
    )
    assert {problem.field for problem in problems_of(obj)} == {
        "spec.service.port",
        "spec.service.gateway",
        "spec.analysis.stepWeight",
        "spec.analysis",
        "spec.analysis.metrics[0].name",
        "spec.analysis.webhooks[0].url",
    }


def test_a_rule_is_silent_about_a_field_that_has_a_problem_of_its_own():
    obj = patched(a_canary(), {"provider": "gatewayapi", "service/gatewayRefs": "public"})
    assert [problem.field for problem in problems_of(obj)] == ["spec.service.gatewayRefs"]


@pytest.mark.parametrize("wrong", [None, 1, "text", [], [[]], True, {"a": {"b": []}}])
@pytest.mark.parametrize("kind", PARSERS)
def test_a_spec_of_any_other_shape_is_a_problem(kind, wrong):
    obj = {"apiVersion": "tidegate.dev/v1beta1", "kind": kind, "metadata": {"name": "a"}}
    assert problems_of(obj | {"spec": wrong}, PARSERS[kind])


@pytest.mark.parametrize("wrong", [None, 1, "text", [], True])
def test_what_is_no_object_is_a_problem(wrong):
    (problem,) = problems_of(wrong)
    assert str(problem).startswith("the object: ")


def test_a_thousand_problems_are_reported_as_the_first_hundred():
    obj = patched(a_canary(), {f"unknown{n}": n for n in range(1000)})
    assert len(problems_of(obj)) == MOST_PROBLEMS


def test_hundreds_of_broken_rules_are_reported_as_the_first_hundred():
    match = [{"headers": {f"x-{n}": {} for n in range(60)}} for _ in range(60)]
    obj = patched(a_canary(), {"service/match": match})
    assert len(problems_of(obj)) == MOST_PROBLEMS


SECRET = "sesame42"


@pytest.mark.parametrize(
    "changes",
    [
        {"analysis/webhooks/0/headers": {"Authorization": f"Bearer\n{SECRET}"}},
        {"analysis/webhooks/0/headers": f"Authorization: {SECRET}"},
        {"analysis/webhooks/0/headers": {"X-Pin": 424242}},
        {"analysis/webhooks/0/header": {"Authorization": SECRET}},
        {"analysis/webhooks/0/token": SECRET},
        {"analysis/webhooks/0/metadata": {"password": [SECRET]}},
        {"analysis/webhooks/0/metadata": SECRET},
        {"analysis/webhooks/0/secretRef": SECRET},
        {"analysis/webhooks/0/secretRef": {"name": f"_{SECRET}_"}},
        {"analysis/webhooks/0/url": f"https://user:{SECRET}@hooks.example.com:port/"},
        {"analysis/webhooks/0/url": f"https//hooks.example.com/{SECRET}"},
        {"analysis/webhooks/0/url": f"ftp://hooks.example.com/{SECRET}"},
        {"analysis/webhooks/0": f"https://hooks.example.com/{SECRET}"},
        {"metricsServer": f"user:{SECRET}@prometheus"},
        {"provider": f"https://user:{SECRET}@prometheus"},
        {"service/headers": {"request": {"set": {"Authorization": f"{SECRET}\n"}}}},
    ],
    ids=str,
)
def test_no_message_contains_a_secret(changes):
    message = str(InvalidSpec(problems_of(patched(a_canary(), changes))))
    assert SECRET not in message
    assert "424242" not in message


def test_surrogates_from_a_broken_client_are_a_problem_and_no_crash():
    obj = patched(a_canary(), {"provider": "\ud800", "service/name": "a\udfff"})
    assert {problem.field for problem in problems_of(obj)} == {"spec.provider", "spec.service.name"}
    assert str(InvalidSpec(problems_of(obj))).encode()


def test_keys_with_surrogates_are_a_problem_and_no_crash():
    obj = patched(a_canary(), {"\ud800": 1, "analysis/webhooks/0/metadata": {"\ud800": "x"}})
    assert str(InvalidSpec(problems_of(obj))).encode()


def test_an_object_may_nest_deeper_than_python_recurses():
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    spec = parse_canary(patched(a_canary(), {"service/trafficPolicy": deep})).spec
    assert spec.service.traffic_policy is not None
    # A chain of a hundred thousand objects is taken apart link by link.
    while deep:
        deep = deep.pop("a")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["confirm-rollout", "10s", "http://a", "gatewayapi", "podinfo-primary"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(["name", "type", "service", "analysis", "metrics", "stepWeights"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def _places(node: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    return [
        place for key, inner in below for place in [(*here, key), *_places(inner, (*here, key))]
    ]


@st.composite
def damaged_objects(draw: st.DrawFn) -> tuple[Any, Any]:
    good = draw(
        st.sampled_from(
            [
                (parse_canary, a_canary()),
                (parse_canary, GOOD_CANARIES["every field at once"]),
                (parse_metric_template, a_template()),
                (parse_alert_provider, a_receiver()),
                (parse_delivery_policy, GOOD_POLICIES["every other field of a policy"]),
            ]
        )
    )
    obj = deepcopy(good[1])
    *parents, last = draw(st.sampled_from(_places(obj)))
    node: Any = obj
    for parent in parents:
        node = node[parent]
    node[last] = draw(JSON)
    return good[0], obj


@pytest.mark.parametrize(
    ("parse", "good"),
    [
        (parse_canary, GOOD_CANARIES["every field at once"]),
        (parse_metric_template, GOOD_TEMPLATES["every field of a template"]),
        (parse_alert_provider, GOOD_RECEIVERS["every other field of a receiver"]),
        (parse_delivery_policy, GOOD_POLICIES["every other field of a policy"]),
    ],
)
@pytest.mark.parametrize("other", [{}, [], {"a": [1]}, 7, "text"], ids=str)
def test_at_every_place_a_value_of_any_other_type_is_read_or_refused(parse, good, other):
    for place in cases(_places(good["spec"])):
        problems = refusals(parse, patched(good, {"/".join(map(str, place)): other}))
        assert all(problem.field and problem.remedy for problem in problems)


@given(damaged_objects())
@settings(max_examples=examples(150))
def test_a_damaged_object_is_read_or_refused_and_nothing_else(case):
    problems = refusals(*case)
    assert all(problem.field and problem.remedy for problem in problems)
    assert all(str(problem).encode() for problem in problems)


@given(st.dictionaries(st.sampled_from(["apiVersion", "kind", "metadata", "spec"]), JSON))
@settings(max_examples=examples(80))
def test_an_arbitrary_object_is_refused_and_nothing_else(obj):
    for parse in PARSERS.values():
        with pytest.raises(InvalidSpec):
            parse(obj)

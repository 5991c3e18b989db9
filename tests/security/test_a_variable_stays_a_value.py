"""S5: what a Canary puts into a query is a value there, and never a part of the query."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import QueryError
from analysis.expression import Call, parse
from analysis.template import TemplateContext, open_quote, render

TEMPLATE = 'sum(rate(requests_total{namespace="{{ namespace }}",code="{{ variables.code }}"}))'


def a_context(code: str, **fields: object) -> TemplateContext:
    return TemplateContext(
        name="podinfo",
        namespace="shop",
        target="podinfo",
        service="podinfo",
        ingress="podinfo",
        route="podinfo",
        interval=timedelta(minutes=1),
        variables={"code": code},
        **fields,  # type: ignore[arg-type]
    )


@given(st.text())
def test_within_one_namespace_a_value_never_leaves_the_string_it_stands_in(code):
    rendered = render(TEMPLATE, a_context(code))
    before, after = TEMPLATE.split("{{ variables.code }}")
    start = before.replace("{{ namespace }}", "shop")
    assert rendered.startswith(start)
    assert rendered.endswith(after)
    # Wherever it is cut before the closing quote, the string is still open.
    inside = rendered[: -len(after)]
    assert all(open_quote(inside[:end]) == '"' for end in range(len(start), len(inside) + 1))


@given(st.text(alphabet='ab"\\\n', max_size=12))
def test_a_query_with_any_value_has_the_shape_of_one_with_a_plain_word(code):
    template = 'rate(requests_total{namespace="{{ namespace }}",code="{{ variables.code }}"})'
    try:
        parsed = parse(render(template, a_context(code)))
    except QueryError:
        return  # A value that is no text of the language is refused, which harms nobody.
    assert isinstance(parsed, Call)
    (selector,) = parsed.selectors
    assert [matcher.label for matcher in selector.matchers] == ["namespace", "code"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("5..|4..", "5..|4.."),
        ("\\\\d+", "\\\\d+"),
        ('"', '\\"'),
        ('\\"', '\\"'),
        ("\\", "\\\\"),
        ("a\nb", "a\\nb"),
        ('x"} or secret_total{a="', 'x\\"} or secret_total{a=\\"'),
    ],
)
def test_what_is_escaped_already_stays_and_what_would_end_the_string_is_escaped(value, written):
    assert f'code="{written}"' in render(TEMPLATE, a_context(value))


def test_outside_of_strings_a_value_stays_as_it_is_written():
    assert render("{{ variables.code }} > 1", a_context('up{a="b"}')) == 'up{a="b"} > 1'


def test_between_backticks_nothing_can_be_escaped_so_a_backtick_is_refused():
    with pytest.raises(QueryError, match="backtick"):
        render("up{a=~`{{ variables.code }}`}", a_context("a`"))


@pytest.mark.parametrize("value", ['"', "a b", "x|y", "a\n", "{", "é", "a,b"])
def test_in_another_namespace_s_template_only_a_plain_word_is_taken(value):
    """The attack: a tenant reads another's series through a template that both may use."""
    with pytest.raises(
        QueryError, match=r"templateVariables\.code.*spec\.variables\.code\.pattern"
    ):
        render(TEMPLATE, a_context(value, confined=True))


@pytest.mark.parametrize("value", ["500", "api.v1", "a/b:c-d_e", ""])
def test_a_plain_word_is_taken_everywhere(value):
    assert f'code="{value}"' in render(TEMPLATE, a_context(value, confined=True))


def test_a_template_s_author_may_allow_more():
    context = a_context("5..|4..", confined=True, patterns={"code": "[0-9.|]+"})
    assert 'code="5..|4.."' in render(TEMPLATE, context)
    wider = a_context('5"', confined=True, patterns={"code": "[0-9.|]+"})
    with pytest.raises(QueryError, match=r"\[0-9"):
        render(TEMPLATE, wider)


def test_a_pattern_that_is_none_is_told_by_its_field():
    with pytest.raises(QueryError, match=r"spec\.variables\.code\.pattern.*no regular expression"):
        render(TEMPLATE, a_context("5", confined=True, patterns={"code": "("}))

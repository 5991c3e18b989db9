"""Query templates: what may stand in braces, and what is said of the rest."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import QueryError
from analysis.printf import prometheus_duration
from analysis.template import TemplateContext, check, fill, render

CONTEXT = TemplateContext(
    name="podinfo",
    namespace="test",
    target="podinfo-app",
    kind="DaemonSet",
    service="podinfo-svc",
    ingress="podinfo-ing",
    route="podinfo-00002",
    revision="podinfo-5d9c8f7b6",
    interval=timedelta(minutes=1),
    variables={"direction": "inbound", "my-key": "dashed", "empty": "", "x1": "{{ name }}"},
)


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("{{ name }}", "podinfo"),
        ("{{ namespace }}", "test"),
        ("{{ target }}", "podinfo-app"),
        ("{{ service }}", "podinfo-svc"),
        ("{{ ingress }}", "podinfo-ing"),
        ("{{ route }}", "podinfo-00002"),
        ("{{ revision }}", "podinfo-5d9c8f7b6"),
        ("{{ interval }}", "1m"),
        ("{{ kind }}", "DaemonSet"),
        ("{{ lower kind }}", "daemonset"),
        ("{{ symbol target }}", "podinfo_app"),
        ("{{ symbol  namespace }}", "test"),
        ("{{name}}", "podinfo"),
        ("{{\n\tname\n}}", "podinfo"),
        ("{{ variables.direction }}", "inbound"),
        ("{{variables.direction}}", "inbound"),
        ('{{ index variables "direction" }}', "inbound"),
        ('{{ index variables "my-key" }}', "dashed"),
        ("{{ index variables `my-key` }}", "dashed"),
        ("a{{ variables.empty }}b", "ab"),
        ("a \n {{- name -}} \n b", "apodinfob"),
        ("a {{- name }} b", "apodinfo b"),
        ("a {{ name -}} b", "a podinfob"),
        ("a {{ name -}} {{- name }} b", "a podinfopodinfo b"),
        ('a{{/* }} not the end, "nor this */}}b', "ab"),
        ("a {{- /* trimmed */ -}} b", "ab"),
        ("{{ variables.x1 }}", "{{ name }}"),
        ("sum(rate(x[{{ interval }}])) by (le) }}", "sum(rate(x[1m])) by (le) }}"),
        (
            'x{route=~"{{ printf "kube(ew)?_%s__%s_canary(_[0-9]+)?" namespace ingress }}"}',
            'x{route=~"kube(ew)?_test__podinfo-ing_canary(_[0-9]+)?"}',
        ),
        ("{{ printf `%s\\.%v` name (index variables `my-key`) }}", "podinfo\\.dashed"),
        (
            '{{ printf "%s\\\\.%s%%" (symbol target) variables.direction }}',
            "podinfo_app\\.inbound%",
        ),
        ('{{ printf "a\\tb" }}', "a\tb"),
        ("no braces", "no braces"),
        ('x{a="{1}"}', 'x{a="{1}"}'),
    ],
)
def test_renders(template, rendered):
    assert render(template, CONTEXT) == rendered


@pytest.mark.parametrize(
    ("template", "says"),
    [
        pytest.param("{{ nmae }}", "{{ nmae }} cannot be rendered. Known names: name, namespace", id="an unknown name lists the known ones"),
        pytest.param("{{ variables.dirction }}", "no variable 'dirction'; known variables: direction, empty, my-key, x1", id="an unknown variable lists the known ones"),
        pytest.param('{{ index variables "nope" }}', "no variable 'nope'", id="an unknown index lists the known ones"),
        pytest.param("{{ variables.my-key }}", "index variables", id="a key that is no word is to be indexed"),
        pytest.param("{{ symbol interval }}", "cannot be rendered", id="a duration is no name"),
        pytest.param("{{ variables }}", "write variables.KEY", id="variables alone are no text"),
        pytest.param("{{ variables.direction.more }}", "write variables.KEY", id="a text has no fields"),
        pytest.param("{{ .name }}", "write name without the dot", id="names are functions, not fields"),
        pytest.param("{{ name | upper }}", "pipelines are not supported", id="pipelines are refused"),
        pytest.param("{{ if name }}x{{ end }}", "cannot be rendered", id="control structures are refused"),
        pytest.param("{{ }}", "cannot be rendered", id="empty braces are refused"),
        pytest.param("{{-name}}", "cannot be rendered", id="a trim mark needs white space"),
        pytest.param("x{{{ name }}", "cannot be rendered", id="a third brace belongs to the action, as in Go"),
        pytest.param("a {{ name", "is not closed", id="open braces are refused"),
        pytest.param('a {{ index variables "}}', "cannot be rendered", id="an open quote is refused"),
        pytest.param('{{ printf "%d" name }}', '"%d" is not supported: write %s', id="a verb for numbers is refused"),
        pytest.param('{{ printf "%" name }}', '"%" is not supported', id="a percent sign alone is refused"),
        pytest.param('{{ printf "%s %s" name }}', "more %s than values, which are 1", id="a verb without a value is refused"),
        pytest.param('{{ printf "%s" name target }}', "2 values, and 1 of %s", id="a value without a verb is refused"),
        pytest.param('{{ printf "\\d" }}', "write a backslash as two", id="an escape that Go does not know is refused"),
        pytest.param('{{ printf "%s" nmae }}', "{{ nmae }} cannot be rendered", id="an unknown name in printf lists the known ones"),
        pytest.param('{{ printf "%s" (name }}', "cannot be rendered", id="an open parenthesis is refused"),
        pytest.param("{{ printf name }}", "cannot be rendered", id="a format that is no string is refused"),
        pytest.param("", "renders to nothing", id="an empty template is refused"),
        pytest.param(" {{ variables.empty }}\n", "renders to nothing", id="a template that renders to white space is refused"),
    ],
)  # fmt: skip
def test_refuses(template, says):
    with pytest.raises(QueryError) as refused:
        render(template, CONTEXT)
    assert says in str(refused.value)


def test_a_template_is_checked_whatever_variables_it_is_given():
    check('{{ variables.anything }} {{ index variables "and more" }}')
    with pytest.raises(QueryError, match="write target without the dot"):
        check("{{ variables.anything }} {{ .target }}")


def test_an_error_shows_a_bounded_part_of_the_template():
    with pytest.raises(QueryError) as refused:
        render("{{ " + "x" * 100_000, CONTEXT)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param('{{ "a"' * 20_000, id="quotes without an end"),
        pytest.param("{{ /*" * 20_000, id="comments without an end"),
        pytest.param("{{ " + "- " * 50_000, id="trim marks without an end"),
        pytest.param(" " * 100_000 + "{{", id="white space before braces"),
    ],
)
def test_no_template_makes_rendering_go_back_and_try_again(hostile):
    # Would take longer than anybody's patience if it did: there is no clock here.
    with pytest.raises(QueryError):
        render(hostile, CONTEXT)


@given(st.text(alphabet='{}-"`/*. namevribls\n', max_size=60))
def test_any_text_renders_or_is_refused(template):
    try:
        rendered = render(template, CONTEXT)
    except QueryError:
        return
    assert "{{" in template or rendered == template


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(seconds=30), "30s"),
        (timedelta(seconds=60), "1m"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(hours=1), "1h"),
        (timedelta(days=8), "8d"),
        (timedelta(milliseconds=1500), "1s500ms"),
    ],
)
def test_durations_are_written_as_prometheus_does(duration, text):
    assert prometheus_duration(duration) == text


@pytest.mark.parametrize("duration", [timedelta(0), timedelta(seconds=-1)])
def test_a_duration_that_is_no_time_is_refused(duration):
    with pytest.raises(QueryError, match="no time"):
        prometheus_duration(duration)


VALUES = {"reason": "RolledBack", "weight": "20"}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{{ reason }} at {{weight}} %", "RolledBack at 20 %"),
        ('say "{{ reason }}"', 'say "RolledBack"'),
        ("{{- /* a remark */ -}} {{ reason -}} .", "RolledBack."),
        ("no braces", "no braces"),
        ("", ""),
    ],
)
def test_words_for_people_are_filled_as_they_are(template: str, filled: str):
    assert fill(template, VALUES, what="template") == filled


@pytest.mark.parametrize("template", ["{{ colour }}", "{{ reason | upper }}", "{{ reason"])
def test_words_that_cannot_be_filled_say_what_can(template: str):
    with pytest.raises(QueryError, match=r"template: .*(Known names: reason, weight|close it)"):
        fill(template, VALUES, what="template")

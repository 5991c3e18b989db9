"""The exceptions of both packages."""

import inspect
import pickle
from enum import StrEnum

import pytest

import analysis.errors
import canary.errors
from analysis.errors import UnknownPlugin
from canary.errors import InvalidSpec, Problem


class Colour(StrEnum):
    RED = "red"


def exceptions(module) -> list[type[Exception]]:
    return [
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, Exception)
    ]


@pytest.mark.parametrize("module", [canary.errors, analysis.errors], ids=lambda each: each.__name__)
def test_the_docstring_draws_every_exception_under_its_parent(module):
    drawn: list[tuple[int, str]] = []
    parents: dict[str, str] = {}
    for line in module.__doc__.splitlines():
        name = line.lstrip(" │├└─").split(" ")[0]
        depth = line.find(name) if name else 0
        if not name.isidentifier() or not name[0].isupper() or depth < 4:
            continue
        above = [each for at, each in drawn if at < depth]
        parents[name] = above[-1] if above else ""
        drawn.append((depth, name))
    assert parents.pop("Exception") == ""
    assert parents == {each.__name__: each.__base__.__name__ for each in exceptions(module)}


@pytest.mark.parametrize(
    ("problem", "shown"),
    [
        (
            Problem("spec.analysis.stepWeight", 5.5, "use a whole number of percent"),
            "spec.analysis.stepWeight: 5.5: use a whole number of percent",
        ),
        (Problem("spec.provider", "", "name a router"), "spec.provider: '': name a router"),
        (
            Problem("spec.targetRef", None, "name a target"),
            "spec.targetRef: not set: name a target",
        ),
        (Problem("spec.suspend", True, "write false"), "spec.suspend: true: write false"),
        (Problem("spec.kind", Colour.RED, "be blue"), "spec.kind: 'red': be blue"),
        (Problem("metadata.name", "näme\n", "use a-z"), "metadata.name: 'näme\\n': use a-z"),
    ],
    ids=[
        "a number",
        "an empty string",
        "nothing",
        "a yes",
        "one of several",
        "unicode and a line break",
    ],
)
def test_a_problem_names_field_value_and_remedy_in_one_line(problem, shown):
    assert str(problem) == shown


def test_a_huge_value_is_cut_where_it_is_shown_and_kept_where_it_is_held():
    problem = Problem("metadata.annotations", "x" * 1_000_000, "use less than 256 KiB")
    assert str(problem) == f"metadata.annotations: '{'x' * 78}…: use less than 256 KiB"
    assert len(problem.value) == 1_000_000


def test_an_invalid_spec_carries_and_names_every_problem():
    first = Problem("spec.a", 1, "use 2")
    second = Problem("spec.b", "x", "use y")
    error = InvalidSpec(iter([first, second]))
    assert error.problems == (first, second)
    assert str(error) == "spec.a: 1: use 2; spec.b: 'x': use y"


def test_an_invalid_spec_without_a_problem_cannot_be_made():
    with pytest.raises(ValueError, match="at least one problem"):
        InvalidSpec([])


@pytest.mark.parametrize(
    "error",
    [
        InvalidSpec([Problem("spec.a", 1, "use 2")]),
        UnknownPlugin("tidegate.routers", "itsio", ["smi", "istio"]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_an_exception_carries_survives_a_process_boundary(error):
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)

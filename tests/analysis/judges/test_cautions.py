"""What a judge says before a run of how little it will see."""

from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import pytest
from scipy.stats import mannwhitneyu

from analysis.judges import JUDGES
from analysis.judges.cautions import cautions
from analysis.judges.mann_whitney import MannWhitneyJudge
from analysis.judges.mann_whitney_cautions import cautions_of
from analysis.judges.mann_whitney_options import read_settings
from analysis.model import (
    Arm,
    Ask,
    Bounds,
    Metric,
    NoDataPolicy,
    ProviderSpec,
    Sample,
    Verdict,
)
from analysis.pairs import Pairs
from analysis.plugins import PluginTable
from tests.case import NOW

MINUTE = timedelta(minutes=1)


def memory(**more: object) -> Metric:
    fields = {
        "name": "memory",
        "asks": (),
        "provider": ProviderSpec(type="prometheus"),
        "interval": MINUTE,
        "threshold_range": Bounds(),
        "judge": "mann-whitney",
        **more,
    }
    return Metric(**fields)  # type: ignore[arg-type]


def points(number: int, **more: str) -> tuple[tuple[str, str], ...]:
    return (("minPoints", str(number)), *more.items())


@pytest.mark.parametrize(
    ("metric", "analyses", "told"),
    [
        pytest.param(memory(warm_up=MINUTE), 10, [], id="as many values as a comparison needs"),
        pytest.param(memory(), 20, [], id="many values outweigh the first"),
        pytest.param(
            memory(), 19, ["warmUp"], id="few values, of which the first may be of others"
        ),
        pytest.param(
            memory(warm_up=MINUTE), 9, ["onInconclusive"], id="promoted before it is compared"
        ),
        pytest.param(memory(), 9, ["onInconclusive"], id="the same, said once"),
        pytest.param(
            memory(warm_up=MINUTE, on_inconclusive=NoDataPolicy.HOLD),
            9,
            [],
            id="held until there are as many values",
        ),
        pytest.param(
            memory(warm_up=MINUTE, options=points(4)),
            10,
            ["judgeOptions.minPoints"],
            id="fewer values than chance needs",
        ),
        pytest.param(
            memory(warm_up=MINUTE, options=points(4, confidence="0.9")),
            10,
            [],
            id="enough with less confidence",
        ),
        pytest.param(memory(options=points(1)), 1, [], id="an option that is refused"),
        pytest.param(memory(judge="threshold"), 1, [], id="a judge that says nothing"),
        pytest.param(memory(judge="nobody's"), 1, [], id="no judge"),
    ],
)
def test_a_judge_that_will_see_little_says_by_which_field(
    metric: Metric, analyses: int, told: list[str]
) -> None:
    assert [each.field for each in cautions(metric, analyses)] == told


def test_a_judge_that_cannot_be_loaded_says_nothing() -> None:
    table = PluginTable(group="tidegate.judges", builtin={"mann-whitney": "nowhere:Judge"})
    assert cautions(memory(), 1, table) == ()
    assert cautions(memory(), 1, JUDGES)


@pytest.mark.parametrize("confidence", ["0.5", "0.9", "0.95", "0.98", "0.999"])
def test_so_many_values_as_are_named_are_the_fewest_that_the_test_can_tell_apart(
    confidence: str,
) -> None:
    metric = memory(warm_up=MINUTE, options=points(2, confidence=confidence))
    told = [each.effect for each in cautions_of(read_settings(metric), metric, 100)]
    named = int(told[0].partition("write ")[2].split()[0]) if told else 2

    def is_proven(number: int) -> bool:
        low, high = range(number), range(100, 100 + number)
        return bool(mannwhitneyu(high, low, method="asymptotic").pvalue < 1 - float(confidence))

    assert named == next(number for number in range(2, 20) if is_proven(number))


@pytest.mark.parametrize(
    ("more", "orders"),
    [
        pytest.param({}, 10, id="either way"),
        pytest.param({"direction": "increase"}, 20, id="one way"),
    ],
)
def test_how_often_chance_alone_fails_few_values_is_counted(
    more: dict[str, str], orders: int
) -> None:
    metric = memory(warm_up=MINUTE, options=points(3, **more))
    (told,) = cautions(metric, 100)
    assert f"lie apart in 1 of {orders} comparisons" in told.effect
    failed = 0
    for chosen in combinations(range(6), 3):
        canary = [float(each) for each in chosen]
        primary = [float(each) for each in range(6) if each not in chosen]
        memory_of = Pairs(canary=tuple(canary[:-1]), primary=tuple(primary[:-1])).memory
        answers = {
            Ask(query=arm, arm=arm): Sample(value=values[-1], at=NOW)
            for arm, values in ((Arm.CANARY, canary), (Arm.PRIMARY, primary))
        }
        asked = replace(metric, asks=tuple(answers))
        failed += MannWhitneyJudge().judge(asked, answers, memory_of).check.verdict is Verdict.FAIL
    assert 20 / failed == orders

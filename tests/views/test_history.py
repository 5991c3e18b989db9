"""Past runs in rows, and in sentences."""

from canary.views.canary import BudgetSpentView, PastRunView, canary_view
from canary.views.history import run_cause, run_rows, run_told, wide_rows
from tests.views.fleet import NOW, STATUSES, manifest

RUNS = canary_view(manifest("search", STATUSES["search"])).history
BARE = PastRunView(
    revision="1-new", images="", outcome="Promoted", reason="", message="all passed",
    started_at=None, duration_seconds=7, commands=("promote by bob",),
)  # fmt: skip


def test_a_run_is_a_row_with_what_is_not_known_as_a_dash():
    assert run_rows((*RUNS, BARE), NOW).rows == (
        ("2026-01-01 00:00", "1-new", "RolledBack", "12m", "search:6.0 → search:6.1"),
        ("–", "1-new", "Promoted", "7s", "–"),
    )


def test_a_run_is_told_with_its_cause_and_who_had_a_hand_in_it():
    cause = "request-success-rate 97.1 % is below 99 %, third failure of 3"
    assert run_told(RUNS[0]) == f"1-new RolledBack: {cause}"
    assert run_told(BARE) == "1-new Promoted: all passed (promote by bob)"


def test_what_a_run_has_spent_of_error_budgets_is_said():
    spent = (
        BudgetSpentView(metric="errors", percent=0.347),
        BudgetSpentView(metric="slow", percent=0),
    )
    assert "; error budget spent: 0.35 % by errors, 0 % by slow" in run_cause(
        BARE.model_copy(update={"budgets_spent": spent})
    )


def test_wide_rows_have_all_that_is_known_of_a_run():
    spent = (BudgetSpentView(metric="errors", percent=0.347),)
    run = RUNS[0].model_copy(
        update={"commands": ("pause by ann",), "budgets_spent": spent, "record": "s3://runs/1-new/"}
    )
    names, told, bare = wide_rows((run, BARE), NOW)
    assert dict(zip(names, told, strict=True)) == {
        "BEGAN": "2026-01-01 00:00",
        "ENDED": "2026-01-01 00:12",
        "REVISION": "1-new",
        "OUTCOME": "RolledBack",
        "REASON": "ChecksFailed",
        "TOOK": "12m",
        "IMAGES": "search:6.0 → search:6.1",
        "COMMANDS": "pause by ann",
        "BUDGET SPENT": "0.35 % by errors",
        "RECORD": "s3://runs/1-new/",
        "WHY": "request-success-rate 97.1 % is below 99 %, third failure of 3",
    }
    assert bare == (
        *("–", "–", "1-new", "Promoted", "–", "7s", "–"),
        *("promote by bob", "–", "–", "all passed"),
    )

"""Past runs in rows, and in sentences."""

from canary.views.canary import BudgetSpentView, PastRunView, canary_view
from canary.views.history import run_cause, run_rows, run_told
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

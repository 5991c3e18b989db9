"""The pages beside the live ones: past runs, what a release changes, activity, and about."""

import json
import re
from datetime import UTC, datetime
from html import unescape

import pytest

from canary.api.pages import run_name
from canary.api.status import CommandRecord, MetricStatus, Outcome, Phase, RunRecord
from canary.cli.examining import State
from tests.builders import T0, a_run, a_status, at
from tests.controller.running import until
from tests.dashboard.conftest import Opened
from tests.dashboard.released import a_memory, released
from tests.views.fleet import STATUSES

ENDED = RunRecord(
    revision="1-new",
    images="search:6.0 → search:6.1",
    outcome=Outcome.ROLLED_BACK,
    reason="ChecksFailed",
    message="third failure of 3",
    started_at=T0,
    duration_seconds=720,
    commands=("pause by bob: a look",),
)
RUN = "/c/web/search/runs/20260101T000000Z"


async def with_history(opened: Opened, *runs: RunRecord, name: str = "search") -> None:
    """Have a Canary's status keep these runs."""
    status = STATUSES[name].but(history=runs)
    await opened.change(name, status)

    def seen() -> bool:
        kept = opened.laptop.fleet.find("web", name)
        return kept is not None and len(kept.view.history) == len(runs)

    await until(seen)


async def test_the_past_runs_have_a_page_each(opened: Opened):
    later = ENDED.model_copy(
        update={"outcome": Outcome.PROMOTED, "started_at": at(9_000), "message": "all is well"}
    )
    await with_history(opened, later, ENDED)
    page = await opened.read("/c/web/search/history")
    assert page.index("all is well") < page.index("third failure of 3")
    assert f'href="{RUN}"' in page
    one = await opened.read(RUN)
    for said in ("ChecksFailed", "third failure of 3", "12m", "pause by bob: a look"):
        assert said in one
    assert "all is well" not in one


async def test_a_past_run_is_given_to_programs(opened: Opened):
    await with_history(opened, ENDED)
    page = await opened.read(RUN)
    export = re.search(r'href="([^"]*)" download', page)
    assert export
    document = json.loads(await opened.read(unescape(export[1])))
    assert (document["kind"], document["name"], document["id"]) == (
        *("PastRun", "search", "20260101T000000Z"),
    )
    assert (document["outcome"], document["durationSeconds"]) == ("RolledBack", 720)


@pytest.mark.parametrize("run", ["20200101T000000Z", "none", "%2e%2e"])
async def test_a_run_that_is_not_kept_is_not_found(opened: Opened, run: str):
    await with_history(opened, ENDED, ENDED.model_copy(update={"started_at": None}))
    answer = await opened.get(f"/c/web/search/runs/{run}")
    assert answer.status == 404


async def test_the_page_of_the_run_under_way_is_the_canarys(opened: Opened):
    """What leads to a run, such as a trace, is written before the run has ended."""
    view = json.loads(await opened.read("/api/v1/canaries/web/shop"))
    began = datetime.fromisoformat(view["run"]["startedAt"])
    answer = await opened.get(f"/c/web/shop/runs/{run_name(began)}", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/c/web/shop")


async def test_a_run_whose_beginning_is_unknown_is_listed_without_a_page(opened: Opened):
    await with_history(opened, ENDED.model_copy(update={"started_at": None}))
    page = await opened.read("/c/web/search/history")
    assert ("third failure of 3" in page, "/runs/" in page) == (True, False)


async def test_the_page_of_a_canary_leads_to_all_its_runs(opened: Opened):
    runs = [ENDED.model_copy(update={"message": f"end {number}"}) for number in range(5)]
    await with_history(opened, *runs)
    page = await opened.read("/c/web/search")
    assert ("end 2" in page, "end 3" in page, "All past runs" in page) == (True, False, True)


async def test_activity_lists_the_ends_of_runs_and_commands_the_newest_first(opened: Opened):
    later = ENDED.model_copy(update={"outcome": Outcome.PROMOTED, "started_at": datetime.now(UTC)})
    await with_history(opened, later, ENDED)
    page = await opened.read("/activity")
    ends, command = [page.index(each) for each in ("Promoted", "RolledBack")], "(bob: go)"
    assert page.index("WEEK FROM") < ends[0] < page.index(command) < ends[1]


async def test_activity_goes_on_by_itself(opened: Opened):
    answer = await opened.get("/live/activity")
    parts = (
        json.loads(line.removeprefix(b"data: "))
        async for line in answer.content
        if line.startswith(b"data: ")
    )
    assert "(carol: go)" not in (await anext(parts))["html"]
    given = CommandRecord(verb="approve", value="carol: go", at=at(40_000))
    await opened.change("shop", STATUSES["shop"].but(commands=(given,)))
    async for part in parts:
        if "(carol: go)" in part["html"]:
            break
    answer.close()


async def test_what_a_release_changes_is_shown_without_a_secret(opened: Opened):
    await released(opened)
    page = await opened.read("/c/web/shop/diff")
    assert "shop:6.0 → shop:6.1" in page
    assert "API_TOKEN  (not shown) → (not shown)" in page


async def test_where_there_is_no_primary_the_page_says_so(opened: Opened):
    page = await opened.read("/c/web/shop/diff")
    assert "There are no two sides to compare" in page


async def test_about_says_who_you_are_and_what_you_may(opened: Opened):
    page = await opened.read("/about")
    assert "alice" in page
    assert "You may abort" in page


async def test_about_shows_what_doctor_finds(opened: Opened):
    page = await opened.read("/about")
    assert [f"what is {state}" in page for state in State] == [True] * len(State)


async def test_a_card_shows_the_evidence_that_the_judge_keeps(opened: Opened):
    judged = MetricStatus(
        name="request-success-rate", verdict="pass", judge="sequential", memory=a_memory()
    )
    odd = judged.model_copy(update={"name": "other", "judge": "no-such-judge"})
    await opened.change(
        "shop", a_status(Phase.PROGRESSING, weight=20, metrics=(judged, odd), run=a_run())
    )

    async def seen() -> bool:
        return "canary: 3 of 600 requests were bad" in await opened.read("/c/web/shop")

    await until(seen)
    page = await opened.read("/c/web/shop")
    assert "evidence of harm:" in page
    assert page.count("Evidence so far") == 1

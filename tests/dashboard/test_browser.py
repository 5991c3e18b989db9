"""The pages in a real browser: sound in every width and colour, live, and for everyone to use."""

import re
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from canary.api.status import MetricStatus, Phase
from canary.dashboard.process import Laptop
from tests.builders import a_run, a_status
from tests.controller.running import until
from tests.dashboard.browsing import PATIENCE_MS, use_packages
from tests.dashboard.conftest import CANARY, Opened
from tests.dashboard.released import a_memory, released
from tests.docs.pages import DOCS
from tests.views.fleet import NOW

pytestmark = pytest.mark.story

WIDTHS = {"desk": (1280, 900), "phone": (375, 812), "narrow": (320, 640)}
LOOKS = (
    ("desk", "light"),
    ("desk", "dark"),
    ("phone", "light"),
    ("phone", "dark"),
    ("narrow", "light"),
)
PATHS = (
    *("/", "/gates", "/activity", "/about"),
    *("/c/web/shop", "/c/web/cart", "/c/web/search", "/c/web/shop/commands/abort"),
    *("/c/web/search/history", "/c/web/search/runs/20260101T000000Z", "/c/web/shop/diff"),
)
#: Pages that stand still.
STILL = re.compile(r"/(commands|history|runs|diff|about)\b")
#: What axe cannot tell by itself: the contrast of every pair of colours is tested without it.
UNSURE = ("color-contrast",)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass(slots=True, kw_only=True)
class Tab:
    """A tab of the browser, and what its console said."""

    page: Any
    address: str
    axe: str
    said: list[str] = field(default_factory=list)

    async def show(self, path: str) -> None:
        """Show a page, until it is live; one that stands still never is."""
        await self.page.goto(f"{self.address}{path}")
        if STILL.search(path):
            return
        await self.page.get_by_role("status").get_by_text("live", exact=True).wait_for()

    async def barriers(self) -> list[str]:
        """Look for what keeps people out, in a page that no longer changes meanwhile."""
        await self.page.evaluate("window.dispatchEvent(new Event('pagehide'))")
        await self.page.evaluate(self.axe)
        found = await self.page.evaluate(
            "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES
        )
        return [
            f"{rule['id']}: {node['target']} {node.get('failureSummary', '')}"
            for kind in ("violations", "incomplete")
            for rule in found[kind]
            if kind == "violations" or rule["id"] not in UNSURE
            for node in rule["nodes"]
        ]

    async def overflow(self) -> int:
        """Tell by how many pixels the page is wider than the window."""
        element = "document.documentElement"
        wider = int(await self.page.evaluate(f"{element}.scrollWidth - {element}.clientWidth"))
        return max(wider, 0)

    async def cut(self) -> list[str]:
        """Name the tables of which a part is out of sight until they are moved sideways."""
        found: list[str] = await self.page.evaluate(
            "[...document.querySelectorAll('.wide')].filter(each => each.scrollWidth > each.clientWidth)"
            ".map(each => each.getAttribute('aria-label'))"
        )
        return found


async def tab(chromium: Any, laptop: Laptop, *, width: str = "desk", colours: str = "light") -> Tab:
    """Open a tab that is let in."""
    across, down = WIDTHS[width]
    context = await chromium.new_context(
        viewport={"width": across, "height": down}, color_scheme=colours, reduced_motion="reduce"
    )
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    made = Tab(page=page, address=laptop.address, axe=use_packages().read_text("utf-8"))
    page.on("console", lambda message: made.said.append(message.text))
    page.on("pageerror", lambda error: made.said.append(str(error)))
    await page.goto(laptop.invitation())
    return made


async def go_on(opened: Opened, steps: int = 4) -> None:
    """Let the run of `shop` go on, with values of its metrics; some of them fail."""
    bounds = {"request-success-rate": {"min": 99}, "request-duration": {"max": 500}}
    judged = [{"name": name, "thresholdRange": each} for name, each in bounds.items()]
    patch = {"spec": {"analysis": {"metrics": judged}}}
    await opened.cluster.merge_patch(CANARY, "web", "shop", patch)
    for number in range(1, steps + 1):
        at = NOW + timedelta(minutes=number)
        bad = number == 3
        metrics = (
            MetricStatus(
                name="request-success-rate", verdict="pass", value=99.5 + number / 10,
                bound="99 ≤ value", at=at, judge="sequential", memory=a_memory(),
            ),
            MetricStatus(
                name="request-duration", verdict="fail" if bad else "pass",
                value=612.0 if bad else 300.0 + 20 * number, bound="value ≤ 500",
                message="request-duration 612 ms is above 500 ms" if bad else "", at=at,
            ),
        )  # fmt: skip
        status = a_status(
            Phase.PROGRESSING, weight=10 * number, step=number, steps=5,
            failed_checks=int(number >= 3), metrics=metrics, step_started_at=at,
            run=a_run(
                pre_rollout_passed=True, step=number, step_since=at,
                next_analysis_at=at + timedelta(minutes=1),
            ),
        )  # fmt: skip
        await opened.change("shop", status)

        def seen(weight: int = 10 * number) -> bool:
            kept = opened.laptop.fleet.find("web", "shop")
            return kept is not None and kept.view.weights.asked == weight

        await until(seen)


async def test_every_page_is_sound_in_every_width_and_colour(
    opened: Opened, chromium: Any, tmp_path: Path, update_golden: bool
):
    await go_on(opened)
    await released(opened)
    wrong: dict[str, Any] = {}
    for width, colours in LOOKS:
        shown = await tab(chromium, opened.laptop, width=width, colours=colours)
        for path in PATHS:
            await shown.show(path)
            name = f"{path.strip('/').replace('/', '-') or 'fleet'}-{width}-{colours}"
            await shown.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
            found = {
                "barriers": await shown.barriers(),
                "overflow": await shown.overflow(),
                "cut": await shown.cut() if width != "desk" else [],
                "said": shown.said,
            }
            wrong |= {name: found} if any(found.values()) else {}
        await shown.page.context.close()
    assert wrong == {}
    if update_golden:
        shutil.copy(tmp_path / "c-web-shop-desk-light.png", DOCS / "dashboard.png")
    assert (DOCS / "dashboard.png").is_file()


async def test_an_open_page_changes_by_itself_and_leaves_what_is_open_and_focused(
    opened: Opened, chromium: Any
):
    await go_on(opened, steps=1)
    shown = await tab(chromium, opened.laptop)
    await shown.show("/c/web/shop")
    values = shown.page.locator("#metric-1-values")
    await values.locator("summary").click()
    await go_on(opened, steps=2)
    await shown.page.get_by_text("20 % asked").first.wait_for()
    assert await values.evaluate("each => each.open")
    assert await shown.page.evaluate("document.activeElement.closest('details').id") == (
        "metric-1-values"
    )
    await opened.change("shop", a_status(Phase.SUCCEEDED))
    await shown.page.locator("#head").get_by_text("Succeeded").wait_for()
    assert shown.said == []


async def test_a_search_that_is_being_written_is_left_alone(opened: Opened, chromium: Any):
    shown = await tab(chromium, opened.laptop)
    await shown.show("/")
    await shown.page.keyboard.press("/")
    await shown.page.keyboard.type("sho")
    await go_on(opened, steps=1)
    await shown.page.get_by_role("row").filter(has_text="shop").get_by_text("10 %").wait_for()
    assert await shown.page.evaluate("document.activeElement.id") == "search"
    await shown.page.keyboard.press("Enter")
    await shown.page.get_by_text("1 found").wait_for()


async def test_keys_lead_to_the_pages_and_the_colours_are_remembered(opened: Opened, chromium: Any):
    shown = await tab(chromium, opened.laptop, colours="light")
    await shown.show("/")
    await shown.page.get_by_role("button", name="Dark or light").click()
    await shown.page.keyboard.press("g")
    await shown.page.get_by_role("heading", name="Gates", level=1).wait_for()
    assert await shown.page.evaluate("document.documentElement.dataset.theme") == "dark"
    await shown.page.keyboard.press("?")
    await shown.page.get_by_text("search ·").wait_for()
    assert shown.said == []


async def test_a_gate_is_approved_by_its_button_alone(opened: Opened, chromium: Any):
    shown = await tab(chromium, opened.laptop)
    await shown.show("/gates")
    await shown.page.get_by_label("Reason").fill("the smoke test is fine")
    await shown.page.keyboard.press("Enter")
    approve = shown.page.get_by_role("button", name="approve confirm-promotion")
    await approve.click()
    await shown.page.get_by_role("link", name="web/cart").click()
    await shown.page.get_by_text(
        "approve by alice: the smoke test is fine: waiting for the controller"
    ).wait_for()
    assert shown.said == []


async def test_a_run_is_aborted_after_its_page_was_read(opened: Opened, chromium: Any):
    shown = await tab(chromium, opened.laptop)
    await shown.show("/c/web/shop")
    await shown.page.get_by_role("link", name="abort").click()
    await shown.page.get_by_text("The run is rolled back now").wait_for()
    await shown.page.get_by_role("button", name="abort").click()
    await shown.page.get_by_text("abort by alice: waiting for the controller").wait_for()
    assert shown.said == []


async def test_a_page_can_be_read_without_a_script(opened: Opened, chromium: Any):
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    await page.goto(opened.laptop.invitation())
    await page.get_by_role("link", name="web/cart").click()
    await page.get_by_text("the confirm-promotion gate waits for a person").first.wait_for()
    await context.close()

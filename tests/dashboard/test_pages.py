"""The pages as a browser gets them: what they show, and to whom."""

from tests.dashboard.conftest import Opened
from tests.views.fleet import STATUSES


async def test_the_fleet_lists_those_first_that_need_a_person(opened: Opened):
    page = await opened.read("/")
    places = [page.index(f"/c/web/{name}") for name in ("cart", "search", "paused", "shop")]
    assert places == sorted(places)
    assert all(f"/c/web/{name}" in page for name in STATUSES)


async def test_the_page_of_a_canary(opened: Opened):
    for name in STATUSES:
        page = await opened.read(f"/c/web/{name}")
        print(len(page))
    print(page)
    assert (await opened.read("/gates")).count("confirm-promotion") >= 1

"""How long the proxies of each router may take to follow it."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from canary.routers import ROUTERS, router_for
from tests.routers.builders import a_canary

PAGE = (Path(__file__).parents[2] / "docs" / "routers.md").read_text(encoding="utf-8")
SECONDS = {
    "alb": 15,
    "apisix": 5,
    "consul": 2,
    "haproxy": 2,
    "knative": 2,
    "kong": 3,
    "nginx": 2,
    "nginx-f5": 2,
    "openshift": 5,
    "skipper": 3,
    "traefik": 2,
}


@pytest.mark.parametrize("name", ROUTERS.names())
def test_what_proxies_learn_late_is_waited_for(name: str):
    settles = router_for(name).abilities(a_canary(name)).settles
    assert settles == timedelta(seconds=SECONDS.get(name, 0))


def test_the_page_has_the_times_of_all_routers_that_have_one():
    rows = re.findall(r"^\| (`[^|]*`) \| (\d+) s \|$", PAGE, re.MULTILINE)
    told = {name: int(seconds) for names, seconds in rows for name in re.findall(r"`(.+?)`", names)}
    assert told == SECONDS

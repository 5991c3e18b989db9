"""Session affinity: which cookies a run has, who stays where, and what ended runs leave."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from analysis.model import Verdict
from canary.api.status import CanaryStatus, Phase, read_status, write_status
from canary.core.actions import RouteTraffic
from canary.core.cookies import EXPIRED_KEPT, cookies_at
from canary.core.facts import Revision
from canary.core.traffic import Seen, Stickiness, Traffic
from tests.builders import NEW, OLD, a_primary, a_run, a_spec, a_status, a_workload, at
from tests.core.deciding import decided, up
from tests.core.test_strategies import MATCH, Journey

EVERY_ATTRIBUTE = {
    "cookieName": "stick",
    "primaryCookieName": "stay",
    "domain": ".example.com",
    "path": "/shop",
    "maxAge": 3600,
    "httpOnly": True,
    "secure": True,
    "partitioned": True,
    "sameSite": "None",
}


def a_journey(affinity: dict[str, Any] | None = None, **analysis: Any) -> Journey:
    """Begin a run with session affinity, at two steps."""
    asked = {"sessionAffinity": affinity or EVERY_ATTRIBUTE}
    return Journey(a_spec(analysis={"stepWeights": [20, 60]} | asked | analysis))


def rolled_back() -> Journey:
    """Have a run fail at its first step."""
    run = a_journey(threshold=1)
    run.look()
    run.look(Verdict.FAIL)
    assert run.status.phase is Phase.FAILED
    return run


def release(run: Journey, revision: str) -> None:
    """Change the target's template, with pods that are ready at once."""
    number = int(run.second)
    changed = a_workload(generation=number, observed_generation=number)
    run.facts = {"revision": Revision(id=revision), "target": changed}


class TestWhoStays:
    def test_a_run_has_its_cookies_with_its_first_traffic_and_keeps_them_as_weights_rise(self):
        run = a_journey()
        assert run.status.cookies is None
        run.look()
        first = run.traffic
        run.look()
        assert [first.weight, run.traffic.weight] == [20, 60]
        assert first.cookies == run.traffic.cookies
        assert (first.cookies.canary.name, first.cookies.primary.name) == ("stick", "stay")
        assert first.cookies.expired == ()

    def test_a_restart_renders_the_same(self):
        run = a_journey()
        run.look()
        run.status = read_status(write_status(run.status))
        before = run.traffic
        decision = decided(run.spec, run.status, up(routed=run.seen), run.now)
        assert RouteTraffic(traffic=before) in decision.actions

    @pytest.mark.parametrize(
        ("attributes", "said"),
        [
            ({"domain": ".example.com"}, "; Domain=.example.com"),
            ({"path": "/shop"}, "; Path=/shop"),
            ({"sameSite": "Lax"}, "; SameSite=Lax"),
            ({"sameSite": "Strict"}, "; SameSite=Strict"),
            ({"sameSite": "None"}, "; SameSite=None"),
            ({"httpOnly": True}, "; HttpOnly"),
            ({"secure": True}, "; Secure"),
            ({"partitioned": True}, "; Partitioned"),
            ({"domain": "", "path": ""}, ""),
        ],
        ids=str,
    )
    def test_a_cookie_is_given_and_taken_with_the_same_attributes(self, attributes, said):
        run = a_journey({"cookieName": "stick"} | attributes)
        run.look()
        cookie = run.traffic.cookies.canary
        assert cookie.set_text == f"stick={cookie.value}; Max-Age=86400{said}"
        assert cookie.expire_text == f"stick=; Max-Age=0{said}"
        assert run.traffic.cookies.primary is None

    def test_the_primarys_cookie_lasts_for_an_interval_so_that_its_clients_meet_the_canary_too(
        self,
    ):
        run = a_journey()
        run.look()
        cookies = run.traffic.cookies
        assert (cookies.canary.max_age, cookies.primary.max_age) == (3600, 10)

    def test_with_a_match_clients_stay_among_the_requests_that_match(self):
        run = a_journey(match=MATCH)
        run.look()
        assert run.traffic.match
        assert run.traffic.cookies.canary is not None

    def test_nobody_stays_on_a_primary_that_may_have_no_pods(self):
        run = a_journey(stepWeights=[100])
        run.look()
        cookies = run.traffic.cookies
        assert (run.traffic.weight, cookies.primary) == (100, None)
        assert cookies.canary is not None

    def test_nobody_stays_on_a_canary_without_pods_and_who_did_returns_with_them(self):
        run = a_journey()
        run.look()
        kept = run.traffic.cookies
        run.facts = {"target": a_workload(available=0)}
        run.look()
        assert run.traffic == Traffic()
        run.facts = {}
        run.look()
        assert run.traffic.cookies == kept

    def test_a_run_without_traffic_leaves_no_cookie(self):
        run = a_journey()
        release(run, OLD)
        run.look()
        assert (run.status.phase, run.status.cookies) == (Phase.SUCCEEDED, None)

    def test_without_session_affinity_there_are_none(self):
        run = Journey(a_spec(analysis={"stepWeights": [20]}))
        run.look()
        assert (run.traffic, run.status.cookies) == (Traffic(weight=20), None)


class TestTheEndOfARun:
    def test_after_a_rollback_the_primary_answers_everyone_and_cookies_are_taken(self):
        run = rolled_back()
        cookies = run.traffic.cookies
        assert (run.traffic.weight, cookies.canary, cookies.primary) == (0, None, None)
        assert [each.name for each in cookies.expired] == ["stick", "stay"]
        assert cookies.expired[0].expire_text == (
            "stick=; Max-Age=0; Domain=.example.com; Path=/shop; SameSite=None; HttpOnly; Secure; "
            "Partitioned"
        )

    def test_they_are_taken_as_long_as_a_client_may_have_one_and_then_forgotten(self):
        run = rolled_back()
        (canary, primary) = run.status.cookies.expired
        assert (canary.until, primary.until) == (
            run.now + timedelta(hours=1),
            run.now + timedelta(seconds=10),
        )
        assert cookies_at(run.status) == primary.until
        run.second += 60
        run.look()
        assert [each.name for each in run.traffic.cookies.expired] == ["stick"]
        assert cookies_at(run.status) == canary.until
        run.second += 3600
        run.look()
        assert (run.status.cookies, run.traffic.cookies) == (None, Stickiness())

    def test_a_cookie_that_lives_long_is_taken_for_a_day(self):
        run = a_journey({"cookieName": "stick", "maxAge": 10**9}, threshold=1)
        run.look()
        run.look(Verdict.FAIL)
        assert cookies_at(run.status) == run.now + timedelta(days=1)

    def test_the_next_run_has_another_and_takes_none_while_its_own_are_given(self):
        run = rolled_back()
        (before, _) = run.traffic.cookies.expired
        release(run, "1-newer")
        run.look()
        cookies = run.traffic.cookies
        assert run.traffic.weight == 20
        assert cookies.canary.value != before.value
        assert cookies.canary.value.startswith("2-")
        assert cookies.expired == ()
        assert before in run.status.cookies.expired

    def test_a_run_that_replaces_another_has_cookies_of_its_own(self):
        run = a_journey()
        run.look()
        before = run.traffic.cookies.canary
        release(run, "1-newer")
        run.look()
        assert run.traffic.cookies.canary.value != before.value
        assert before.identity in {each.identity for each in run.status.cookies.expired}

    def test_only_those_of_the_last_runs_are_remembered(self):
        run = a_journey()
        for number in range(5):
            release(run, f"1-r{number}")
            run.look()
        assert len(run.status.cookies.expired) == EXPIRED_KEPT

    def test_canaries_of_one_name_share_no_cookie(self):
        values = []
        for uid in ("one", "two"):
            run = a_journey()
            run.facts = {"uid": uid}
            run.look()
            values.append(run.traffic.cookies.canary.value)
        assert values[0] != values[1]

    def test_the_promoted_primary_answers_everyone_and_cookies_are_taken(self):
        spec = a_journey().spec
        status = a_status(Phase.PROGRESSING, weight=60, run=a_run(pre_rollout_passed=True, step=2))
        run = Journey(spec, status, seen=Seen(weight=60))
        run.look()
        kept = run.traffic.cookies.canary
        run.facts = {"primary": a_primary(NEW)}
        run.look()
        assert (run.status.phase, run.traffic.weight) == (Phase.FINALISING, 0)
        assert kept.identity in {each.identity for each in run.traffic.cookies.expired}

    def test_the_promoted_primary_gets_everyone_back_in_steps_and_keeps_nobody_off(self):
        spec = a_journey(stepWeightPromotion=40).spec
        status = a_status(Phase.PROGRESSING, weight=60, run=a_run(pre_rollout_passed=True, step=2))
        run = Journey(spec, status, seen=Seen(weight=60))
        run.look()
        assert run.status.phase is Phase.PROMOTING
        # While it is updated both versions may answer there: who was on the canary stays.
        assert run.traffic.cookies.canary is not None
        run.facts = {"primary": a_primary(NEW)}
        run.look()
        assert (run.traffic.weight, run.traffic.cookies) == (20, Stickiness())
        run.look()
        assert run.status.phase is Phase.FINALISING
        assert [each.name for each in run.traffic.cookies.expired] == ["stick"]


class TestAnEditDuringARun:
    def edited(self, **affinity: Any) -> Journey:
        run = a_journey({"cookieName": "stick"})
        run.look()
        analysis = run.spec.analysis
        asked = analysis.session_affinity.but(**affinity) if affinity else None
        run.spec = run.spec.but(analysis=analysis.but(session_affinity=asked))
        return run

    def test_another_name_is_given_at_once_and_the_former_is_taken_afterwards(self):
        run = self.edited(cookie_name="other")
        before = run.traffic.cookies.canary
        run.look()
        assert run.traffic.cookies.canary == before.but(name="other")
        assert [each.identity for each in run.status.cookies.expired] == [before.identity]

    def test_another_lifetime_retires_nothing(self):
        run = self.edited(max_age=60)
        run.look()
        assert run.traffic.cookies.canary.max_age == 60
        assert run.status.cookies.expired == ()

    def test_without_session_affinity_nobody_stays_any_longer(self):
        run = self.edited()
        run.look()
        assert run.traffic.weight == 60
        assert run.traffic.cookies == Stickiness()
        assert len(run.status.cookies.expired) == 1


@pytest.mark.parametrize(
    "written",
    [
        {"canary": {"name": "a b", "value": "1-0123456789abcdef", "maxAge": 1}},
        {"canary": {"name": "a", "value": "mine", "maxAge": 1}},
        {"canary": {"name": "a", "value": "1-0123456789abcdef", "maxAge": -1}},
        {
            "canary": {
                "name": "a",
                "value": "1-0123456789abcdef",
                "maxAge": 1,
                "attributes": "Secure\r\nx-admin: 1",
            }
        },
    ],
    ids=["name", "value", "lifetime", "attributes"],
)
def test_a_cookie_that_a_hand_has_made_unsound_is_forgotten(written):
    document = write_status(CanaryStatus()) | {"cookies": written}
    assert read_status(document).cookies is None


class TestWhatARouteDoes:
    def test_who_stays_on_the_canary_needs_its_pods_whatever_the_weight(self):
        assert Seen(keeps_canary=True).exposes_canary()
        assert not Seen(keeps_canary=True).does(Traffic())
        assert Seen(weight=20, keeps_canary=True).does(Traffic(weight=20))

    def test_who_stays_on_the_primary_needs_its_pods_whatever_the_weight(self):
        assert Seen(weight=100).spares_primary()
        assert not Seen(weight=100, keeps_primary=True).spares_primary()

    def test_a_route_for_a_canary_that_is_not_ready_keeps_nobody_on_it(self):
        run = a_journey()
        run.look()
        assert replace(run.traffic, weight=0).cookies.canary is not None
        assert run.traffic.without_canary() == Traffic()
        lost = up(target=a_workload(available=0), routed=None)
        status = run.status
        actions = decided(run.spec, status, lost, at(run.second)).actions
        assert not any(
            isinstance(each, RouteTraffic) and each.traffic.cookies.canary for each in actions
        )

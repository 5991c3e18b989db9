"""What users of Flagger no longer meet, and the test that claims what holds instead.

Defects and limits of the life of a Canary in Flagger 1.44, as its source reads and as its users
report them. A row names one test: the nearest to a proof of it, which is seldom the only one.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.docs.pages import DOCS

PAGE = DOCS / "no-longer.md"


_HEAD = """\
Defects and limits of Flagger 1.44 in the life of a Canary, and what holds here.
They come from its source or from reports of its users; not all of them were reproduced, and a later \
release may have fixed some.
Each row has a test, which `tests/docs/no_longer.py` names.
[Coming from Flagger](migration.md) lists what behaves differently on purpose."""


class Row(NamedTuple):
    """Something that is met with Flagger, and what holds here."""

    met: str
    holds: str
    test: str
    """`path::name` below `tests/`, where a name is that of a function or `Class.function`."""


STARTS = (
    Row(
        "two ticks of one Canary overlap when its interval is edited",
        "one worker at a time handles a Canary; changes meanwhile are handled after it",
        "controller/test_queue.py::a_wake_up_during_the_work_has_it_done_once_more",
    ),
    Row(
        "an edited interval starts the ticker again, with an immediate tick",
        "the new interval counts from the moment of the edit",
        "core/test_wedges.py::TestInterval.that_is_made_shorter_during_a_run_counts_from_the_next_look",
    ),
    Row(
        "a slow webhook or metric store blocks its Canary, and the number of ticks at once has no bound",
        "a slow call delays no other Canary, and workers are bounded",
        "controller/test_reconcile.py::a_hook_that_hangs_delays_no_other_canary",
    ),
    Row(
        "a new image is noticed at the next interval",
        "a change of the target wakes its Canary",
        "controller/test_workloads.py::a_change_wakes_the_canary_where",
    ),
    Row(
        "a deletion that fails is tried again with the next resync",
        "it is tried again soon, then with growing delays",
        "controller/test_queue.py::TestFailures.a_key_that_fails_is_tried_again_ever_later",
    ),
    Row(
        "one object that cannot be decoded stops the whole controller",
        "it is `Invalid`, and all others go on",
        "controller/test_cache.py::TestFaults.an_object_that_cannot_be_read_keeps_no_other_from_being_seen",
    ),
    Row(
        "a rejected Canary is a line in the log, and a rejected edit is acted on",
        "a condition and an event name each problem; a run goes on by the last valid spec",
        "core/test_invalid.py::a_run_goes_on_by_the_last_valid_spec_and_says_what_is_wrong_with_the_newest",
    ),
    Row(
        "two Canaries of one target both act",
        "the younger one is `Invalid` until the older one has gone",
        "controller/test_canaries.py::the_younger_of_two_of_one_target_waits_until_the_older_has_gone",
    ),
    Row(
        "a metric store that does not answer at the start is an event, and runs begin all the same",
        "no run begins that could not be judged",
        "core/test_references.py::TestTheStartOfARun.is_held_where_it_could_not_be_judged_and_goes_on_by_itself",
    ),
    Row(
        "a target that is missing sends an event at each tick",
        "one event when that has lasted, and one when it is back",
        "core/test_lasting.py::a_target_that_is_missing_is_told_once_it_has_lasted_and_no_more",
    ),
    Row(
        "a ConfigMap or Secret that is missing sends an event at each tick",
        "one event when that has lasted, and one when it is back",
        "core/test_lasting.py::a_config_that_is_missing_is_told_once_it_has_lasted_and_no_more",
    ),
    Row(
        "the first primary of a Canary with `skipAnalysis` is not waited for",
        "the target keeps its pods until the primary is ready",
        "core/test_wedges.py::TestWithoutAnAnalysis.the_first_primary_is_waited_for",
    ),
    Row(
        "requests fail while the target is scaled down for the first time",
        "the target keeps its pods until clients have come over",
        "core/test_setup.py::TestInitialising.then_the_route_then_the_rest_of_the_clients_and_then_it_is_initialised",
    ),
)

REVISIONS = (
    Row(
        "an upgrade of the controller hashes templates otherwise, and starts a run of every app",
        "a revision is known again by the algorithm that recorded it",
        "controller/test_upgrade.py::no_run_starts_though_the_target_has_moved_and_the_next_release_runs",
    ),
    Row(
        "a revision that comes while a failed run is cleared up is never analysed",
        "it gets its run, whatever is in the way",
        "core/test_wedges.py::TestRevisions.one_that_comes_after_a_failure_is_not_lost_whatever_is_in_the_way",
    ),
    Row(
        "the status of a failed Canary is written at each tick",
        "it is written once",
        "core/test_wedges.py::TestRevisions.one_that_has_failed_is_written_once",
    ),
    Row(
        "a failed revision is tried again only with another pod template",
        "`tidegate retry`",
        "core/test_commands.py::a_failed_revision_is_retried_without_touching_the_target",
    ),
    Row(
        "a target that returns to the promoted revision is analysed on, and leaves a wrong record",
        "the run is cancelled",
        "core/test_run.py::TestMovingOn.a_return_to_the_promoted_revision_cancels_the_run",
    ),
    Row(
        "a return to the promoted revision does not end the wait for `confirm-rollout`",
        "it does, and the gate is not asked again",
        "core/test_wedges.py::TestRevisions.a_return_to_the_promoted_one_ends_the_wait_for_the_first_gate",
    ),
    Row(
        "a change between the last analysis and the promotion is promoted unseen",
        "the primary gets exactly the analysed revision",
        "core/test_promotion.py::TestPromoting.the_primary_is_given_exactly_the_analysed_revision_with_traffic_where_it_is",
    ),
    Row(
        "a change during the promotion meets clients before it is analysed",
        "traffic leaves the pods that it replaces",
        "core/test_promotion.py::TestPromoting.a_change_after_the_primary_is_written_takes_traffic_off_the_unknown",
    ),
    Row(
        "a newer revision sends all traffic to a primary that is too small for it",
        "the canary keeps what the primary cannot carry",
        "core/test_placement.py::TestCapacity.a_newer_revision_leaves_on_the_canary_what_the_primary_can_not_carry",
    ),
    Row(
        "a primary that was deleted is recreated from the target, even if that revision failed",
        "it is recreated from the promoted revision",
        "core/test_promotion.py::TestBetweenRuns.a_primary_that_is_gone_is_not_made_from_a_failed_revision",
    ),
    Row(
        "`binaryData` of a ConfigMap is neither watched nor copied",
        "it is both",
        "resources/test_configs.py::a_checksum_changes_with_all_content",
    ),
    Row(
        "of two references to a config the last one decides whether it is optional",
        "it is optional if every reference says so",
        "resources/test_configs.py::a_config_is_optional_only_if_every_reference_says_so",
    ),
    Row(
        "a promotion rewrites configs that other apps use as well",
        "each Canary has copies of its own, which never change",
        "controller/test_copies.py::of_a_config_that_two_canaries_share_each_has_one_of_its_own",
    ),
)

STEPS = (
    Row(
        "`stepWeights` that are edited during a run jump to 100 %",
        "the run goes on from the traffic that it has",
        "core/test_strategies.py::TestEdits.a_plan_that_is_edited_goes_on_at_the_traffic_there_is",
    ),
    Row(
        "a list of weights that does not rise makes a run stand still for ever",
        "each weight is a step, be it lower than the one before",
        "core/test_strategies.py::repeated_weights_and_steps_down_are_steps_like_others",
    ),
    Row(
        "`mirror` with a router that cannot mirror never ends",
        "it is refused at admission, or ignored with a warning, and the run ends",
        "routers/test_compliance.py::TestWhatIsAskedOfASingleRouter.is_done_or_refused_or_is_an_ornament_that_is_ignored_with_a_warning",
    ),
    Row(
        "pre-rollout hooks run at each tick while a gate holds the first step",
        "hooks that passed are not called again",
        "core/test_wedges.py::TestPreRolloutHooks.that_have_passed_are_not_called_again_while_the_gate_before_the_first_step_is_shut",
    ),
    Row(
        "with `iterations: 1` pre-rollout hooks run again at the gate before the promotion",
        "they run once",
        "core/test_wedges.py::TestPreRolloutHooks.are_not_called_again_at_the_gate_before_the_promotion_of_one_iteration",
    ),
    Row(
        "in blue/green `confirm-promotion` is asked before the switch and after it",
        "before the switch alone",
        "core/test_strategies.py::TestBlueGreen.asks_before_the_switch_alone",
    ),
    Row(
        "a shut gate repeats iterations, and shows a number that falls",
        "the analysis goes on, and no pass is counted beyond the plan",
        "core/test_strategies.py::TestAB.that_waits_at_its_gate_is_judged_on_and_counts_no_further_pass",
    ),
    Row(
        "a shut gate sends an alert at each interval",
        "one alert",
        "core/test_run.py::TestGates.a_gate_is_alerted_once_unless_it_is_muted",
    ),
    Row(
        "a rollback hook is not asked while a run waits to begin",
        "it is",
        "core/test_run.py::TestBeginning.a_rollback_hook_ends_the_wait",
    ),
    Row(
        "a gate that is not opened waits for ever",
        "it ends at its deadline, and the run is rolled back",
        "core/test_run.py::TestGates.a_deadline_is_kept_between_two_looks",
    ),
    Row(
        "an edited route is set to 100 to 0 in the middle of a run",
        "it is repaired with the weights of the run",
        "routers/test_compliance.py::TestEveryRouterThatMakesItsObjects.repairs_an_edited_spec_with_the_current_weights",
    ),
    Row(
        "without a router the primary is updated under traffic: two versions answer",
        "the apex Service leads to one side at a time",
        "controller/test_by_apex.py::an_app_is_released_by_the_selector_alone_which_leads_to_one_side_at_a_time",
    ),
    Row(
        "a suspended Canary sends an event at each tick",
        "one event, and the run goes on at its weight",
        "core/test_pods_after_a_run.py::a_run_that_is_suspended_is_told_once_and_goes_on_at_the_same_weight",
    ),
    Row(
        "deadlines go on during a suspension",
        "gates have their whole time after it",
        "core/test_setup.py::TestSuspending.a_run_goes_on_where_it_was_and_its_gates_have_their_time",
    ),
)

COOKIES = (
    Row(
        "a cookie of an ended run is taken back without its domain and path, so browsers keep it",
        "it is taken back with every attribute that it was set with",
        "core/test_cookies.py::TestWhoStays.a_cookie_is_given_and_taken_with_the_same_attributes",
    ),
    Row(
        "without an ended run a route has two equal rules",
        "it has as many rules as there are cookies",
        "routers/test_cookies.py::without_an_ended_run_no_rule_is_there_twice",
    ),
    Row(
        "with `service.headers` all answers take a cookie back",
        "answers take it back from clients that send it, and from no others",
        "routers/test_cookies.py::a_cookie_is_taken_from_those_alone_who_send_it",
    ),
    Row(
        "with `service.match` and without a cookie of the primary, an edited route stays edited",
        "it is put back",
        "routers/test_cookies.py::an_edited_weight_is_put_back_though_every_rule_has_a_condition",
    ),
    Row(
        "a later run gives the primary's cookie of an earlier one",
        "each run has cookies of its own",
        "core/test_cookies.py::TestTheEndOfARun.the_next_run_has_another_and_takes_none_while_its_own_are_given",
    ),
    Row(
        "clients that stay make the share larger than its weight, and nothing shows that",
        "`verifyTraffic` takes them into account",
        "core/test_verified.py::TestAShare.with_session_affinity_may_exceed_the_weight",
    ),
)

ENDS = (
    Row(
        "a run is rolled back one tick after it has reached the threshold",
        "in the same decision",
        "core/test_run.py::TestLooking.the_check_that_reaches_the_threshold_rolls_back",
    ),
    Row(
        "a rollback for another cause than failed checks sends no alert",
        "each end sends one alert, with its cause",
        "core/test_run.py::TestNotices.an_end_is_told_with_its_cause_and_calls_the_post_rollout_hooks",
    ),
    Row(
        "a rollback that the API server refuses stops half-way, with an event at each tick",
        "the controller writes the route until it is right, with one event",
        "core/test_wedges.py::TestRollback.that_cannot_be_written_is_tried_again_and_told_once",
    ),
    Row(
        "a primary that is not ready rolls back every new revision, its own repair included",
        "the run goes on, and the canary serves meanwhile",
        "core/test_placement.py::TestThePrimaryIsLost.the_run_goes_on_and_may_repair_it",
    ),
    Row(
        "after a promotion that failed, the next revision sends all traffic to the broken primary",
        "traffic stays on pods that serve",
        "core/test_promotion.py::TestFailedPromotion.the_next_run_keeps_traffic_on_the_healthy_pods",
    ),
    Row(
        "after such a promotion the status says that the canary is scaled to zero",
        "it says who serves",
        "core/test_promotion.py::TestFailedPromotion.the_sentence_says_who_serves",
    ),
    Row(
        "`stepWeightPromotion` never ends where the route was reset to 100 to 0",
        "it goes on by what was intended",
        "core/test_wedges.py::TestPromotionInSteps.goes_on_by_what_was_intended_where_the_route_was_reset_by_hand",
    ),
    Row(
        "with `skipAnalysis` the canary loses its pods before the primary is ready",
        "it keeps them until then",
        "core/test_wedges.py::TestWithoutAnAnalysis.the_canary_is_parked_when_the_promoted_primary_is_ready",
    ),
    Row(
        "a primary that was scaled to zero counts as ready",
        "it does not, and gets its pods back",
        "core/test_scaling.py::TestAtRest.one_that_should_have_pods_and_has_none_is_not_ready",
    ),
    Row(
        "pods that do not come because a rollout is paused are waited for without end",
        "until the progress deadline",
        "core/test_run.py::TestReadiness.who_is_not_ready_is_waited_for_until_the_progress_deadline",
    ),
    Row(
        "each write of the status moves the deadline of a DaemonSet",
        "a deadline is counted from the beginning of its own wait",
        "core/test_phase_stages.py::a_stage_keeps_its_clock_while_it_goes_on_and_begins_another_one_when_it_is_left",
    ),
    Row(
        "a canary with a pod that is not ready is not analysed, so the sicker one lives longer",
        "it is analysed, and failed checks count",
        "core/test_placement.py::TestTheCanaryIsSick.nine_of_ten_ready_pods_are_rolled_back_as_fast_as_ten",
    ),
    Row(
        "a Knative Revision that does not come up is waited for without end",
        "the run is rolled back as soon as Knative gives it up",
        "controller/test_knative.py::a_revision_that_does_not_come_up_gets_no_request_and_is_rolled_back",
    ),
)

SCALING = (
    Row(
        "edits of an autoscaler reach the primary's with the next promotion",
        "at once, in a run as well",
        "controller/test_scalers.py::a_change_of_the_users_reaches_the_primarys_at_rest_and_in_a_run",
    ),
    Row(
        "the copy of an autoscaler is written again by each promotion",
        "what is equal is not written",
        "scalers/test_compliance.py::a_copy_that_is_rendered_again_is_the_same",
    ),
    Row(
        "the annotation that pauses a ScaledObject is copied to the primary's",
        "it is not",
        "scalers/test_compliance.py::pausing_and_resuming_leave_it_as_it_was_and_reach_no_copy",
    ),
    Row(
        "in the queries of a ScaledObject parts of other words are replaced",
        "the target's own name alone",
        "scalers/test_scaledobject.py::a_query_about_the_target_asks_about_the_primary",
    ),
    Row(
        "an autoscaler that may go to zero takes the pods of a canary without traffic",
        "it is held at the canary's size during a run",
        "core/test_scaling.py::TestRun.an_autoscaler_that_takes_idle_pods_keeps_the_canary_at_its_size",
    ),
    Row(
        "an autoscaler of an unknown kind is skipped without a word",
        "the status names it",
        "core/test_names.py::a_kind_of_autoscaler_that_is_not_installed_is_named",
    ),
    Row(
        "with an autoscaler the canary starts at its minimum, however much its first step gives it",
        "it starts with what the first weight needs",
        "core/test_scale.py::TestWhereSomethingElseDecides.an_autoscaler_begins_with_what_the_first_weight_needs",
    ),
    Row(
        "in blue/green all traffic is switched to a canary at its autoscaler's minimum",
        "it has its pods before the switch",
        "core/test_scale.py::TestWhereSomethingElseDecides.a_canary_that_its_autoscaler_has_shrunk_has_its_pods_back_before_the_switch",
    ),
    Row(
        "all traffic returns to a primary that its autoscaler has shrunk",
        "the primary keeps the size of the start of the run",
        "core/test_placement.py::TestSize.its_autoscaler_goes_no_lower_during_a_run_than_it_was",
    ),
    Row(
        "another number of replicas does nothing before the next promotion",
        "it is the primary's at once",
        "core/test_promotion.py::TestBetweenRuns.a_new_number_of_replicas_is_meant_for_who_serves",
    ),
)

REMOVAL = (
    Row(
        "a deleted Canary leaves the app without pods",
        "the target has its pods and traffic before the Canary goes",
        "core/test_setup.py::TestDeleting.the_target_gets_its_replicas_back_before_its_traffic",
    ),
    Row(
        "traffic moves and objects vanish in the same moment",
        "requests in flight end before the primary goes",
        "core/test_setup.py::TestDeleting.then_its_traffic_then_what_is_in_flight_and_then_the_canary_goes",
    ),
    Row(
        "a run goes on while its Canary is deleted, and may undo that",
        "a deletion asks nothing and takes no step",
        "core/test_wedges.py::TestDeletion.asks_nothing_and_takes_no_step",
    ),
    Row(
        "a Canary that is being deleted says that it is being initialised",
        "it says that the target gets its traffic back",
        "core/test_conditions.py::a_canary_that_goes_says_so_and_not_that_it_begins",
    ),
    Row(
        "three of its routers give back what they took over",
        "every router does, exactly",
        "routers/test_compliance.py::TestEveryRouterWithObjectsOfItsOwn.puts_adopted_objects_back_exactly",
    ),
    Row(
        "the deletion of a Canary of Knative crashes the controller",
        "the Service has its own traffic block back",
        "controller/test_knative.py::when_its_canary_goes_it_has_its_own_traffic_block_back",
    ),
    Row(
        "a renamed service leaves its former route and Services behind",
        "they are given back when the new route serves",
        "controller/test_former_names.py::another_service_name_gives_the_route_back_and_leaves_nobody_without_an_answer",
    ),
    Row(
        "with a target of kind Service, one is written at every interval",
        "it is written when the target changes",
        "controller/test_service_target.py::its_canary_is_written_when_the_target_changes_and_not_besides",
    ),
    Row(
        "series of a deleted Canary stay in the metrics",
        "they go with it",
        "controller/test_metrics.py::TestACanary.everything_of_it_goes_with_it_and_nothing_of_another",
    ),
)

TABLES = {
    "How a Canary starts": STARTS,
    "Which revision is meant": REVISIONS,
    "Steps and gates": STEPS,
    "Clients that stay": COOKIES,
    "How a run ends": ENDS,
    "Replicas and autoscalers": SCALING,
    "How a Canary goes": REMOVAL,
}


def rows() -> Iterator[Row]:
    """Give every row."""
    for table in TABLES.values():
        yield from table


def page() -> str:
    """Write the page."""
    parts = [
        "# What Flagger's users no longer meet",
        _HEAD,
    ]
    for title, table in TABLES.items():
        head = ["| met with Flagger | holds with tidegate |", "|---|---|"]
        parts += [f"## {title}", "\n".join(head + [f"| {r.met} | {r.holds} |" for r in table])]
    return "\n\n".join(parts) + "\n"

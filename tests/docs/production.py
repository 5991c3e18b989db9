"""The tables of the page of production, row by row, and the tests that claim what each says."""

from collections.abc import Mapping

_TAKES_OVER = "hard/test_replicas.py::TestOneLease."
KILLED = f"{_TAKES_OVER}one_that_is_killed_is_succeeded_without_a_step_lost_or_repeated"
CUT_OFF = f"{_TAKES_OVER}one_that_is_cut_off_is_succeeded_and_writes_nothing_when_it_is_back"
_CHART = "delivery/test_chart.py::"
_DOCTOR = "cli/test_doctor.py::"

#: What to have in place: the first cell of each row.
CHECKLIST: Mapping[str, tuple[str, ...]] = {
    "three replicas": (KILLED,),
    "a PodDisruptionBudget, and a spread over nodes and zones": (
        "delivery/test_pods.py::replicas_are_on_nodes_of_their_own_and_a_drain_of_all_nodes_leaves_one",
        "delivery/test_pods.py::two_replicas_are_in_two_zones",
    ),
    "probes": (
        f"{_CHART}probes_and_service_lead_to_the_port_that_is_listened_on",
        "test_serving.py::it_is_ready_when_nothing_is_in_the_way_and_says_what_is",
        (
            "controller/test_cache.py::"
            "TestFaults.a_server_that_is_away_for_a_while_is_asked_ever_less_often"
        ),
    ),
    "requests and limits": (
        f"{_CHART}the_values_for_production_set_what_a_production_cluster_needs",
        "hard/test_crashes.py::killed_once_after_any_one_write_it_comes_to_the_same_end",
    ),
    "a NetworkPolicy": (f"{_CHART}a_network_policy_lets_through_what_the_controller_needs",),
    "a queue of its own in the API server (`flowControl`)": (
        f"{_CHART}the_api_server_takes_requests_of_the_controller_from_a_queue_of_their_own",
    ),
    "Secrets by name": (f"{_CHART}secrets_are_followed_or_read_by_name_or_not_at_all",),
    "rights of people": ("security/test_a_command_is_who_it_says.py::a_command_takes_its_verb",),
    "alerts with runbooks": (
        "testbed/test_alerts.py::an_alert_fires_when_it_should_and_no_longer",
    ),
    "room for more objects": (
        "controller/test_tallies.py::ten_thousand_objects_add_as_many_lines_as_one",
        "testbed/test_alerts.py::an_alert_fires_when_it_should_and_no_longer",
    ),
    "a receiver for releases": ("cli/test_notify.py::an_alert_is_sent_as_the_controller_would",),
    "one controller for each Canary": (f"{_DOCTOR}what_is_wrong_is_named_with_what_to_do",),
    "clocks that agree": (f"{_DOCTOR}a_controllers_clock_is_compared_with_the_api_servers",),
    "the admission webhook judges, and its CA is valid for weeks": (
        "cli/test_doctor_admission.py::the_webhook_is_asked_about_a_bad_canary",
        "cli/test_doctor_admission.py::it_is_said_until_when_the_certificate_is_trusted",
    ),
    "a backup with Canaries, primaries and routes": (
        (
            "controller/test_backup.py::"
            "a_canary_that_was_at_rest_begins_as_at_its_adoption_and_starts_no_run"
        ),
    ),
    "a way to stop everything": (
        (
            "core/test_stop.py::"
            "while_stopped_no_run_starts_gets_more_traffic_or_is_promoted_and_it_says_who_and_why"
        ),
        "cli/test_stopping.py::a_stop_is_one_policy_in_the_controllers_namespace_with_who_and_why",
    ),
}

#: What may fail: the first cell of each row.
FAILURES: Mapping[str, tuple[str, ...]] = {
    "the acting replica, or its node": (KILLED,),
    "the network between the acting replica and the API server": (CUT_OFF,),
    "a node with pods of your app": (
        (
            "stories/test_lost_node.py::"
            "a_node_that_fails_holds_a_run_until_there_is_room_for_its_pods_and_no_request_is_lost"
        ),
    ),
    "the cluster of the routes, where it is another one": (
        (
            "stories/test_two_clusters.py::"
            "releases_of_one_cluster_are_routed_in_another_and_stand_still_while_that_is_away"
        ),
    ),
    "the API server": (
        "hard/test_faults.py::nothing_is_lost_or_doubled_and_it_is_quiet_afterwards",
        "controller/test_outages.py::a_gate_s_clock_stands_still_while_the_api_server_is_away",
    ),
    "the metric store": (
        "core/test_hold_timeout.py::a_run_that_is_held_shows_until_when_and_is_rolled_back_then",
    ),
    "a hook": (
        "core/test_run.py::TestLooking.a_rollout_hook_that_fails_is_a_failed_check_and_no_metric_is_asked",
        "hooks/test_caller.py::TestRepeats.after_the_last_repeat_its_answer_counts",
    ),
    "the pods of one side": (
        "stories/test_readiness.py::traffic_leaves_a_side_that_is_not_ready_and_comes_back",
    ),
    "the chat": (
        "controller/test_outbox.py::what_fails_all_the_time_is_given_up_within_its_time",
        (
            "controller/test_notify.py::"
            "TestAlerts.are_sent_again_until_taken_and_delay_neither_run_nor_events"
        ),
    ),
}

#: What "Upgrade and go back" says.
UPGRADE: tuple[str, ...] = tuple(
    f"controller/test_upgrade.py::{each}"
    for each in (
        "no_run_starts_though_the_target_has_moved_and_the_next_release_runs",
        "a_run_goes_on_where_it_was_and_is_promoted",
        "going_back_to_the_older_release_starts_no_run_either",
    )
)

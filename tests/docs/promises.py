"""What the page of security promises, by the words that each promise begins with, and its tests.

Each has a module in `tests/security/`; what else holds it up stands beside it. Tests are named below
their module without `test_`, and the numbers are those that the modules begin with.
"""

from collections.abc import Mapping

PROMISES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    # S1
    "A Secret is sent only where it says itself": {
        "security/test_secrets_go_where_they_say.py": (
            "a_hook_cannot_carry_off_a_secret_that_does_not_name_it",
            "a_secret_of_another_type_never_leaves",
        ),
    },
    # S15
    "A secret stands nowhere else": {
        "security/test_no_secret_anywhere.py": (
            "what_third_parties_say_of_secrets_is_in_no_object_log_metric_record_or_command",
        ),
    },
    # S13
    "Credentials run nothing": {
        "security/test_credentials_run_nothing.py": (
            "no_secret_that_a_canary_names_is_run",
            "no_field_of_a_resource_says_how_a_cluster_is_reached",
        ),
    },
    "A chat token goes to Slack, or where its Secret says": {
        "security/test_secrets_go_where_they_say.py": (
            "a_chat_s_token_is_not_sent_to_an_address_that_its_secret_does_not_name",
        ),
    },
    # S2
    "Addresses lead only where policy allows": {
        "security/test_addresses_lead_where_policy_allows.py": (
            "nobody_who_asks_reaches_what_is_closed",
            "a_name_that_leads_elsewhere_a_moment_later_gains_nothing",
        ),
    },
    "Redirects are not followed": {
        "security/test_addresses_lead_where_policy_allows.py": (
            "where_a_redirect_leads_to_nobody_is_asked",
        ),
        "notifiers/test_compliance.py": ("a_redirect_is_not_followed_and_says_where_to",),
        "analysis/providers/test_compliance.py": (
            "a_redirect_is_not_followed_and_takes_no_credentials_along",
        ),
    },
    # S4
    "Foreign answers stay where they are": {
        "security/test_answers_stay_where_they_are.py": (
            "among_tenants_a_hook_s_answer_is_in_no_status_event_or_log",
            "a_page_that_is_no_answer_of_prometheus_is_not_shown",
        ),
    },
    # S5
    "A template variable stays a value": {
        "security/test_a_variable_stays_a_value.py": (
            "a_query_with_any_value_has_the_shape_of_one_with_a_plain_word",
        ),
    },
    # S3
    "No object of another owner is taken": {
        "security/test_no_object_of_another_owner_is_taken.py": (
            "what_somebody_else_has_holds_the_initialisation_and_stays_as_it_is",
        ),
        "controller/test_copies.py": (
            "a_config_of_somebody_else_with_the_name_of_a_copy_is_named",
        ),
        "controller/test_budgets.py": (
            "one_of_another_team_with_its_name_is_reported_and_never_touched",
        ),
        "controller/test_kept.py": ("a_name_that_another_has_is_not_taken_for_its_canary",),
        "controller/test_baselines.py": ("what_is_anothers_is_left_alone_and_named",),
    },
    # S7
    "Who writes a Canary may do what it will do": {
        "security/test_who_writes_a_canary_may_do_what_it_does.py": (
            "who_lacks_one_of_its_rights_is_refused_and_told_which",
        ),
    },
    # S8
    "A command is who it says": {
        "security/test_a_command_is_who_it_says.py": (
            "a_command_takes_its_verb",
            "TestSigning.nobody_signs_for_another",
        ),
        "security/test_approvals_count_people.py": (
            "names_count_only_where_the_api_server_checks_them",
        ),
    },
    # S6
    "References stay in their namespace": {
        "security/test_references_stay_in_their_namespace.py": (
            "what_names_another_namespace_is_refused_and_its_own_is_taken",
        ),
    },
    "The dashboard has no rights to lend": {
        "security/test_a_command_is_who_it_says.py": (
            "the_dashboards_account_may_act_for_whom_it_may_and_do_what_it_must_alone",
        ),
        "security/test_presses_prove_themselves.py": (
            "a_press_that_does_not_count_gets_a_word_and_gives_no_command",
        ),
        "security/test_links_prove_themselves.py": (
            "what_the_mapped_user_may_not_do_no_link_does",
        ),
    },
    # S11
    "No right leads to more rights": {
        "security/test_no_right_escalates.py": (
            "no_rule_makes_more_of_a_right_or_opens_what_is_closed",
            "who_may_be_impersonated_is_listed_and_by_the_dashboard_alone",
        ),
        "stories/test_thereafter.py": ("no_request_was_refused_and_no_right_was_left_unused",),
        "delivery/test_install.py": ("an_account_is_granted_what_the_rules_say_and_nothing_else",),
    },
    # S12
    "What is shipped is what was built": {
        "security/test_what_is_shipped_is_what_was_built.py": (
            "a_build_has_the_same_bytes_in_every_folder_on_every_day_and_for_every_user",
            "the_list_of_a_release_has_each_package_of_the_image_with_its_hashes",
        ),
        "delivery/test_image.py": (
            "every_package_of_the_image_is_locked_and_so_in_the_list_of_a_release",
        ),
        "proofs/test_signing.py": ("a_release_is_signed_with_a_key_and_verified_as_the_page_says",),
        "analysis/test_plugins.py": (
            "a_plugin_that_is_installed_and_not_named_is_an_error_that_says_how_to_enable_it",
        ),
    },
    # S14
    "Admission is a convenience": {
        "security/test_admission_is_a_convenience.py": (
            "what_is_refused_without_a_webhook_is_refused_with_one_and_nothing_else",
            "what_is_no_review_is_told_so_and_ends_nothing",
            "a_renewed_certificate_is_served_and_every_review_is_answered",
        ),
        "delivery/test_admission.py": (
            "what_was_taken_unjudged_is_told_in_its_status_and_can_be_annotated_and_deleted",
        ),
    },
    # S9
    "One tenant starves no other": {
        "security/test_one_tenant_starves_nobody.py": (
            "others_are_judged_and_promoted_while_all_that_a_hostile_tenant_asks_hangs",
        ),
    },
    # S16
    "A bad object stops only itself": {
        "security/test_a_bad_object_stops_only_itself.py": (
            "a_canary_is_acted_on_or_shown_as_invalid",
        ),
        "security/test_a_bad_answer_stops_only_its_question.py": (
            "a_store_s_answer_is_an_outcome_or_an_error_of_its_own",
        ),
        "security/test_a_bad_object_beside_a_sound_one.py": (
            "a_sound_canary_is_released_and_every_other_has_a_status",
        ),
    },
    # S10
    "No text becomes syntax": {
        "security/test_no_text_becomes_syntax.py": (
            "a_terminal_shows_it_as_words",
            "a_notifier_sends_one_sound_message_that_mentions_nobody",
            "a_condition_stays_one_in_the_language_of_a_proxy_or_is_refused",
        ),
        "security/test_commands_show_words.py": ("a_command_shows_what_a_cluster_holds_as_words",),
    },
}

"""Settings: one table, three sources, every problem at once, and no secret shown."""

from datetime import timedelta

import click
import pytest
from click.testing import CliRunner

from canary.settings import InvalidSettings, Settings
from canary.settings.options import OptionType

SECRETS = {
    "TIDEGATE_SLACK_URL": "https://hooks.test/s3cr3t",
    "TIDEGATE_SLACK_TOKEN": "xoxb-s3cr3t",
    "TIDEGATE_SLACK_CHANNEL": "releases",
    "TIDEGATE_SLACK_PROXY": "http://me:s3cr3t@proxy.test",
    "TIDEGATE_EVENT_WEBHOOK": "http://me:s3cr3t@events.test",
    "TIDEGATE_METRICS_SERVER": "http://me:s3cr3t@prometheus.test",
}


def problems_of(environ: dict[str, str], **flags: object) -> dict[str, str]:
    with pytest.raises(InvalidSettings) as caught:
        Settings.read(environ, flags)
    return {problem.field: str(problem) for problem in caught.value.problems}


class TestTheTable:
    def test_without_anything_given_every_default_holds(self) -> None:
        assert Settings.read({}, {}) == Settings()

    def test_the_defaults_are_the_peers_where_it_has_them(self) -> None:
        settings = Settings()
        assert settings.router == "istio"
        assert settings.metrics_server == "http://prometheus:9090"
        assert settings.selector_labels == ("app", "name", "app.kubernetes.io/name")
        assert settings.namespaces == ()
        assert settings.api_groups == ("tidegate.dev",)
        assert settings.config_tracking
        assert settings.drain == timedelta(seconds=10)

    @pytest.mark.parametrize("option", Settings.options(), ids=lambda option: option.name)
    def test_every_option_has_a_flag_a_variable_and_a_sentence_of_help(self, option) -> None:
        assert option.flag == f"--{option.name.replace('_', '-')}"
        assert option.environment == f"TIDEGATE_{option.name.upper()}"
        assert option.help.endswith(".")
        assert option.default == getattr(Settings(), option.name)

    @pytest.mark.parametrize(
        "option",
        [each for each in Settings.options() if each.shown_default],
        ids=lambda option: option.name,
    )
    def test_a_default_that_is_written_reads_as_itself(self, option) -> None:
        assert Settings.read({option.environment: option.shown_default}, {}) == Settings()

    def test_a_command_can_be_made_of_it(self) -> None:
        @click.command
        def run(**flags: object) -> None:
            settings = Settings.read({"TIDEGATE_ROUTER": "smi"}, flags)
            click.echo(f"{settings.router} {settings.namespaces} {settings.leader_election}")

        for option in Settings.options():
            if option.secret:
                continue
            name = (
                f"{option.flag}/--no-{option.flag[2:]}"
                if option.form is OptionType.FLAG
                else option.flag
            )
            several = option.form is OptionType.LIST
            run = click.option(name, option.name, default=None, multiple=several)(run)
        arguments = ["--namespaces", "a,b", "--namespaces", "c", "--no-leader-election"]
        result = CliRunner().invoke(run, arguments, catch_exceptions=False)
        assert result.output == "smi ('a', 'b', 'c') False\n"


class TestSources:
    def test_a_variable_wins_over_the_default_and_a_flag_over_both(self) -> None:
        environ = {"TIDEGATE_WORKERS": "4", "TIDEGATE_ROUTER": "smi"}
        settings = Settings.read(environ, {"workers": 8, "router": None})
        assert (settings.workers, settings.router) == (8, "smi")

    def test_an_empty_variable_is_not_set(self) -> None:
        assert Settings.read({"TIDEGATE_ROUTER": "", "TIDEGATE_WORKERS": " "}, {}) == Settings()

    def test_a_list_that_the_command_line_does_not_name_comes_from_the_environment(self) -> None:
        settings = Settings.read({"TIDEGATE_NAMESPACES": "a, b,a"}, {"namespaces": ()})
        assert settings.namespaces == ("a", "b")

    def test_what_kubernetes_sets_for_a_service_of_our_name_is_left_alone(self) -> None:
        environ = {"TIDEGATE_PORT": "tcp://10.0.0.1:80", "TIDEGATE_SERVICE_HOST": "10.0.0.1"}
        assert Settings.read(environ, {}) == Settings()

    @pytest.mark.parametrize(
        ("text", "duration"),
        [
            ("0s", timedelta(0)),
            ("500ms", timedelta(milliseconds=500)),
            ("1m30s", timedelta(seconds=90)),
            ("0.5h", timedelta(minutes=30)),
        ],
    )
    def test_durations_are_written_as_in_kubernetes(self, text: str, duration: timedelta) -> None:
        assert Settings.read({"TIDEGATE_DRAIN": text}, {}).drain == duration

    def test_values_that_are_read_already_are_taken_as_they_are(self) -> None:
        flags = {"drain": timedelta(seconds=3), "leader_election": False, "qps": 20, "workers": 2}
        settings = Settings.read({}, flags)
        assert (settings.drain, settings.leader_election) == (timedelta(seconds=3), False)
        assert (settings.qps, settings.workers) == (20.0, 2)

    @pytest.mark.parametrize(
        "where",
        ["log", "file:///var/lib/tidegate", "s3://runs/prod", "memory://runs", "abfs://a/b"],
    )
    def test_runs_are_recorded_in_the_log_in_files_or_in_object_stores(self, where: str) -> None:
        assert Settings.read({}, {"records": where}).records == where

    @pytest.mark.parametrize(
        ("where", "remedy"),
        [
            ("stdout", "write log, file:///PATH, or the address of an object store"),
            ("/var/lib/tidegate", "write log, file:///PATH"),
            ("file://var/lib", "write log, file:///PATH"),
            ("https://example.com/runs", "write log, file:///PATH"),
            ("s3://me:s3cr3t@runs", "neither user, password nor parameters"),
            ("s3://runs?key=s3cr3t", "neither user, password nor parameters"),
            ("cached::s3://runs", "neither user, password nor parameters"),
            (f"s3://{'r' * 300}", "in 300 characters"),
        ],
    )
    def test_where_no_record_can_be_written_the_setting_is_refused(
        self, where: str, remedy: str
    ) -> None:
        problem = problems_of({}, records=where)["--records"]
        assert remedy in problem
        assert "s3cr3t" not in problem

    @pytest.mark.parametrize(
        ("text", "value"),
        [("true", True), ("1", True), ("Yes", True), ("off", False), ("0", False)],
    )
    def test_flags_are_written_in_many_ways(self, text: str, *, value: bool) -> None:
        settings = Settings.read({"TIDEGATE_NO_CROSS_NAMESPACE_REFS": text}, {})
        assert settings.no_cross_namespace_refs is value

    @pytest.mark.parametrize(
        ("text", "address"),
        [
            (":8080", (None, 8080)),
            ("127.0.0.1:0", ("127.0.0.1", 0)),
            ("[::1]:90", ("::1", 90)),
            ("host:90", ("host", 90)),
        ],
    )
    def test_the_address_to_listen_on(self, text: str, address: tuple[str | None, int]) -> None:
        assert Settings.read({}, {"listen": text}).address == address


class TestProblems:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("api_groups", "apps"),
            ("api_groups", ","),
            ("namespaces", "Test"),
            ("metrics_server", "prometheus:9090"),
            ("metrics_server", "http://[::1"),
            ("metrics_matchers", "eu-1"),
            ("scrape_targets", "pod:80/metrics"),
            ("selector_labels", "a b"),
            ("config_tracking", "maybe"),
            ("log_level", "loud"),
            ("log_format", "xml"),
            ("listen", "8080"),
            ("listen", ":99999"),
            ("listen", "::1:80"),
            ("workers", "0"),
            ("workers", "4.5"),
            ("workers", "many"),
            ("qps", "nan"),
            ("qps", "fast"),
            ("burst", "1e3"),
            ("drain", "10"),
            ("drain", "-1s"),
            ("drain", "2h"),
            ("drain", "99999999999999999999h"),
            ("history", "-1"),
            ("lease_name", "Not_A_Name"),
            ("shards", "3"),
            ("alert_severity", "loud"),
            ("event_webhook", "nowhere"),
            ("slack_proxy", "socks5://x"),
        ],
    )
    def test_a_bad_value_is_named_with_its_flag_and_the_remedy(self, name: str, value: str) -> None:
        flag = f"--{name.replace('_', '-')}"
        found = problems_of({}, **{name: value})
        assert found[flag].startswith(f"{flag}: {value!r}: ")
        by_variable = problems_of({f"TIDEGATE_{name.upper()}": value})
        assert by_variable[flag] == found[flag]

    def test_all_problems_are_told_at_once(self) -> None:
        found = problems_of(
            {"TIDEGATE_QPS": "fast", "TIDEGATE_SLACK_URL": "x"},
            workers=0,
            wrong=1,
            log_level="loud",
        )
        assert set(found) == {
            "--qps",
            "TIDEGATE_SLACK_URL",
            "--workers",
            "--wrong",
            "--log-level",
        }

    def test_a_bad_value_is_not_told_a_second_time_as_a_contradiction(self) -> None:
        found = problems_of({}, metrics_provider="scrape", scrape_targets="nowhere")
        assert set(found) == {"--scrape-targets"}

    @pytest.mark.parametrize(
        ("values", "flag"),
        [
            ({"metrics_provider": "scrape"}, "--scrape-targets"),
            ({"scrape_targets": "http://pod:80/metrics"}, "--metrics-provider"),
            ({"metrics_matchers": 'a="b"', "metrics_provider": "datadog"}, "--metrics-matchers"),
            ({"routes_context": "mesh"}, "--routes-context"),
            ({"routes_kubeconfig": "/f"}, "--cluster-name"),
            ({"routes_kubeconfig": "/f", "cluster_name": "eu/1"}, "--cluster-name"),
            (
                {"routes_kubeconfig": "/f", "cluster_name": "eu-1", "api_groups": "flagger.app"},
                "--api-groups",
            ),
            ({"fleet_context": "hub"}, "--fleet-context"),
            ({"fleet_namespace": "eu-1"}, "--fleet-namespace"),
            ({"fleet_kubeconfig": "/f"}, "--fleet-namespace"),
            ({"fleet_kubeconfig": "/f", "cluster_name": "eu.1"}, "--fleet-namespace"),
            ({"lease_duration": "5s"}, "--lease-renew-deadline"),
            ({"lease_retry_period": "10s"}, "--lease-renew-deadline"),
            ({"shards": "auto", "lease_retry_period": "4s"}, "--lease-renew-deadline"),
            ({"shards": "auto", "leader_election": "false"}, "--shards"),
            ({"qps": "300"}, "--burst"),
            ({"shared_namespaces": "istio-system"}, "--shared-namespaces"),
            ({"slack_token": "xoxb-s3cr3t"}, "--slack-channel"),
            (
                {"slack_url": "http://s/s3cr3t", "alert_webhook": "http://s/s3cr3t"},
                "TIDEGATE_ALERT_WEBHOOK",
            ),
            ({"alert_webhook_token": "s3cr3t"}, "TIDEGATE_ALERT_WEBHOOK_TOKEN"),
        ],
        ids=lambda value: value if isinstance(value, str) else "-".join(value),
    )
    def test_settings_that_contradict_each_other_are_named(
        self, values: dict[str, str], flag: str
    ) -> None:
        found = problems_of({f"TIDEGATE_{name.upper()}": text for name, text in values.items()})
        assert set(found) == {flag}
        assert "s3cr3t" not in str(found)


class TestSecrets:
    def test_they_are_in_no_repr(self) -> None:
        settings = Settings.read(SECRETS, {})
        assert settings.slack_token == "xoxb-s3cr3t"
        assert "s3cr3t" not in f"{settings!r} {settings}"
        assert "releases" in repr(settings)

    @pytest.mark.parametrize(
        "name", ["slack_url", "slack_token", "alert_webhook", "alert_webhook_token"]
    )
    def test_they_are_no_flags_and_the_refusal_says_what_to_do(self, name: str) -> None:
        found = problems_of({}, **{name: "http://s3cr3t"})
        variable = f"TIDEGATE_{name.upper()}"
        assert f"set {variable}, or name a file with {variable}_FILE" in found[variable]
        assert "s3cr3t" not in found[variable]

    def test_a_problem_with_one_does_not_show_it(self) -> None:
        found = problems_of(
            {
                "TIDEGATE_SLACK_URL": "s3cr3t",
                "TIDEGATE_EVENT_WEBHOOK": "ftp://me:s3cr3t@x",
                "TIDEGATE_METRICS_SERVER": "ftp://me:s3cr3t@x",
            }
        )
        assert len(found) == 3
        assert "s3cr3t" not in str(found)

    def test_the_files_that_hold_them_are_named(self) -> None:
        environ = {"TIDEGATE_SLACK_TOKEN_FILE": "/var/run/token", "TIDEGATE_ROUTER_FILE": "/x"}
        assert Settings.files(environ) == {"TIDEGATE_SLACK_TOKEN": "/var/run/token"}

    @pytest.mark.parametrize(
        ("environ", "receiver"),
        [
            ({}, ""),
            ({"TIDEGATE_SLACK_URL": "http://s"}, "slack"),
            ({"TIDEGATE_SLACK_TOKEN": "x", "TIDEGATE_SLACK_CHANNEL": "c"}, "slack"),
            ({"TIDEGATE_ALERT_WEBHOOK": "http://s"}, "webhook"),
        ],
    )
    def test_what_is_set_tells_the_default_receiver(
        self, environ: dict[str, str], receiver: str
    ) -> None:
        assert Settings.read(environ, {}).receiver == receiver

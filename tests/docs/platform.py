"""What tidegate does with what else there is in a cluster, row by row, and the test that claims it."""

from typing import NamedTuple


class Row(NamedTuple):
    """Something that a platform has, what tidegate does with it, and where more is said."""

    what: str
    does: str
    more: str
    """A page below docs/, with its place; empty where there is no more to say."""
    test: str
    """`path::name` below `tests/`, where a name is that of a function or `Class.function`."""

    @property
    def link(self) -> str:
        """Name the page by its title or place."""
        page, _, place = self.more.partition("#")
        return f"[{place.replace('-', ' ') or page.removesuffix('.md')}]({self.more})"


ROUTES = (
    Row(
        "Gateways, certificates and hosts of a mesh or an ingress controller",
        "names the Gateways that a Canary names, and never writes one; certificates are the Gateway's",
        "routers.md",
        "stories/test_stories.py::a_good_release_is_promoted_at_the_weights_asked_for",
    ),
    Row(
        "subsets of one Service",
        "`provider: istio:subsets` splits between two subsets of the apex Service",
        "routers.md#istio-subsets-of-one-service",
        "stories/test_strategies.py::"
        "over_subsets_of_its_one_service_an_app_is_released_and_no_request_is_lost",
    ),
    Row(
        "conditions on headers beside weights, A/B testing, mirroring, blue/green, clients that stay",
        "each is a strategy, as far as the router can express it; otherwise the Canary is refused",
        "strategies.md",
        "stories/test_strategies.py::"
        "steps_give_a_version_to_insiders_until_a_person_approves_and_then_to_everyone",
    ),
    Row(
        "fault injection, retries and timeouts in your own VirtualService or HTTPRoute",
        "managed routes keep all that a rule says, and change its weights",
        "routers.md#rules-of-your-own-routes",
        "stories/test_managed_routes.py::"
        "a_rule_that_the_user_keeps_is_split_and_given_back_without_a_lost_request",
    ),
    Row(
        "a DestinationRule for the apex host",
        "takes its `trafficPolicy` over to both sides where the Canary has none",
        "operations.md#policies-that-select-pods",
        "controller/test_surroundings.py::a_traffic_policy_for_the_apex_moves_to_both_sides",
    ),
    Row(
        "another VirtualService or HTTPRoute for the same requests",
        "holds a new Canary, because weights would count by chance, and names the route",
        "operations.md#policies-that-select-pods",
        "controller/test_surroundings.py::"
        "another_route_for_the_same_requests_holds_a_new_canary_until_it_is_managed",
    ),
    Row(
        "a route that the gateway rejects",
        "holds the weight, with the gateway's own words",
        "troubleshooting.md",
        "stories/test_refused_route.py::no_weight_is_moved_on_a_route_that_the_gateway_refuses",
    ),
    Row(
        "a Linkerd ServiceProfile for the apex",
        "holds a new Canary, because Linkerd would ignore the weights",
        "operations.md#policies-that-select-pods",
        "resources/test_preflight.py::a_service_profile_of_the_apex_overrides_weights",
    ),
    Row(
        "Consul's splitters and resolvers",
        "splits by them; intentions, upstreams and ACLs stay as they are",
        "routers.md#consul",
        "routers/test_consul.py::what_else_a_resolver_of_the_user_says_stays",
    ),
    Row(
        "implementations of the Gateway API, such as GKE's, Contour or Kong",
        "refuses what an implementation does not list, and warns of ornaments",
        "gateway-api.md",
        "routers/test_gateway_features.py::"
        "what_decides_who_reaches_the_canary_is_refused_without_its_feature",
    ),
    Row(
        "ingress controllers: NGINX, HAProxy, Traefik, Contour, Emissary, Kong, APISIX, AWS",
        "splits by the objects and annotations of each",
        "routers.md#what-each-is-tried-with",
        "stories/test_nginx.py::"
        "behind_an_ingress_releases_are_promoted_rolled_back_and_given_up_without_a_lost_request",
    ),
    Row(
        "Linkerd's TrafficSplits and HTTPRoutes",
        "splits by them, in the version that the cluster serves",
        "routers.md",
        "routers/test_smi.py::weights_are_written_as_the_served_version_takes_them",
    ),
    Row(
        "authentication, rate limits, rewrites and websockets in annotations of your Ingress",
        "never writes them: it makes a second Ingress, or writes the annotations of its router alone",
        "routers.md#aws-load-balancer-controller",
        "routers/test_alb.py::nothing_but_the_action_changes_and_it_is_given_back",
    ),
)
WORKLOADS = (
    Row(
        "AuthorizationPolicy, PeerAuthentication, RequestAuthentication, NetworkPolicy, "
        "CiliumNetworkPolicy",
        "never writes them; one that would not select the primary's pods holds a new Canary and is named",
        "operations.md#policies-that-select-pods",
        "controller/test_surroundings.py::"
        "TestAPolicyThatThePrimaryWouldLose.holds_a_new_canary_until_it_is_accepted",
    ),
    Row(
        "rules by service account, and injection of proxies",
        "the primary's pods have the account, labels and annotations of the target's, so they join the "
        "mesh as these do",
        "operations.md#whose-objects",
        "resources/test_primary.py::what_a_mesh_and_its_policies_read_of_pods_is_the_targets",
    ),
    Row(
        "a mesh in which Prometheus, hooks or stores take calls of the mesh only",
        "the controller's own pods can join it",
        "beside.md#in-the-mesh-itself",
        "delivery/test_chart.py::"
        "the_pods_join_a_mesh_where_they_are_to_and_the_webhook_stays_outside",
    ),
    Row(
        "PodDisruptionBudgets",
        "makes a twin for the primary",
        "operations.md#disruption-budgets-and-spreading",
        "controller/test_budgets.py::the_primarys_follows_the_targets_and_goes_with_it",
    ),
    Row(
        "HorizontalPodAutoscalers, ScaledObjects",
        "makes a copy for the primary",
        "operations.md#autoscalers",
        "stories/test_surroundings.py::"
        "the_primary_of_an_app_that_scales_itself_does_so_too_and_no_run_makes_it_small",
    ),
    Row(
        "types and node ports of a Service that was there before",
        "keeps them",
        "operations.md#whose-objects",
        "resources/test_services.py::node_ports_are_kept_by_number_or_by_name",
    ),
    Row(
        "services outside of the cluster, and those of legacy systems",
        "takes a Service as the target",
        "operations.md#services-as-targets",
        "stories/test_service_target.py::"
        "where_a_service_leads_is_released_and_rolled_back_and_its_pods_are_left_alone",
    ),
    Row(
        "a node that fails with pods of your app",
        "holds the run while pods are missing, and goes on when they are made up for",
        "operations.md#when-a-side-cannot-serve",
        "stories/test_lost_node.py::"
        "a_node_that_fails_holds_a_run_until_there_is_room_for_its_pods_and_no_request_is_lost",
    ),
)
SIGNALS = (
    Row(
        "Prometheus and Grafana",
        "has metrics of its own, alerts with runbooks, and dashboards",
        "monitoring.md",
        "testbed/test_alerts.py::an_alert_fires_when_it_should_and_no_longer",
    ),
    Row(
        "Jaeger, and others that take OTLP",
        "sends each run as one trace, and names it to hooks",
        "monitoring.md#traces",
        "proofs/test_jaeger.py::a_run_over_two_controllers_is_one_trace_that_jaeger_finds",
    ),
    Row(
        "Kiali",
        "`service.canonicalName` names both sides as one service",
        "monitoring.md#kiali",
        "resources/test_primary.py::target_and_primary_may_be_one_application",
    ),
    Row(
        "people who are called at night",
        "has a row for every reason to wait, with what to look at and what to do",
        "troubleshooting.md",
        "docs/test_troubleshooting.py::every_reason_has_a_row",
    ),
    Row(
        "metric stores other than Prometheus",
        "asks them by MetricTemplates",
        "metrics.md#stores",
        "proofs/test_stores.py::a_value_is_that_of_the_moment",
    ),
)
DELIVERY = (
    Row(
        "Argo CD",
        "one rule keeps the two apart; health and actions are shipped",
        "gitops.md#argo-cd",
        "proofs/test_argocd.py::an_adopted_service_is_in_sync_by_the_one_rule",
    ),
    Row(
        "Flux",
        "marks what it has taken over, so that Flux leaves it alone",
        "gitops.md#flux",
        "proofs/test_flux.py::an_adopted_service_is_left_alone_until_it_is_given_back",
    ),
    Row(
        "a pipeline that waits for a release",
        "`tidegate wait` ends with the result as its exit code",
        "ci.md",
        "cli/test_wait.py::a_release_is_waited_for_from_its_first_moment_on",
    ),
    Row(
        "a start with one namespace",
        "has roles in the namespaces that it is given, and changes nothing that no Canary names",
        "chart.md#rights",
        "delivery/test_scope.py::"
        "it_works_where_it_is_told_to_with_the_rights_of_its_roles_and_uses_each_of_them",
    ),
    Row(
        "least rights",
        "holds the rights that it uses, and none that lead to more",
        "rights.md",
        "stories/test_thereafter.py::no_request_was_refused_and_no_right_was_left_unused",
    ),
    Row(
        "scanners, and signatures of what is shipped",
        "lists what is in a release, which has the same bytes each time and can be signed",
        "verify.md",
        "proofs/test_signing.py::a_release_is_signed_with_a_key_and_verified_as_the_page_says",
    ),
)
CONTROLLER = (
    Row(
        "several replicas, on nodes and in zones of their own",
        "one acts, or all share the Canaries; a drain leaves one",
        "production.md",
        "delivery/test_pods.py::replicas_are_on_nodes_of_their_own_and_a_drain_of_all_nodes_leaves_one",
    ),
    Row(
        "a replica that dies",
        "another goes on, without a step lost or repeated",
        "operations.md#replicas",
        "hard/test_replicas.py::"
        "TestOneLease.one_that_is_killed_is_succeeded_without_a_step_lost_or_repeated",
    ),
    Row(
        "a replica that can no longer reach the API server",
        "another goes on; the first one writes nothing when it is back",
        "operations.md#replicas",
        "hard/test_replicas.py::"
        "TestOneLease.one_that_is_cut_off_is_succeeded_and_writes_nothing_when_it_is_back",
    ),
    Row(
        "a new release of the controller",
        "takes a few Canaries first, beside the old one, by a label",
        "side-by-side.md",
        "stories/test_side_by_side.py::"
        "a_run_is_moved_to_another_controller_by_a_label_and_no_request_is_lost",
    ),
    Row(
        "backups",
        "begins a restored Canary as at its adoption, and starts no run",
        "operations.md#backup-and-restore",
        "controller/test_backup.py::"
        "a_canary_that_was_at_rest_begins_as_at_its_adoption_and_starts_no_run",
    ),
    Row(
        "several clusters whose mesh reads the routes of one of them",
        "writes the routes there, and everything else here",
        "several-clusters.md#routes-in-another-cluster",
        "stories/test_two_clusters.py::"
        "releases_of_one_cluster_are_routed_in_another_and_stand_still_while_that_is_away",
    ),
)

ROWS = (*ROUTES, *WORKLOADS, *SIGNALS, *DELIVERY, *CONTROLLER)

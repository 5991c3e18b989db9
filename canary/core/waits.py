"""What a Canary can wait for: a reason for machines, what it means for people, and its stage."""

from collections.abc import Mapping
from types import MappingProxyType

from canary.api.status import Phase, Stage

TARGET_MISSING = "TargetMissing"
REVISION_UNKNOWN = "RevisionUnknown"
PRIMARY_MISSING = "PrimaryMissing"
PRIMARY_NOT_READY = "PrimaryNotReady"
PRIMARY_UPDATING = "PrimaryUpdating"
PRIMARY_SHORT = "PrimaryShort"
CANARY_NOT_READY = "CanaryNotReady"
BASELINE_NOT_READY = "BaselineNotReady"
TARGET_NOT_READY = "TargetNotReady"
TERMINATION_BLOCKED = "TerminationBlocked"
ANALYSIS_DUE = "AnalysisDue"
CHECKS_FAILING = "ChecksFailing"
ANALYSIS_INCONCLUSIVE = "AnalysisInconclusive"
TRAFFIC_UNVERIFIED = "TrafficUnverified"
ROLLOUT_GATE = "RolloutGate"
TRAFFIC_GATE = "TrafficGate"
PROMOTION_GATE = "PromotionGate"
PAUSED = "Paused"
SUSPENDED = "Suspended"
STOPPED = "Stopped"
POLICY_UNREADABLE = "PolicyUnreadable"
FROZEN = "Frozen"
DEPENDENCY = "Dependency"
BUDGET_SPENT = "BudgetSpent"
FLEET_WAVE = "FleetWave"
QUEUED = "Queued"
GROUP = "Group"
DRAINING = "Draining"
PROPAGATING = "Propagating"
ROUTING = "Routing"
ROUTING_BLOCKED = "RoutingBlocked"
ROUTE_REFUSED = "RouteRefused"
SPEC_INVALID = "SpecInvalid"
TRAFFIC_RETURNING = "TrafficReturning"
RESTORING = "Restoring"
RESTORING_BLOCKED = "RestoringBlocked"
RELEASING = "Releasing"
OBSTACLE = "Obstacle"
NAME_TAKEN = "NameTaken"
LABEL_MISSING = "LabelMissing"
RIVAL_LEAVING = "RivalLeaving"
SELECTORS_LOST = "SelectorsLost"
WEIGHTS_IGNORED = "WeightsIgnored"
AUTOSCALER_MISSING = "AutoscalerMissing"
FORMER_ROUTE_UNREADABLE = "FormerRouteUnreadable"
REFERENCE_BROKEN = "ReferenceBroken"
PRIMARY_CHANGED = "PrimaryChanged"
CONTESTED = "Contested"
ROUTE_CONTESTED = "RouteContested"

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        TARGET_MISSING: "The workload that `spec.targetRef` names does not exist.",
        REVISION_UNKNOWN: "A ConfigMap or Secret that the target needs cannot be read.",
        PRIMARY_MISSING: "The primary was deleted, and the target is no longer at the revision "
        "to recreate it from.",
        PRIMARY_NOT_READY: "Not all of the primary's pods are ready. While none is, the canary "
        "serves all traffic.",
        PRIMARY_UPDATING: "The primary is being updated, and its pods are starting.",
        PRIMARY_SHORT: "The primary has too few ready pods for its share of the traffic; the canary "
        "keeps the rest until more are ready, or until the deadline.",
        CANARY_NOT_READY: "Not all of the canary's pods are ready. While none is, the primary "
        "serves all traffic; at the deadline the run is rolled back.",
        BASELINE_NOT_READY: "Not all pods are ready of the baseline that the canary is compared with. "
        "The canary is judged meanwhile, but only to fail; at the deadline the run is rolled back.",
        TARGET_NOT_READY: "The Canary is being deleted, and the target is not ready to serve.",
        TERMINATION_BLOCKED: "The deletion has waited too long; someone needs to look.",
        ANALYSIS_DUE: "The next analysis comes at the end of the interval.",
        CHECKS_FAILING: "The last analysis has failed; the next one may roll back.",
        ANALYSIS_INCONCLUSIVE: "The metrics give no verdict; the weight is held until they do, or "
        "until `holdLimit` or `holdTimeout`.",
        TRAFFIC_UNVERIFIED: "The canary's share of the requests is not the one that is asked, or too "
        "few requests tell; the weight is held until it is, or until `holdTimeout`.",
        ROLLOUT_GATE: "A `confirm-rollout` gate is shut: the run does not start.",
        TRAFFIC_GATE: "A `confirm-traffic-increase` gate is shut: the weight stays.",
        PROMOTION_GATE: "A `confirm-promotion` gate is shut: the analysis goes on.",
        STOPPED: "A person has stopped deliveries with a DeliveryPolicy: no run starts, gets more "
        "traffic or is promoted; the analysis goes on.",
        POLICY_UNREADABLE: "A DeliveryPolicy may bind this Canary and cannot be read: no run starts, "
        "gets more traffic or is promoted until it can.",
        FROZEN: "A window of a DeliveryPolicy is closed, or not long enough for the run: the run does "
        "not start, or the weight stays, until it opens.",
        DEPENDENCY: "A Canary in `spec.dependsOn` has not promoted its new revision: the run does "
        "not start.",
        BUDGET_SPENT: "The error budget that a DeliveryPolicy asks for is spent, or cannot be told: the "
        "run does not start; the budget is asked again every minute.",
        FLEET_WAVE: "The FleetPlan in `spec.fleet` has not granted this run to this cluster: the run does "
        "not start.",
        QUEUED: "A DeliveryPolicy limits how many runs are under way at once: the run starts when it has "
        "a place, by `spec.priority` and then by age.",
        GROUP: "Another Canary of the group has not passed this step yet: the weight stays.",
        PAUSED: "A person has paused the run; pods that fail still roll it back.",
        SELECTORS_LOST: "A policy selects the target's pods but would not select the primary's; a "
        "new Canary is not initialised until that is settled or accepted.",
        WEIGHTS_IGNORED: "Something in the cluster overrides the route's weights; a new Canary is "
        "not initialised until that is settled or accepted.",
        SUSPENDED: "`spec.suspend` is true: everything stays as it is.",
        DRAINING: "Requests in flight on the side that lost its traffic are given time to finish.",
        PROPAGATING: "Proxies are given time to learn of new services, or of pods that have become "
        "ready, before traffic goes to them.",
        ROUTING: "The route does not split traffic as it should yet.",
        ROUTING_BLOCKED: "The route could not be written in time; someone needs to look.",
        ROUTE_REFUSED: "The route was rejected by the gateway's controller: no weight is moved until "
        "it is accepted, or until `holdTimeout`.",
        SPEC_INVALID: "The spec has become invalid, and the controller was restarted since: the run "
        "is rolled back at `holdTimeout` unless the spec is corrected.",
        TRAFFIC_RETURNING: "Traffic goes back to the promoted primary, step by step.",
        RESTORING: "The routes are being put back as they were found.",
        RESTORING_BLOCKED: "The routes could not be put back in time; someone needs to look.",
        RELEASING: "Everything is given back; the finalizer is being removed.",
        OBSTACLE: "Something cannot be read or written; the message says what.",
        NAME_TAKEN: "A name that tidegate needs is taken by someone else's object, which is left "
        "alone; the message says which and what to do.",
        LABEL_MISSING: "The apex service selects the pods of both sides by a label that pods lack: nothing "
        "is initialised, and no run starts, until they have it.",
        RIVAL_LEAVING: "Another Canary with the same target or service is being deleted; this one "
        "begins once that has given them back.",
        PRIMARY_CHANGED: "Someone changed the primary's pod template; it is put back as promoted.",
        CONTESTED: "Someone keeps changing what tidegate keeps: the primary's pod template, which "
        "is put back every ten minutes, or a route, a Service, the primary's autoscaler or an "
        "owner, which is put back every ten seconds.",
        ROUTE_CONTESTED: "A route carries the mark of a Canary of another cluster, and is left alone; the "
        "message says whose. Nothing moves, and no pod is started or stopped.",
        REFERENCE_BROKEN: "A metric or a hook refers to something that is missing or cannot be used; "
        "no run begins until that is repaired.",
        FORMER_ROUTE_UNREADABLE: "The route under a former name cannot be read; the target keeps its "
        "pods, as requests may still reach them.",
        AUTOSCALER_MISSING: "The autoscaler that `spec.autoscalerRef` names does not exist.",
    }
)

LASTING = frozenset(
    {
        TARGET_MISSING,
        REVISION_UNKNOWN,
        PRIMARY_MISSING,
        PRIMARY_NOT_READY,
        PRIMARY_UPDATING,
        PRIMARY_SHORT,
        CANARY_NOT_READY,
        BASELINE_NOT_READY,
        TARGET_NOT_READY,
        ROUTING,
        RESTORING,
        OBSTACLE,
        FORMER_ROUTE_UNREADABLE,
    }
)
"""Waits that are reported once they have lasted. Of the others, those that matter are reported as they
begin, and those that do not are over soon or last as long as they should."""

WRONG = frozenset(
    {
        SPEC_INVALID,
        POLICY_UNREADABLE,
        TARGET_MISSING,
        REVISION_UNKNOWN,
        PRIMARY_MISSING,
        OBSTACLE,
        NAME_TAKEN,
        LABEL_MISSING,
        SELECTORS_LOST,
        WEIGHTS_IGNORED,
        AUTOSCALER_MISSING,
        FORMER_ROUTE_UNREADABLE,
        REFERENCE_BROKEN,
        PRIMARY_CHANGED,
        CONTESTED,
        ROUTE_CONTESTED,
        ROUTING_BLOCKED,
        ROUTE_REFUSED,
        RESTORING_BLOCKED,
        TERMINATION_BLOCKED,
    }
)
"""Waits that mean that something is wrong, and not only that something takes its time."""

_STAGES: Mapping[str, Stage] = MappingProxyType(
    {
        RIVAL_LEAVING: Stage.HELD,
        LABEL_MISSING: Stage.HELD,
        SELECTORS_LOST: Stage.HELD,
        WEIGHTS_IGNORED: Stage.HELD,
        REFERENCE_BROKEN: Stage.HELD,
        NAME_TAKEN: Stage.BLOCKED,
        TARGET_MISSING: Stage.RESOLVING,
        REVISION_UNKNOWN: Stage.RESOLVING,
        PRIMARY_NOT_READY: Stage.FILLING,
        CANARY_NOT_READY: Stage.FILLING,
        BASELINE_NOT_READY: Stage.FILLING,
        TARGET_NOT_READY: Stage.FILLING,
        TERMINATION_BLOCKED: Stage.FILLING,
        PROPAGATING: Stage.PROPAGATING,
        ROUTING: Stage.ROUTING,
        ROUTING_BLOCKED: Stage.ROUTING,
        DRAINING: Stage.DRAINING,
        PRIMARY_UPDATING: Stage.UPDATING,
        PRIMARY_SHORT: Stage.RETURNING,
        TRAFFIC_RETURNING: Stage.RETURNING,
        ANALYSIS_DUE: Stage.ANALYSING,
        CHECKS_FAILING: Stage.ANALYSING,
        ANALYSIS_INCONCLUSIVE: Stage.ANALYSING,
        TRAFFIC_UNVERIFIED: Stage.ANALYSING,
        ROLLOUT_GATE: Stage.GATED,
        TRAFFIC_GATE: Stage.GATED,
        PROMOTION_GATE: Stage.GATED,
        ROUTE_REFUSED: Stage.REFUSED,
        SPEC_INVALID: Stage.UNGUIDED,
        OBSTACLE: Stage.OBSTRUCTED,
        AUTOSCALER_MISSING: Stage.UNSCALED,
        RESTORING: Stage.RESTORING,
        RESTORING_BLOCKED: Stage.RESTORING,
        RELEASING: Stage.RELEASING,
        PAUSED: Stage.PAUSED,
        ROUTE_CONTESTED: Stage.UNROUTABLE,
        SUSPENDED: Stage.SUSPENDED,
        STOPPED: Stage.WITHHELD,
        POLICY_UNREADABLE: Stage.WITHHELD,
        FROZEN: Stage.WITHHELD,
        DEPENDENCY: Stage.WITHHELD,
        BUDGET_SPENT: Stage.WITHHELD,
        FLEET_WAVE: Stage.WITHHELD,
        QUEUED: Stage.WITHHELD,
        GROUP: Stage.WITHHELD,
    }
)


def stage_of(reason: str, phase: Phase) -> Stage | None:
    """Give the stage at which something is waited for; None where it is one of no stage."""
    if reason == PRIMARY_UPDATING and phase is Phase.INITIALIZING:
        return Stage.CREATING
    if reason == LABEL_MISSING and phase is Phase.WAITING:
        return Stage.WITHHELD
    return _STAGES.get(reason)

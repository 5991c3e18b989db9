"""What a Canary can wait for: a reason for machines, and what it means for people."""

from collections.abc import Mapping
from types import MappingProxyType

TARGET_MISSING = "TargetMissing"
REVISION_UNKNOWN = "RevisionUnknown"
PRIMARY_MISSING = "PrimaryMissing"
PRIMARY_NOT_READY = "PrimaryNotReady"
PRIMARY_UPDATING = "PrimaryUpdating"
PRIMARY_SHORT = "PrimaryShort"
CANARY_NOT_READY = "CanaryNotReady"
TARGET_NOT_READY = "TargetNotReady"
TERMINATION_BLOCKED = "TerminationBlocked"
ANALYSIS_DUE = "AnalysisDue"
CHECKS_FAILING = "ChecksFailing"
ANALYSIS_INCONCLUSIVE = "AnalysisInconclusive"
ROLLOUT_GATE = "RolloutGate"
TRAFFIC_GATE = "TrafficGate"
PROMOTION_GATE = "PromotionGate"
PAUSED = "Paused"
SUSPENDED = "Suspended"
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
RIVAL_LEAVING = "RivalLeaving"
SELECTORS_LOST = "SelectorsLost"
WEIGHTS_IGNORED = "WeightsIgnored"
AUTOSCALER_MISSING = "AutoscalerMissing"
PRIMARY_CHANGED = "PrimaryChanged"
CONTESTED = "Contested"

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        TARGET_MISSING: "The workload that `spec.targetRef` names does not exist.",
        REVISION_UNKNOWN: "A ConfigMap or Secret that the target needs cannot be read.",
        PRIMARY_MISSING: "The primary was deleted, and the target is not at the revision to "
        "make it from.",
        PRIMARY_NOT_READY: "The primary's pods are not all up. Without any that is ready, the "
        "canary serves all traffic.",
        PRIMARY_UPDATING: "The primary is being given its revision, and comes up with it.",
        PRIMARY_SHORT: "The primary has too few ready pods for all traffic; the canary keeps the "
        "rest until more are ready, or until the progress deadline.",
        CANARY_NOT_READY: "The canary's pods are not all up. Without any that is ready, the "
        "primary serves all traffic until the canary is ready again; the run goes back at the "
        "progress deadline.",
        TARGET_NOT_READY: "The Canary is being deleted, and the target is not ready to serve.",
        TERMINATION_BLOCKED: "The deletion has waited too long; somebody must look.",
        ANALYSIS_DUE: "The next analysis comes at the end of the interval.",
        CHECKS_FAILING: "The last analysis has failed; the next one may roll back.",
        ANALYSIS_INCONCLUSIVE: "The metrics give no verdict; the weight is held until they do, or "
        "until the progress deadline.",
        ROLLOUT_GATE: "A `confirm-rollout` gate is shut: nothing is started.",
        TRAFFIC_GATE: "A `confirm-traffic-increase` gate is shut: the weight stays.",
        PROMOTION_GATE: "A `confirm-promotion` gate is shut: the analysis goes on.",
        PAUSED: "A person has paused the run; pods that fail still roll it back.",
        SELECTORS_LOST: "A policy selects the target's pods and would not select the primary's; a "
        "new Canary is not initialised before that is settled or accepted.",
        WEIGHTS_IGNORED: "Something in the cluster overrides the route's weights; a new Canary is "
        "not initialised before that is settled or accepted.",
        SUSPENDED: "`spec.suspend` is true: everything stays as it is.",
        DRAINING: "Requests in flight on the side that lost its traffic are given time to end.",
        PROPAGATING: "Proxies are given time to learn of new services before traffic goes to them.",
        ROUTING: "The route does not split traffic yet as it should.",
        ROUTING_BLOCKED: "The route could not be written in time; somebody must look.",
        ROUTE_REFUSED: "Whoever routes by the route refuses it as it is: no weight is moved until "
        "it is taken, or until the progress deadline.",
        SPEC_INVALID: "The spec has become invalid, and the controller was restarted since: the run "
        "is rolled back at the progress deadline unless the spec is corrected.",
        TRAFFIC_RETURNING: "Traffic goes back to the promoted primary, step by step.",
        RESTORING: "The routes are being put back as they were found.",
        RESTORING_BLOCKED: "The routes could not be put back in time; somebody must look.",
        RELEASING: "Nothing is left to give back; the Canary may go.",
        OBSTACLE: "Something that should be written cannot be; the message says what.",
        NAME_TAKEN: "A name that tidegate needs belongs to an object of somebody else, which is "
        "never written; the message says which and what to do.",
        RIVAL_LEAVING: "Another Canary has the same target or service and is being deleted; this "
        "one begins when that has given them back.",
        PRIMARY_CHANGED: "Somebody has changed the primary's pod template: it is put back as "
        "promoted.",
        CONTESTED: "Somebody changes the primary's pod template again and again; it is put back "
        "every ten minutes.",
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
        TARGET_NOT_READY,
        ROUTING,
        RESTORING,
        OBSTACLE,
    }
)
"""Waits that are told once they have lasted. Of the others, those that matter are told as they
begin, and those that do not are over soon or last as long as they should."""

WRONG = frozenset(
    {
        SPEC_INVALID,
        TARGET_MISSING,
        REVISION_UNKNOWN,
        PRIMARY_MISSING,
        OBSTACLE,
        NAME_TAKEN,
        SELECTORS_LOST,
        WEIGHTS_IGNORED,
        AUTOSCALER_MISSING,
        PRIMARY_CHANGED,
        CONTESTED,
        ROUTING_BLOCKED,
        ROUTE_REFUSED,
        RESTORING_BLOCKED,
        TERMINATION_BLOCKED,
    }
)
"""Waits that mean that something is wrong, and not only that something takes its time."""

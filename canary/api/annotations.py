"""The annotations that tidegate reads and writes, each name once, by the object that has it."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from canary.api.meta import GROUP
from canary.api.shown import shown
from canary.errors import SpecWarning

PREFIX = f"{GROUP}/"

# ------------------------------------------------------------------------------- on a Canary

VERBS = ("abort", "reject", "pause", "resume", "approve", "skip", "expedite", "retry", "promote")
"""What is asked by annotation, in the order in which it is carried out: the cautious come first, so
that who aborts and promotes at once, aborts."""
AT_GATES = frozenset({"approve", "reject"})
"""What answers a gate, and nothing else: the verbs of people who only approve."""
COUNTED = frozenset({"approve"})
"""What counts by who gives it: one may not replace another's."""
ACCEPT_RISK = f"{PREFIX}accept-risk"
"""Names risks that a person accepts, as kind/name with commas between them."""
ASSUME_FEATURES = f"{PREFIX}assume-features"
"""Names features of the Gateway API that its Gateways have and do not list, with commas between them."""
KNOWN_ROUTE = f"{PREFIX}known-route"
"""`none` where its Gateway takes no second route for the same hosts."""

# ---------------------------------------------------------- on what a target or a Canary uses

#: On a ConfigMap or Secret: `disabled` leaves it to both sides as it is.
TRACKING = (f"{PREFIX}config-tracking", "flagger.app/config-tracking")
#: On a target: the release that its revision belongs to, the same on all targets of the release.
RELEASE = f"{PREFIX}release"
#: On a target: the commit that its revision was built from, in order of preference.
COMMITS = (f"{PREFIX}commit", "org.opencontainers.image.revision")
#: On a target: when that commit was made, as RFC 3339 has it.
COMMITTED_AT = f"{PREFIX}committed-at"
#: On a target: the span of the pipeline that has released it, as W3C's traceparent.
TRACEPARENT = f"{PREFIX}traceparent"
#: On a Secret: the addresses that it may be sent to, separated by commas.
SEND_TO = f"{PREFIX}send-to"

# --------------------------------------------------------------------- on what tidegate writes

#: On a primary and on an event: the revision.
REVISION = f"{PREFIX}revision"
#: On an event: the images of that revision, the canary's weight, and the step, at that moment.
IMAGES = f"{PREFIX}images"
WEIGHT = f"{PREFIX}weight"
STEP = f"{PREFIX}step"
#: What of an own object is tidegate's, as JSON: the keys of its labels and annotations, its ports.
#: What is in there and no longer wanted is taken away; everything else belongs to others.
WRITTEN = f"{PREFIX}written"
#: On a route of the Gateway API: `Any` where one of its parents is enough.
ACCEPTANCE = f"{PREFIX}acceptance"
#: On a target that holds its primary: the Knative Revision that is promoted, and its revision.
PRIMARY_REVISION = f"{PREFIX}primary-revision"
PROMOTED = f"{PREFIX}promoted"
#: On a Knative Service: the newest Revision that was ready, and the hash of the template it was made from.
READY_REVISION = f"{PREFIX}ready-revision"
#: The Knative Revision that the peer has promoted.
PEER_PRIMARY_REVISION = "flagger.app/primary-revision"
#: The spec that an adopted object had, as JSON.
ORIGINAL = f"{PREFIX}original-configuration"
#: The same, left by the peer that had adopted the object before.
PEER_ORIGINAL = "flagger.kubernetes.io/original-configuration"
#: On a route in another cluster than its Canary: whose it is, as cluster/uid/namespace/name/uid.
OWNER = f"{PREFIX}owner"
#: On the Lease of a controller: what it is and serves, as JSON.
SCOPE = f"{PREFIX}scope"
#: On the Lease that replicas share: the generation, and its members, as JSON.
AGREEMENT = f"{PREFIX}agreement"
#: On the Lease of a replica: the newest generation that it goes by.
ACKNOWLEDGED = f"{PREFIX}acknowledged"

_ASKED = (ACCEPT_RISK, ASSUME_FEATURES, KNOWN_ROUTE)
_ON_CANARY = (*VERBS, *(each.removeprefix(PREFIX) for each in _ASKED))


def unknown_annotations(annotations: Mapping[str, object]) -> Iterator[SpecWarning]:
    """Name the annotations of a Canary that look like ours and have no effect there."""
    for annotation in sorted(annotations):
        name = annotation.removeprefix(PREFIX)
        if name == annotation or name in _ON_CANARY:
            continue
        close = get_close_matches(name.lower()[:64], _ON_CANARY, n=1, cutoff=0.7)
        effect = (
            f"did you mean {PREFIX}{close[0]}?"
            if close
            else f"a Canary has {PREFIX} annotations of these names: {', '.join(_ON_CANARY)}"
        )
        yield SpecWarning("metadata.annotations", shown(annotation), f"ignored; {effect}")

"""Granting: the status of a DeliveryPolicy, with the places of one that has a limit.

One replica writes it, as one acts on a Canary; every replica knows who waits in the policy's line.
What is granted is decided in `core/grants.py`, and whether runs may start in `core/opening.py`. It is
looked at when something changes, and when a window does: in between it costs nothing.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from canary.api.kinds import ObjectKey
from canary.api.policy_status import Grant
from canary.cluster.connection import NotLeader
from canary.controller.canaries import CanaryRecord
from canary.controller.policies import DELIVERY_POLICY, PolicyKey, PolicyLine, PolicyRecord
from canary.controller.tracker import Tracker
from canary.controller.writer import Writer
from canary.core.grants import Claim, Line, doubtful
from canary.core.opening import Opening, decide_policy
from canary.core.peers import CanaryName
from canary.errors import ClusterError, Conflict

log = logging.getLogger(__name__)


class Granter:
    """Gives the runs of Canaries their places, one policy at a time."""

    def __init__(
        self,
        *,
        tracker: Tracker,
        writer: Writer,
        acts: Callable[[], bool],
        clock: Callable[[], datetime],
        wake_in: Callable[[PolicyKey, float | None], None],
    ) -> None:
        self._tracker = tracker
        self._writer = writer
        self._acts = acts
        self._clock = clock
        self._wake_in = wake_in

    async def reconcile(self, key: PolicyKey) -> None:
        """Bring the status of a policy up to date, and let those know that wait.

        Raises:
            ClusterError: they could not be written; the queue tries again later.
        """
        policy = self._tracker.policies.find(key)
        if policy is None or not policy.tells:
            self._tracker.policies.dissolve(key)
            self._wake_in(key, None)
            return
        if not self._tracker.knows_canaries():
            return
        if not self._acts():
            self._line_up(policy, self._decide(policy)[0])
            self._wake_in(key, None)
            return
        try:
            looks_at = (await self._grant(policy)).look_at
        except (Conflict, NotLeader):
            # Something has moved: its event is on the way.
            raise
        except ClusterError as error:
            self._line_up(policy, self._decide(policy)[0], stuck=str(error))
            raise
        self._wake_in(key, (looks_at - self._clock()).total_seconds() if looks_at else None)

    async def _grant(self, policy: PolicyRecord) -> Opening:
        for each in doubtful(policy.status, self._claims(policy)):
            await self._tracker.look_again(_place(each))
        line, opening = self._decide(policy)
        if line.status != policy.status:
            key = ObjectKey(kind=DELIVERY_POLICY, namespace=policy.namespace, name=policy.name)
            status = line.status.model_dump(mode="json", by_alias=True)
            await self._writer.patch(
                key,
                {"status": status},
                resource_version=policy.resource_version,
                subresource="status",
            )
            written = self._tracker.policies.find(policy.key)
            self._tracker.wake_granted(policy, written or policy)
            log.info(
                "%s: %s, %d runs have a place, %d wait",
                policy.key,
                "open" if opening.open else "closed",
                line.status.granted,
                line.status.queued,
            )
        self._line_up(policy, line)
        return opening

    def _decide(self, policy: PolicyRecord) -> tuple[Line, Opening]:
        claims = self._claims(policy).values()
        return decide_policy(policy.binding, claims, self._clock())

    def _line_up(self, policy: PolicyRecord, line: Line, *, stuck: str = "") -> None:
        # Those who would have been granted a place that could not be written wait as well.
        withheld = {
            each.uid: ""
            for each in line.status.running
            if stuck and not policy.status.grants(each.uid, each.run)
        }
        before = {**withheld, **line.before}
        lined_up = PolicyLine(before=before, under_way=line.under_way, stuck=stuck)
        self._tracker.wake_known(self._tracker.policies.line_up(policy.key, lined_up))

    def _claims(self, policy: PolicyRecord) -> Mapping[str, Claim]:
        """Give the claims of the Canaries that a policy binds, and of those with a grant, by UID."""
        if not policy.limits:
            # No run is in its line, and many are under way.
            return {}
        found = {
            known.uid: known.claim
            for known in self._tracker.underway()
            if known.claim is not None and self._binds(policy, known.key.namespace, known.labels)
        }
        for grant in policy.status.running:
            if grant.uid not in found and (claim := self._claim(policy, grant)):
                found[grant.uid] = claim
        return found

    def _claim(self, policy: PolicyRecord, grant: Grant) -> Claim | None:
        """Look up who has a grant, be it at rest or no longer bound; None where it is not known."""
        place = _place(grant)
        if not self._tracker.watches(place.namespace):
            # Another controller's: that one knows when it is over.
            return Claim(canary=place, uid=grant.uid, run=grant.run, underway=True, started=True)
        for record in self._tracker.records(place):
            if record.uid == grant.uid:
                labels = record.labels if isinstance(record, CanaryRecord) else {}
                return replace(record.claim, bound=self._binds(policy, place.namespace, labels))
        return None

    def _binds(self, policy: PolicyRecord, namespace: str, labels: Mapping[str, str]) -> bool:
        return self._tracker.policies.reaches(policy, namespace) and policy.binds(labels)


def _place(grant: Grant) -> CanaryName:
    namespace, _, name = grant.canary.partition("/")
    return CanaryName(namespace, name)

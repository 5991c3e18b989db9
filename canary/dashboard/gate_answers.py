"""Answers to gates that people give elsewhere than on a page: found again, checked, left, waited for.

What a person has before them may be old, and says nothing of what they may do. So the gate must be
shut still, in the same run of the same Canary, and the command is left with the person's own rights.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from canary.api.annotations import AT_GATES
from canary.cluster.commands import CommandWaits
from canary.core.gate_reference import GateReference
from canary.core.signature import Signature
from canary.dashboard.fleet import Fleet
from canary.dashboard.kept import KeptCanary
from canary.dashboard.open_pages import OpenPage
from canary.dashboard.viewers import Viewer
from canary.errors import CanaryError, ClusterError
from canary.views.canary import CommandView
from canary.views.explain import possible_commands
from canary.views.given import command_told, lacking

log = logging.getLogger(__name__)

ANSWERS = (*sorted(AT_GATES), "abort")
"""What can be answered."""
PATIENCE_SECONDS = 10.0
"""How long the controller's word is waited for."""


class AnswerRefused(CanaryError):
    """An answer does not count; says why, for the person who gave it."""

    def __init__(self, reason: str, *, over: bool = False) -> None:
        super().__init__(reason)
        self.over = over
        """Whether nothing is left to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswer:
    """What came of an answer that the controller has obeyed."""

    told: str
    over: bool
    """Whether nothing is left to answer: a gate may take several people."""


class GateAnswers:
    """Leaves answers on Canaries."""

    def __init__(
        self,
        fleet: Fleet,
        *,
        clock: Callable[[], datetime],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._fleet = fleet
        self._clock = clock
        self._patience = patience_seconds

    def asked_about(self, written: str, verb: str) -> tuple[GateReference, KeptCanary]:
        """Find the Canary that an answer is about, which still waits for it.

        Raises:
            AnswerRefused: there is none, or it no longer waits for it.
        """
        reference = GateReference.read(written)
        if reference is None or verb not in ANSWERS:
            raise AnswerRefused("this is not of tidegate's making")
        kept = self._fleet.find(reference.namespace, reference.name, reference.group)
        name = f"{reference.name}.{reference.namespace}"
        if kept is None or _uid(kept) != reference.uid:
            raise AnswerRefused(
                f"this dashboard follows no such Canary {name}: it was deleted, or is one of "
                "another cluster, which needs an app of its own"
            )
        view = kept.view
        same_run = view.run is not None and view.run.number == reference.run
        shut = reference.gate in kept.opened.gates or verb not in AT_GATES
        if not (same_run and shut and verb in possible_commands(view)):
            what = f"run {reference.run} of {name}"
            gone = f"the gate {reference.gate} of {name}" if verb in AT_GATES else what
            over = verb not in AT_GATES or reference.gate not in kept.opened.gates
            raise AnswerRefused(f"{gone} no longer waits: it is {view.state} now", over=over)
        return reference, kept

    async def give(
        self, viewer: Viewer, written: str, verb: str, *, tool: str, reason: str
    ) -> GateAnswer:
        """Leave an answer with the rights of a person, and wait for what comes of it.

        Raises:
            AnswerRefused: it does not count.
        """
        reference, kept = self.asked_about(written, verb)
        key = kept.key
        subject = reference.gate if verb in AT_GATES else ""
        signature = Signature.of(viewer.user, tool, self._clock(), subject=subject, reason=reason)
        about = {"user": viewer.user, "verb": verb, "canary": str(key)}
        with self._fleet.open_pages.listening(lambda changed, *_: changed == key) as changes:
            try:
                allowed = await viewer.rights.to_canaries(*key[:2])
                if missing := allowed.lacks(verb, key.name):
                    raise AnswerRefused(lacking(verb, missing, key.namespace))
                await self._fleet.leave(
                    viewer.cluster, key, verb, str(signature), seconds=self._patience
                )
                log.info("a command is left", extra=about | {"result": "left"})
            except (AnswerRefused, ClusterError, CommandWaits) as error:
                log.info("a command was refused: %s", error, extra=about | {"result": "refused"})
                raise AnswerRefused(str(error)) from error
            return await self._outcome(changes, reference, kept, verb, str(signature))

    async def _outcome(
        self,
        changes: OpenPage,
        reference: GateReference,
        kept: KeptCanary,
        verb: str,
        value: str,
    ) -> GateAnswer:
        """Wait for the controller's record.

        Raises:
            AnswerRefused: it has refused the command, or does not answer.
        """
        ends = monotonic() + self._patience
        name = f"{kept.key.name}.{kept.key.namespace}"
        while True:
            changes.shown()
            now = self._fleet.find(kept.key.namespace, kept.key.name, kept.key.group)
            record = _record(now, verb, value)
            if now is not None and record is not None:
                told = f"{name}: {command_told(record)}"
                over = verb not in AT_GATES or reference.gate not in now.opened.gates
                if not record.accepted:
                    raise AnswerRefused(told, over=over)
                wait = now.view.waiting
                left = f"; {wait.message}" if wait is not None and not over else ""
                return GateAnswer(told=f"{told}{left}", over=over)
            left_seconds = ends - monotonic()
            if left_seconds <= 0 or not await changes.changed(seconds=left_seconds):
                raise AnswerRefused(
                    f"{name}: {verb} is left for the controller, which has not answered within "
                    f"{self._patience:g} s; tidegate explain {kept.key.name} -n "
                    f"{kept.key.namespace} tells more"
                )


def _record(kept: KeptCanary | None, verb: str, value: str) -> CommandView | None:
    commands = kept.view.commands if kept is not None else ()
    return next((each for each in commands if (each.verb, each.value) == (verb, value)), None)


def _uid(kept: KeptCanary) -> str:
    return str(kept.manifest["metadata"].get("uid") or "")

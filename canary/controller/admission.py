"""Admission: what the API server asks before it takes an object, and what it is answered.

An object that could not be acted on is refused with every problem at once; what is accepted but
ignored or changed comes back as warnings, which kubectl prints. How the question comes in
(HTTPS) is kopf's; see `handlers.py`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from canary.api.meta import GROUP, PEER_GROUP
from canary.api.status import WORD_BYTES, clip
from canary.controller.reading import CanaryReader
from canary.controller.validator import CANARIES, Validator
from canary.errors import SpecWarning

Review = Mapping[str, Any]
"""An AdmissionReview of admission.k8s.io/v1."""

REFUSED = 422
#: Lists, for a question may hold anything, and what cannot be hashed is in no set.
_JUDGED = ("CREATE", "UPDATE")
_GROUPS = (GROUP, PEER_GROUP)


class Reviewer:
    """Answers admission reviews."""

    def __init__(self, reader: CanaryReader) -> None:
        self._reader = reader
        self._validator = Validator(reader)

    async def review(self, review: Review, **_: Any) -> dict[str, Any]:
        """Answer one review; a question that makes no sense is answered with a refusal."""
        asked = review.get("request")
        request: Mapping[str, Any] = asked if isinstance(asked, Mapping) else {}
        response: dict[str, Any] = {"uid": request.get("uid", ""), "allowed": True}
        problem = self._problem(request)
        if problem:
            response |= {"allowed": False, "status": {"code": REFUSED, "message": problem}}
        elif warnings := [clip(str(each), WORD_BYTES) for each in self._warnings(request)]:
            response |= {"warnings": warnings}
        return {
            "apiVersion": review.get("apiVersion", "admission.k8s.io/v1"),
            "kind": "AdmissionReview",
            "response": response,
        }

    def _problem(self, request: Mapping[str, Any]) -> str:
        """Tell what is wrong with an object; empty where nothing is, or where it is not ours."""
        manifest = request.get("object")
        if not isinstance(request.get("resource"), Mapping):
            return "not an AdmissionReview: request.resource is missing"
        plural = self._judged(request)
        if not self._validator.reads(plural):
            return ""
        if not isinstance(manifest, Mapping):
            return "not an AdmissionReview: request.object is missing"
        if _leaves_spec_alone(manifest, request.get("oldObject")):
            return ""
        problems = self._validator.problems(plural, dict(manifest))
        return "; ".join(str(problem) for problem in problems)

    def _warnings(self, request: Mapping[str, Any]) -> Iterator[SpecWarning]:
        """Give the warnings; where the spec is left alone, only those that are new."""
        manifest, before = request.get("object"), request.get("oldObject")
        if self._judged(request) != CANARIES or not isinstance(manifest, Mapping):
            return
        known: tuple[SpecWarning, ...] = ()
        if isinstance(before, Mapping) and _leaves_spec_alone(manifest, before):
            known = self._validator.warnings(CANARIES, dict(before))
        for each in self._validator.warnings(CANARIES, dict(manifest)):
            if each not in known:
                yield each

    def _judged(self, request: Mapping[str, Any]) -> str:
        """Name the kind that a request writes the spec of; empty for what is not to be judged here.

        Another controller, of another version maybe, judges the Canaries that it acts on.
        """
        plural, manifest = _written(request), request.get("object")
        if plural == CANARIES and isinstance(manifest, Mapping):
            return plural if self._reader.takes(dict(manifest)) else ""
        return plural


def _written(request: Mapping[str, Any]) -> str:
    """Name the kind of ours, by its plural, that a request writes the spec of; empty for others."""
    resource = request.get("resource")
    if (
        not isinstance(resource, Mapping)
        or resource.get("group") not in _GROUPS
        or request.get("operation") not in _JUDGED
        or request.get("subResource")
    ):
        return ""
    return str(resource.get("resource"))


def _leaves_spec_alone(manifest: Mapping[str, Any], before: object) -> bool:
    """Tell whether only metadata changes: what was taken once can be annotated, and deleted."""
    return isinstance(before, Mapping) and before.get("spec") == manifest.get("spec")

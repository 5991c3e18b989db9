"""What is wrong with an object of ours, whatever its kind: said by admission and by `lint` alike."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from canary.api.kinds import Manifest
from canary.api.validation import parse_alert_provider, parse_metric_template
from canary.controller.installed import missing_plugins, provider_problems
from canary.controller.policies import DELIVERY_POLICY, policy_problems
from canary.controller.reading import CanaryReader
from canary.errors import InvalidSpec, Problem, SpecWarning

CANARIES = "canaries"


class Validator:
    """Names the problems of an object, and what of it is accepted with a warning."""

    def __init__(self, reader: CanaryReader) -> None:
        self._reader = reader
        self._by_plural: Mapping[str, Callable[[Manifest], Iterable[Problem]]] = {
            CANARIES: reader.problems,
            "metrictemplates": lambda manifest: missing_plugins(parse_metric_template(manifest)),
            "alertproviders": lambda manifest: provider_problems(parse_alert_provider(manifest)),
            DELIVERY_POLICY.plural: partial(policy_problems, boundary=reader.boundary),
        }

    def reads(self, plural: str) -> bool:
        """Tell whether a kind is one of ours."""
        return plural in self._by_plural

    def problems(self, plural: str, manifest: Manifest) -> tuple[Problem, ...]:
        """Name everything that is wrong with an object of one of our kinds."""
        try:
            return tuple(self._by_plural[plural](manifest))
        except InvalidSpec as invalid:
            return invalid.problems

    def warnings(self, plural: str, manifest: Manifest) -> tuple[SpecWarning, ...]:
        """Name what of an object is accepted but ignored or changed."""
        return self._reader.warnings(manifest) if plural == CANARIES else ()

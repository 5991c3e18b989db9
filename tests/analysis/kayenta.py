"""What Kayenta's test suites and users have published: values of both sides, and what it makes of them."""

import json
from dataclasses import dataclass, field
from pathlib import Path

_FILE = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


@dataclass(frozen=True, kw_only=True)
class Classified:
    """Values of both sides, None where one is missing, and what Kayenta calls the canary's."""

    name: str
    canary: list[float | None]
    primary: list[float | None]
    options: dict[str, str]
    says: str


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """Values of both sides, and the shift that Kayenta finds between them."""

    name: str
    canary: list[float]
    primary: list[float]
    confidence: float
    estimate: float
    lower: float
    upper: float
    exact: bool = field(init=False)
    """Whether its test asks for more than four digits of the estimate."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "exact", "R Version" not in self.name)


CLASSIFIED = tuple(Classified(**each) for each in _FILE["classes"])
ESTIMATED = tuple(Estimated(**each) for each in _FILE["intervals"])

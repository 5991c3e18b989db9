"""The score of an analysis: how much of it must pass."""

from pydantic import ConfigDict, Field

from canary.api.fields import Share
from canary.api.meta import ApiModel
from canary.api.rules import SCORE_IS_ORDERED, rules


class Score(ApiModel):
    """How many of the checks of an analysis must pass, by their weights."""

    model_config = ConfigDict(json_schema_extra=rules(SCORE_IS_ORDERED))

    pass_: Share = Field(
        alias="pass", description="The least score, from 1 to 100, with which an analysis passes."
    )
    marginal: Share | None = Field(
        default=None,
        description="The least score with which the weight is held, rather than that the analysis "
        "fails; the same as pass when left out.",
    )

    @property
    def least(self) -> int:
        """The least score that does not fail."""
        return self.pass_ if self.marginal is None else self.marginal

"""A judge that counts."""

from tests.case import JudgeCase
from tests.cases.judges.threshold import CASE as THRESHOLD

CASE = JudgeCase(metrics=THRESHOLD.metrics[:1])

"""Knative Services: ready when their newest Revision is, and never parked or scaled."""

from tests.case import TargetCase
from tests.cases.routers.knative import service

CASE = TargetCase(written=service())

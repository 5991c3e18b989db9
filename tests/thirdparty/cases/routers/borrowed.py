"""Istio's objects, under another name."""

from dataclasses import replace

from tests.cases.routers.istio import CASE as ISTIO

CASE = replace(ISTIO, canaries=(), mesh=None)

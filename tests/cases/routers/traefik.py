"""Traefik: TraefikServices."""

from tests.case import RouterCase
from tests.routers.published import TRAEFIK
from tests.routers.vocabulary import METADATA

CASE = RouterCase(
    canaries=({"service": METADATA}, {"analysis": {"mirror": True, "mirrorWeight": 10}}),
    foreign={
        "TraefikService": {
            "mirroring": {"name": "old", "port": 80, "mirrors": [{"name": "shadow", "port": 80}]}
        }
    },
    published=(
        (
            TRAEFIK,
            "docs/content/reference/dynamic-configuration/traefik.io_traefikservices.yaml",
        ),
    ),
)

"""What of a Canary a router acts on."""

from canary.api.canary import Canary
from canary.routers.abilities import SERVICE_FIELDS, Abilities


def heeded(canary: Canary, abilities: Abilities) -> Canary:
    """Copy without the fields of `spec.service` that a router with these abilities does not act on."""
    known = type(canary.spec.service).model_fields
    beyond = {
        name: known[name].get_default()
        for name in SERVICE_FIELDS
        if name not in abilities.service
        and getattr(canary.spec.service, name) != known[name].get_default()
    }
    if not beyond:
        return canary
    return canary.but(spec=canary.spec.but(service=canary.spec.service.but(**beyond)))

"""Where the dashboard has its pages: the one form of their addresses, for those who lead there."""

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from canary.api.meta import GROUP

_RUN = "%Y%m%dT%H%M%SZ"


def canary_page(group: str, namespace: str, name: str, rest: str = "", *, below: str = "/c") -> str:
    """Give the path of a Canary's page, or of one below it."""
    query = "" if group == GROUP else f"?{urlencode({'group': group})}"
    return f"{below}/{quote(namespace, safe='')}/{quote(name, safe='')}{rest}{query}"


def run_page(group: str, namespace: str, name: str, began: datetime) -> str:
    """Give the path of a run's page; while the run is under way it leads to the Canary's."""
    return canary_page(group, namespace, name, f"/runs/{run_name(began)}")


def run_name(began: datetime) -> str:
    """Name a run by the second in which it began."""
    return f"{began.astimezone(UTC):{_RUN}}"

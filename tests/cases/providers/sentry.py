"""Sentry, asked by its sessions API."""

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import Asked, Login, ProviderCase, minutes

TOKEN = Credentials(token="s3cr3t-token")
FIELD = "crash_free_rate(session)"


def groups(*totals: object) -> Handler:
    """Answer in the form of GET /organizations/ORGANIZATION/sessions/."""
    return says(
        {
            "start": "2025-12-31T22:00:00Z",
            "end": "2025-12-31T23:00:00Z",
            "query": 'release:"shop@2.1"',
            "intervals": ["2025-12-31T22:00:00Z"],
            "groups": [
                {"by": {}, "totals": {FIELD: each}, "series": {FIELD: [each]}} for each in totals
            ],
        }
    )


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(
        type="sentry",
        address=address,
        credentials=TOKEN,
        options=(("organization", "shop"),),
    ),
    query=f'field={FIELD}&project=1\n&query=release:"shop@2.1"',
    lag=minutes(65),
    logins={"token": Login(credentials=TOKEN, sent={"Authorization": "Bearer s3cr3t-token"})},
    asked=Asked(
        path="/api/0/organizations/shop/sessions/",
        parameters={
            "field": FIELD,
            "project": "1",
            "query": 'release:"shop@2.1"',
            "start": "2025-12-31T22:00:00Z",
            "end": "2025-12-31T23:00:00Z",
            "interval": "1h",
        },
    ),
    five=groups(5),
    nothing=groups(),
    nan=groups("NaN"),
    values={"a fraction": (groups(0.9987), 0.9987)},
    no_data={"no sessions": groups(None)},
    failures={
        "several groups": (groups(1, 2), FailureKind.AMBIGUOUS, "2 series"),
        "a bad query": (
            says({"detail": 'Invalid field: "crash_rate(user)"'}, status=400),
            FailureKind.QUERY,
            "Invalid field",
        ),
        "refused": (
            says({"detail": "Invalid token"}, status=401),
            FailureKind.REFUSED,
            "Invalid token",
        ),
        "throttled": (
            says({"detail": "You are attempting to use this endpoint too quickly"}, status=429),
            FailureKind.THROTTLED,
            "too quickly",
        ),
        "text": (groups("five"), FailureKind.QUERY, "otherwise than it should"),
    },
)

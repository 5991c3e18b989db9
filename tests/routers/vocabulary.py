"""What routers are asked for, in the words of a Canary."""

from typing import Any

METADATA = {"apex": {"labels": {"team": "pay"}, "annotations": {"note": "für alle"}}}
MATCH: list[dict[str, Any]] = [
    {
        "name": "beta",
        "uri": {"prefix": "/api"},
        "method": {"exact": "GET"},
        "headers": {"x-b": {"exact": "1"}, "X-A": {"regex": ".*beta.*"}, "cookie": {"suffix": "z"}},
        "queryParams": {"v": {"exact": "2"}, "a": {"prefix": "x"}},
    },
    {"uri": {"regex": "/v[0-9]+/.*"}},
]
MESH_MATCH: dict[str, Any] = {
    "scheme": {"exact": "https"},
    "authority": {"prefix": "app."},
    "withoutHeaders": {"x-internal": {"exact": "1"}},
    "sourceLabels": {"app": "web", "tier": "front"},
    "sourceNamespace": "shop",
    "gateways": ["mesh"],
    "port": 9898,
    "uri": {"exact": "/Buy"},
    "ignoreUriCase": True,
}
HEADERS = {
    "request": {"add": {"x-b": "2", "x-a": "1"}, "set": {"x-c": "3"}, "remove": ["x-d"]},
    "response": {"set": {"x-f": "4", "x-e": "5"}},
}
CORS = {
    "allowOrigin": ["https://example.com"],
    "allowMethods": ["GET", "POST"],
    "allowHeaders": ["x-one"],
    "exposeHeaders": ["x-two"],
    "allowCredentials": False,
    "maxAge": "24h",
}
AFFINITY = {
    "cookieName": "stick",
    "primaryCookieName": "stick-primary",
    "domain": ".example.com",
    "path": "/shop",
    "maxAge": 3600,
    "httpOnly": True,
    "secure": True,
    "partitioned": True,
    "sameSite": "None",
}

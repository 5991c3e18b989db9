"""An embedded Kubernetes API server, held to the behaviour of kube-apiserver v1.36.

It covers what tidegate, kopf and `kubectl` use; `tests/conformance` runs against it and against a
real one, and what differs is a defect here.
Deliberately not here: CBOR, protobuf beyond what `kubectl create` sends, admission webhooks and
disruption budgets (they are stored, and nobody asks them), conversion webhooks, authorization
(whoever is let in may do everything), pod logs and exec.
"""

from canary.demo.apiserver.audit import Asked, AuditEntry, RequestCounter
from canary.demo.apiserver.objects import Objects
from canary.demo.apiserver.server import EmbeddedApiServer

__all__ = ["Asked", "AuditEntry", "EmbeddedApiServer", "Objects", "RequestCounter"]

"""An embedded Kubernetes API server, held to the behaviour of kube-apiserver v1.36.

It covers what tidegate, kopf and `kubectl` use; `tests/conformance` runs against it and against a
real one, and what differs is a defect here.
Admission webhooks are asked about what comes in by HTTP, and not about what the controllers of the
embedded world write in this process.
Deliberately not here: CBOR, protobuf beyond what `kubectl create` sends, disruption budgets (they
are stored, and keep no pod), conversion webhooks, authorization (every client that is let in may do
everything, and match conditions know no `authorizer`), pod logs and exec.
"""

from tidegate_embedded.apiserver.audit import Asked, AuditEntry, RequestCounter
from tidegate_embedded.apiserver.objects import Objects
from tidegate_embedded.apiserver.server import EmbeddedApiServer

__all__ = ["Asked", "AuditEntry", "EmbeddedApiServer", "Objects", "RequestCounter"]

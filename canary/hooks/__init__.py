"""Hooks: the adapter that asks webhooks, in the form that Flagger's receivers know.

When a hook is called and what its answer means belongs to `core/hooks.py`; which Secret it is sent
and what its payload says of a Canary to `controller/`.
"""

from canary.hooks.caller import HookCaller
from canary.hooks.payload import HookPayload, HookResult

__all__ = ["HookCaller", "HookPayload", "HookResult"]

"""The analysis engine: given metrics, bounds and providers, it says pass, fail or inconclusive.

Nothing of Kubernetes or of canaries belongs here; `canary` uses this package, never the reverse.
"""

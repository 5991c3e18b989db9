"""HTTP for providers, hooks and notifiers: the one adapter, and the only owner of httpx.

`transport` connects where a policy allows, `exchange` makes one request and names every failure,
`clients` keeps connections for requests to come, and `posting` turns a POST into a value.
"""

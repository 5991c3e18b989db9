"""Renderers of what runs: the primary workload, its configs, services and autoscaler.

Each is a pure function from the objects that exist to an object as it must be. Who writes it, and
when, does not belong here; traffic objects are the routers'.
"""

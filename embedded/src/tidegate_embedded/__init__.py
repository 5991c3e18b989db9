"""A small Kubernetes cluster on this machine: API server, controllers, pods, mesh and metrics.

Every part stands on its own: a test of a controller often needs the API server alone.
The README says what the parts are, how to test a controller with them, and what they leave out.
"""

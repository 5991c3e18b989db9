"""The coordinator of a fleet: a process beside the hub, which decides the status of FleetPlans.

It has no credentials for any other cluster: members read what it grants, and say how far they are.
"""

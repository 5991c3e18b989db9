"""The embedded world: an API server, controllers, pods and a mesh on this machine, and its story.

Nothing here is needed to run the controller on a real cluster.
"""

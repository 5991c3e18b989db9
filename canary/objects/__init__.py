"""Objects of the cluster: what is ours in one, how it differs from what is found, and its return.

What an object must say belongs to the renderers, and who writes it to the controller.
"""

"""The demonstration: the story of a good and a bad release, told in an embedded cluster.

The cluster is a distribution of its own, `tidegate-embedded`. Nothing here is needed to run the
controller.
"""

"""The dashboard: a process of its own that shows Canaries in a browser.

It follows the Canaries with one watch, renders every page here, and writes nothing of its own
accord: a command is left with the rights of the person who gives it. What a page says of a Canary
comes from `canary.views`.
"""

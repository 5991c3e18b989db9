"""The core decides: from spec, status and facts to a new status, actions and notices.

Everything here is a pure function on frozen values. No I/O, no clock, no randomness, no logging:
what the world looks like comes in as facts, what must become true goes out as actions.
"""

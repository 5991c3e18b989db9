"""A release in a world that is only calculated: the real decisions and judges under a virtual clock.

Nothing here reads a clock, draws a number by itself, or asks anybody: chance is handed in.
"""

"""Pods as local processes: the program that a container runs, and the runtime that runs pods."""

from tidegate_embedded.pods.runtime import ProcessRuntime

__all__ = ["ProcessRuntime"]

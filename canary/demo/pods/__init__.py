"""Pods as local processes: the program that a container runs, and the runtime that runs pods."""

from canary.demo.pods.runtime import ProcessRuntime

__all__ = ["ProcessRuntime"]

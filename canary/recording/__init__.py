"""Run records: what happens in a run as lines of JSON, made of statuses and answers.

Who writes them, and where, is in `canary/controller`.
"""

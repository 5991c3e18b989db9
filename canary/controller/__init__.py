"""The shell does, and decides nothing: it observes, answers, applies and notifies."""

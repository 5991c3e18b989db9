"""What a judge has said of a metric, with the metric's name once."""


def judged(name: str, message: str) -> str:
    """Say what was judged of a metric; judges begin with its name, as words."""
    said, rest = message[: len(name)], message[len(name) :]
    begins = _words(said) == _words(name) and not rest[:1].isalnum()
    return f"{name}{rest}" if begins else f"{name}: {message}"


def _words(name: str) -> str:
    return name.replace("-", " ").replace("_", " ")

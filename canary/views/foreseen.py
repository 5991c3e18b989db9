"""A Canary with all that is worked out where one alone is asked for: `tidegate get`, a page of its own."""

from canary.api.kinds import Manifest
from canary.views.canary import CanaryView, canary_view
from canary.views.explain import possible_commands


def foreseen_view(manifest: Manifest) -> CanaryView:
    """See what is ahead of a Canary too, and which commands the controller would obey."""
    view = canary_view(manifest, foresees=True)
    return view.model_copy(update={"may": possible_commands(view)})

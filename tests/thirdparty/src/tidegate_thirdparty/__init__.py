"""Plug-ins of a third party, each with what its family asks for and no more."""

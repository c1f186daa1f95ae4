"""Runs the stages over what is new: the only place that knows their order."""

"""Indicators against what connected, what was pasted and who signed up."""

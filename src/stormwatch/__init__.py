"""Stormwatch: an open watch floor for those who run language-model services."""

__version__ = "0.1.0"

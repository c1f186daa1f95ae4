"""Declarative mappings: YAML that says how one record of a log format becomes a usage event, compiled to closures."""

"""The HTTP interface for machines: telemetry in, decisions out, health."""

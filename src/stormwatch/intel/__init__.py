"""Stage 2: what partners tell: leads, indicators, actors and their names, lists of shared infrastructure."""

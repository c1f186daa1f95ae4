"""Worlds that carry truth go through the route, and what came out is scored against what was true."""

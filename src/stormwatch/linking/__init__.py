"""Which accounts one operator runs: rare identifiers they share, match weights, clusters."""

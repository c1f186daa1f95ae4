"""February 2024 replayed on a made-up provider, step by step, with the product's own functions."""

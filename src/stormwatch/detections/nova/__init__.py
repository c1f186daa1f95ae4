"""NOVA rules to Sigma rules, and what is left out on the way."""

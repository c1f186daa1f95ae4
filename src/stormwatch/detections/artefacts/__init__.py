"""Texts to what was pasted in them: addresses, names, hashes, packages, keys."""

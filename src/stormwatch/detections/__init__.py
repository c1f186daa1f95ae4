"""Stage 3: Sigma rules over texts, artefacts pasted in them, and indicators matched on both, new and in history."""

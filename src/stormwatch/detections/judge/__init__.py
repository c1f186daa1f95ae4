"""What a model as judge is shown and asked, and what of its answer is kept."""

"""Who may be behind an account or a cluster: rival hypotheses, their odds, and how good the ground is."""

"""The append-only log of every decision, action, reveal, role change, share and publication, provable to outsiders."""

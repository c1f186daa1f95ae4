"""The decision endpoint as a process of its own: the decision list into answers, also while the database is away."""

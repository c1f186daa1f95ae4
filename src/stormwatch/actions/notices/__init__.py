"""What people are told: statements of reasons, outcomes, drafts to third parties, and the outbox they leave by."""

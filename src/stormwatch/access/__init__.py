"""People, roles and tokens: who acts, and what each may do."""

"""Made-up providers with planted campaigns, innocent look-alikes and the truth beside them; for demo, tests, load."""

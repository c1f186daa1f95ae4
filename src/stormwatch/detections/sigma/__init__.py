"""One Sigma rule: its fields, values and conditions, made ready for events."""

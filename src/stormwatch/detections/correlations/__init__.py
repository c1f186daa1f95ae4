"""Correlations over hits of rules: what they mean, over all hits at once and over hits as they come."""

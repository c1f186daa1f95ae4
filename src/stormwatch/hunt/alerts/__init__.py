"""Alerts: what deserves one, raised once, and carried out of the house without a word that anybody said."""

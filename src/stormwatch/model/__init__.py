"""Nouns of the watch floor: frozen typed values, ids, times and enums that every stage hands over."""

"""Detectors beyond rules: what shows only over many requests or accounts. One file each, its thresholds in data."""

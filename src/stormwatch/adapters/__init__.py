"""The outside, one file each, named as the port it fills."""

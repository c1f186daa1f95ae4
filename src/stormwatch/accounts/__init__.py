"""Evidence per account: conduct and hits, each piece with a weight in bits and its innocent explanation."""

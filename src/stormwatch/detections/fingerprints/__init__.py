"""Texts to fingerprints of code, documents and shapes of requests, and to the order in which a program grew."""

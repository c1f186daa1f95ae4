"""The face for people: server-rendered pages under a strict Content-Security-Policy."""

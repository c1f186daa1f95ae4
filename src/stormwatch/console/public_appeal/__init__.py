"""The page where account holders appeal with a one-time code: apart from the console, without a login."""

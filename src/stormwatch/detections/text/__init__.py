"""Text as sent to the text that rules and extractors read, and further views of it where it is disguised."""

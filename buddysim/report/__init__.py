"""Plain data that every presenter shows."""

"""Teaching scenarios."""

"""What callers do when their allocation fails."""

"""The simulated memory manager."""

"""Fault injection as the kernel does it."""

"""Fault injection: the kernel's attributes, fail-nth, and how plausible an injection was."""

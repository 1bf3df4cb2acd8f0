"""Failure reports, rate limits, warning policies, counters."""

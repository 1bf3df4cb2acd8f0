"""Warnings about failed allocations: rate limits, report text by era, policies, counters."""

"""Bytes to events; kernel log text to failure reports."""

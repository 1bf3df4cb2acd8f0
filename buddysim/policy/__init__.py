"""Interchangeable decisions the machine asks for."""

"""The build hook."""

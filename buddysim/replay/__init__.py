"""The engine that runs events through a machine."""

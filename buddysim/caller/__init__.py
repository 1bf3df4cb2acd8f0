"""What a caller does when its allocation fails: declared policies, and callers in Python."""

from buddysim.caller.declaration import caller, every, once

__all__ = ["caller", "every", "once"]

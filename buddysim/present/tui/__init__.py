"""The live view: a replay played back in the terminal."""

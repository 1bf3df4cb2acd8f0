"""Rules that turn outcomes into findings."""

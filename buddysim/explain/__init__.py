"""From a failure report to cause, verdict and advice."""

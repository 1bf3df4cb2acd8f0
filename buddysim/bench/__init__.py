"""What one can measure of the simulator on this machine, each beside a yardstick."""

"""Floor 0: the shared vocabulary. Errors, estimates, the panel, response curves, readers and the run store."""

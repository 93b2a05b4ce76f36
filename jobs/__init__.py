"""Floor 4: the command line and one file per job."""

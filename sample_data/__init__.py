"""The sample data set that `liftwerk init` copies."""

"""The creative decision endpoint: versioned tables, one log, one learner."""

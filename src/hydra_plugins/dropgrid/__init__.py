"""Hydra plugins: sweeper, launcher, and the search path of a user's own options."""

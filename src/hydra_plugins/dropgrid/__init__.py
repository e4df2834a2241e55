"""The plugins that Hydra finds here: sweeper, launcher, and options of one's own."""

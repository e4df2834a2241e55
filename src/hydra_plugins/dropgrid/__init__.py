"""The plugins that Hydra finds here: sweeper and launcher."""

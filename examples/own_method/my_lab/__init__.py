"""A lab's own methods."""

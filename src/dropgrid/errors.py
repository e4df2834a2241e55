"""What a user did that cannot work, said in one line."""


class UserError(Exception):
    """A mistake in a command, a config or the data: `main` prints its lines and exits with code 2, no traceback."""

"""Processes by what their environment holds: all that a daemon of ours has begun, and nothing else."""

from pathlib import Path


def marked(variable: str, value: str) -> list[int]:
    """Those that live and were started with a variable at that value."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{variable}={value}".encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found


def variables(pid: int) -> dict[str, str]:
    """A process' environment, as it was started with."""
    lines = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(each.split("=", 1) for each in lines if "=" in each)

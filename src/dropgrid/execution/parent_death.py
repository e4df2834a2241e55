"""Imported first by the process that cells are forks of: it ends with the command, at once, whatever it is doing."""

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1

if sys.platform == "linux":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

# SLURM tells every process of a job that it is to end, or will be out of time. Were this one to end, nobody would know
# any more how its forks do; each of those decides for itself.
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, signal.SIG_IGN)

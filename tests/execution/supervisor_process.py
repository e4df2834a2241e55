"""A command on a file system that lacks things: `supervisor_process.py WITHOUT [OVERRIDES…]`; leases last two seconds.

WITHOUT are functions, as `flock,link,fsync`. With OVERRIDES it is that of scripts/train.py, without a supervisor that
prints how its cell ended as JSON.
"""

import errno
import fcntl
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import trains

from dropgrid.cli import train
from dropgrid.execution.supervisor import Policy, supervise
from dropgrid.store import lease

CELL = {"id": "abc", "name": "n", "config": {"seed": 1}, "local": {"paths": {}}}
EXPIRY = 2.0


def unsupported(*_, **__):
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))


def main(without, *overrides):
    lease.EXPIRY, lease.BEAT, lease.SETTLE = EXPIRY, 0.3, 0.3
    for name in filter(None, without.split(",")):
        setattr(fcntl if name == "flock" else os, name, unsupported)
    if overrides:
        sys.argv[1:] = overrides
        return train.main()
    outputs, ended = Path(os.environ["DROPGRID_OUTPUTS"]), []
    while not ended or ended[-1].status == "busy":
        ended.append(supervise(CELL, outputs, trains.write_everything, policy=Policy(patient=False)))
    print(json.dumps({**asdict(ended[-1]), "lost": any(each.lost for each in ended)}))


if __name__ == "__main__":
    main(*sys.argv[1:])

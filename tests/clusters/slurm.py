"""A real SLURM on loopback: munged, slurmctld and slurmds of our own, in a folder of their own, ended by pid."""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from processes import marked

CONF = """\
ClusterName=dropgrid
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
KillWait=20
MinJobAge=60
InactiveLimit=0
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
{nodes}
PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=9 PreemptMode=OFF
"""


class Slurm:
    """So many nodes of so many cores each, whatever the machine has. Use it as a context.

    No accounting, no cgroups: what a container allows. `environment` makes SLURM's commands, and ours, speak to it.
    """

    def __init__(self, folder: Path, nodes: int = 2, cores: int = 1):
        self.folder, self.cores = folder.resolve(), cores
        self.nodes = [f"n{number}" for number in range(nodes)]
        self.started: list[subprocess.Popen] = []
        self.conf = self.folder / "slurm.conf"
        self.environment = {**os.environ, "SLURM_CONF": str(self.conf)}

    def __enter__(self) -> "Slurm":
        self.folder.mkdir(parents=True)
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        self.folder.chmod(0o755)
        ports = free_ports(len(self.nodes) + 1)
        host = socket.gethostname()
        line = "NodeName={} NodeHostname={} NodeAddr=127.0.0.1 Port={} CPUs={} State=UNKNOWN"
        lines = [line.format(name, host, port, self.cores) for name, port in zip(self.nodes, ports, strict=False)]
        user = "root" if os.getuid() == 0 else os.environ["USER"]
        filled = CONF.format(host=host, controller=ports[-1], user=user, folder=self.folder, nodes="\n".join(lines))
        self.conf.write_text(filled)
        try:
            files = {name: f"{self.folder}/munge.{name}" for name in ("socket", "key", "pid", "log", "seed")}
            options = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
            given = [f"--{option}={files[name]}" for option, name in options.items()]
            self.start("munged", "--foreground", "--force", *given)
            wait_for(lambda: Path(files["socket"]).exists())
            self.start("slurmctld", "-D", "-f", str(self.conf))
            for name in self.nodes:
                # else slurmstepd, closing every descriptor there could be, is timed out
                self.start("sh", "-c", f"ulimit -n 4096; exec slurmd -D -N {name} -f {self.conf}")
            wait_for(lambda: self.ask("sinfo", "-h", "-o", "%T %D") == f"idle {len(self.nodes)}")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def start(self, *line: str) -> None:
        """A daemon, in a session of its own, with a log."""
        with open(self.folder / f"{line[0]}-{len(self.started)}.out", "wb") as log:
            given: dict[str, Any] = {"stdout": log, "stderr": log, "env": self.environment, "start_new_session": True}
            self.started.append(subprocess.Popen(line, **given))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self.started):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        deadline = time.monotonic() + 20
        while (steps := self.descendants()) and time.monotonic() < deadline:  # slurmd leaves them alive
            for pid in steps:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.2)

    def descendants(self) -> list[int]:
        """Processes that have our configuration in their environment: what our slurmds have begun."""
        daemons = {each.pid for each in self.started}
        return [pid for pid in marked("SLURM_CONF", str(self.conf)) if pid not in daemons]

    def ask(self, *line: str) -> str:
        """What a command of SLURM's says; empty where it cannot."""
        done = subprocess.run(line, env=self.environment, capture_output=True, text=True, timeout=30)
        return done.stdout.strip()

    def do(self, *line: str, seconds: float = 60) -> None:
        """A command of SLURM's that is to work."""
        subprocess.run(line, env=self.environment, check=True, capture_output=True, timeout=seconds)

    def announce(self, job: str) -> None:
        """Send a job the signal that SLURM sends shortly before its time is over; scancel asks on once it is gone."""
        try:
            self.do("scancel", "--signal=USR2", job, seconds=5)
        except subprocess.TimeoutExpired:
            pass

    def jobs(self, state: str = "RUNNING") -> list[str]:
        """The jobs in a state, array tasks each by itself."""
        return self.ask("squeue", "--noheader", "--array", f"--states={state}", "--format=%i").split()


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(question: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.2)
    raise TimeoutError("waited in vain")

import subprocess
import sys

SCRIPT = """
import gc, multiprocessing

def held(queue):
    queue.put(gc.get_freeze_count())

if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["numpy", "dropgrid.execution.gc_freeze"])
    queue = context.SimpleQueue()
    child = context.Process(target=held, args=(queue,))
    child.start()
    print(queue.get(), gc.get_freeze_count())
    child.join()
"""


def test_what_cells_share_is_left_alone_by_their_collector(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True)
    in_a_cell, in_the_command = map(int, done.stdout.split())
    assert in_a_cell > 10_000 and in_the_command == 0
    assert done.stderr == ""

"""A sweep in three tools: `python benchmarks/peers.py --template DIR --timm DIR [--work demo|keep_prob] [--python PY]`.

    git clone https://github.com/ashleve/lightning-hydra-template       # --template
    git clone https://github.com/huggingface/pytorch-image-models       # --timm
    pip install lightning hydra-colorlog rootutils rich torchmetrics huggingface_hub   # for --python, with dropgrid's

Rows × seeds (`peers/work.py`). Each job: a ResNet (`net.py`, checked against dropgrid's logits), digits of mnist5k in
whole batches, no augmentation, fp32, SGD with Nesterov momentum, decay on every parameter, cosine to 0 moving once an
epoch, DropBlock at a constant keep_prob after the convolutions of the last two groups; 500 images validate each epoch,
2500 test the weights of the best validation epoch. Each tool has both cores, as its users get them by default:

dropgrid    one `train.py -m`, cells side by side with a thread each; the table, figures and page are in its time. As it
            is, in float32 as the peers, and once more with speed=auto, which had measured what is fastest before. Its
            own cosine moves by step, so it is given one that moves by epoch (`by_epoch.py`).
template    lightning-hydra-template, unmodified: one `train.py -m`, jobs in turn with torch's default threads,
            num_workers 0, logger=csv. Its seed 0 means none: ours begin at 1. Its checkpoints hold classes, which
            torch since 2.6 reads only if told to by a variable.
timm        its train.py once a job, torch's default threads, 2 workers (fewer are slower, 0 it refuses), pictures as
            PNG files; then its validate.py once for all jobs. The net's DropBlock is torchvision's, not timm's own.

The peers run in a scratch copy or with scratch outputs. First each tool runs the sweep with one seed for one epoch,
unclocked, so that none pays for first imports; then they take turns, each repeat with seeds of its own. The difference
of accuracies is dropgrid − peer in the last row over the seeds of all repeats, with Welch's 95 % interval. Compare
ratios, not seconds, and leave the machine idle: threads that wait for one another, the peers', suffer far more from a
core that is taken.
"""

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import yaml
from measure import ROOT, keep, ratio, show
from safetensors.torch import load_file

from dropgrid.statistics.samples import welch_interval

PARTS = Path(__file__).parent / "peers"
sys.path.insert(0, str(PARTS))

from images import export  # noqa: E402
from net import Net  # noqa: E402
from work import WORKS, Work  # noqa: E402

CLONES = {
    "template": ("src/train.py", "https://github.com/ashleve/lightning-hydra-template"),
    "timm": ("train.py", "https://github.com/huggingface/pytorch-image-models"),
}
NEEDED = ("lightning", "hydra_plugins.hydra_colorlog", "rootutils", "rich", "torchmetrics", "huggingface_hub")
OURS = ("dropgrid", "dropgrid speed=auto")
KEYS = ("skip=false", "schedule=constant", "per_group_rate=false")

BY_EPOCH = "by_epoch.cosine_by_epoch"

Accuracies = dict[str, dict[int, float]]
"""Row -> seed -> test accuracy in percent."""


def quit_unless(fine: object, message: str) -> None:
    """End with one line."""
    if not fine:
        sys.exit(f"error: {message}")


class Tools:
    """The three sweeps, and what they share: one set of images, and one environment."""

    def __init__(self, work: Work, scratch: Path, template: Path, timm: Path, python: str):
        self.work = work
        self.scratch, self.timm_checkout, self.python = scratch, timm, python
        path = os.pathsep.join(filter(None, (str(PARTS), os.environ.get("PYTHONPATH"))))
        # bytecode is kept, as users have it, but outside the checkouts
        own = {"PYTHONPYCACHEPREFIX": str(scratch / "bytecode"), "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
        own |= {"DROPGRID_TARGETS": str(scratch / "targets.txt"), "PYTHONPATH": path}
        (scratch / "targets.txt").write_text(f"{BY_EPOCH}\n")
        self.environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | own
        self.template_copy = scratch / "template"
        shutil.copytree(template, self.template_copy, ignore=shutil.ignore_patterns(".git", "logs"))
        for part, place in {
            "net.py": "src/models/components/peers_net.py",
            "template_data.py": "src/data/digits_datamodule.py",
            "template_data.yaml": "configs/data/digits.yaml",
            "template_model.yaml": "configs/model/peers_net.yaml",
        }.items():
            shutil.copy(PARTS / part, self.template_copy / place)
        npz, self.png = self.template_copy / "data" / "digits.npz", scratch / "png"
        self.cache = scratch / "cache"
        self.images = export(work.images, npz, self.png, self.cache)

    @property
    def net(self) -> dict[str, int]:
        """The arguments of the peers' net but the rate."""
        return {**self.work.net, "block_size": self.work.block}

    def run(self, line: list[object], folder: Path, log: Path) -> None:
        """A command, with its output in a file whose end is shown if it fails."""
        with log.open("w") as out:
            words = list(map(str, line))
            done = subprocess.run(words, cwd=folder, env=self.environment, stdout=out, stderr=subprocess.STDOUT)
        quit_unless(done.returncode == 0, f"{' '.join(words)}\n{log.read_text()[-3000:]}")

    def dropgrid_auto(self, out: Path, seeds: range, epochs: int) -> Accuracies:
        """The same with the precision and memory format that are fastest here."""
        return self.dropgrid(out, seeds, epochs, "speed=auto")

    def dropgrid(self, out: Path, seeds: range, epochs: int, *more: str) -> Accuracies:
        """The demo's ablation with other rows."""
        rows = yaml.safe_load((ROOT / "conf/ablation/demo.yaml").read_text())["ablation"]["rows"]
        removed = [f"~ablation.rows.{row}" for row in rows]
        added = [f"+ablation.rows.{row}={self.row(drop_prob)}" for row, drop_prob in self.work.rows.items()]
        added += [f"report.baseline={next(iter(self.work.rows))}", f"model={self.work.model}"]
        sweep = [f"seed={','.join(map(str, seeds))}", f"trainer.max_epochs={epochs}", f"paths.outputs={out}"]
        sweep += [f"data.train={self.work.images}", f"data.batch_size={self.work.batch}"]
        sweep += [f"lr_schedule._target_={BY_EPOCH}", f"+lr_schedule.epochs={epochs}"]
        line = ["scripts/train.py", "-m", "+ablation=demo", *removed, *added, "optimizer.decay_all=true", *sweep, *more]
        # as the peers' images are made before the clock starts
        self.run([sys.executable, *line, "name=peers", f"paths.cache={self.cache}"], ROOT, out / "log.txt")
        found: Accuracies = {}
        for row in self.work.rows:
            for seed in seeds:
                path = out / "ablations" / "peers" / "cells" / row / f"seed{seed}" / "result.json"
                result = json.loads(path.read_text())
                found.setdefault(row, {})[seed] = 100 * result["metrics"]["test/acc_best"]
        return found

    def row(self, drop_prob: float) -> list[str]:
        """A row's overrides."""
        if not drop_prob:
            return ["regularizer=none"]
        keys = (f"keep_prob={1 - drop_prob}", f"block_size={self.work.block}", *KEYS)
        return ["regularizer=dropblock", *(f"regularizer.{key}" for key in keys)]

    def template(self, out: Path, seeds: range, epochs: int) -> Accuracies:
        """Its own multirun; accuracies from the CSV files of its logger."""
        choices = ["data=digits", "model=peers_net", "logger=csv", f"trainer.max_epochs={epochs}"]
        choices += [f"data.batch_size={self.work.batch}"]
        choices += [f"model.net.{key}={value}" for key, value in self.net.items()]
        drop_probs = f"model.net.drop_prob={','.join(map(str, self.work.rows.values()))}"
        sweep = [drop_probs, f"seed={','.join(map(str, seeds))}", f"hydra.sweep.dir={out}"]
        self.run([self.python, "src/train.py", "-m", *choices, *sweep], self.template_copy, out / "log.txt")
        names = {str(drop_prob): row for row, drop_prob in self.work.rows.items()}
        found: Accuracies = {}
        for job in out.glob("[0-9]*"):
            overrides = dict(each.split("=") for each in yaml.safe_load((job / ".hydra/overrides.yaml").read_text()))
            with next(job.glob("csv/*/metrics.csv")).open() as file:
                (accuracy,) = [float(line["test/acc"]) for line in csv.DictReader(file) if line.get("test/acc")]
            row = names[overrides["model.net.drop_prob"]]
            found.setdefault(row, {})[int(overrides["seed"])] = 100 * accuracy
        return found

    def timm(self, out: Path, seeds: range, epochs: int) -> Accuracies:
        """Its train.py for each job, then its validate.py over the best checkpoints of all of them."""
        given = [f"{key}={value}" for key, value in self.net.items()]
        model = ["--model", "peers_net", "--model-kwargs", *given]
        model += ["--num-classes", 10, "--input-size", 1, 28, 28, "--crop-pct", 1]
        data = ["--data-dir", self.png, "--mean", self.images.mean, "--std", self.images.std]
        common = [*model, *data, "--device", "cpu", "--workers", 2]
        recipe = ["--epochs", epochs, "--batch-size", self.work.batch, "--no-aug", "--smoothing", 0]
        recipe += ["--opt", "sgd", "--lr", 0.05, "--weight-decay", 5e-4, "--opt-kwargs", "filter_bias_and_bn=False"]
        recipe += ["--sched", "cosine", "--warmup-epochs", 0]
        start = [self.python, PARTS / "timm_run.py"]
        (best := out / "best").mkdir()
        for seed in seeds:
            for row, drop_prob in self.work.rows.items():
                job = f"{row}-{seed}"
                own = ["--seed", seed, "--drop-block", drop_prob, "--output", out, "--experiment", job]
                self.run([*start, self.timm_checkout / "train.py", *common, *recipe, *own], out, out / f"{job}.txt")
                (best / f"{job}.pth.tar").symlink_to(out / job / "model_best.pth.tar")
        asked = ["--split", "test", "--checkpoint", best]
        asked += ["--results-file", out / "test.json", "--results-format", "json"]
        self.run([*start, self.timm_checkout / "validate.py", *common, *asked], out, out / "test.txt")
        found: Accuracies = {}
        for result in json.loads((out / "test.json").read_text()):
            row, _, seed = Path(result["checkpoint"]).name.split(".")[0].partition("-")
            found.setdefault(row, {})[int(seed)] = result["top1"]
        return found

    def turn(self, label: str, seeds: range, epochs: int) -> dict[str, tuple[float, Accuracies]]:
        """The sweep in each tool, one after the other: seconds, and what its jobs reached."""
        sweeps = {OURS[0]: self.dropgrid, OURS[1]: self.dropgrid_auto, "template": self.template, "timm": self.timm}
        found = {}
        for name, sweep in sweeps.items():
            out = self.scratch / label.replace(" ", "-") / name.replace(" ", "-").replace("=", "-")
            out.mkdir(parents=True)
            start = time.perf_counter()
            accuracies = sweep(out, seeds, epochs)
            found[name] = time.perf_counter() - start, accuracies
            print(f"{label}: {name} {found[name][0]:.1f} s, load average {os.getloadavg()[0]:.1f}", flush=True)
        return found

    def same_net(self, cell: Path) -> int:
        """The parameters of the peers' net, once it has given the logits of a finished cell of dropgrid's."""
        net = Net(**self.net).eval()
        net.load_state_dict(load_file(cell / "last.safetensors"))
        images = torch.from_numpy(self.images.test)[:, None] / 255
        with torch.no_grad(), np.load(cell / "predictions.npz") as predictions:
            logits = net((images - self.images.mean) / self.images.std).numpy()
            same = np.array_equal(predictions["targets"], self.images.test_labels)
            quit_unless(same and np.allclose(logits, predictions["last"], atol=1e-4), "the nets or images differ")
        count = sum(parameter.numel() for parameter in net.parameters())
        ours = json.loads((cell / "result.json").read_text())["parameters"]
        quit_unless(ours == count, f"dropgrid's net has {ours} parameters, the peers' {count}")
        return count


def commit(checkout: Path) -> str:
    """Of a checkout."""
    done = subprocess.run(["git", "-C", checkout, "rev-parse", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def pooled(found: Sequence[Accuracies]) -> Accuracies:
    """Those of all repeats."""
    return {row: {seed: each for turn in found for seed, each in turn[row].items()} for row in found[0]}


def difference(ours: dict[int, float], theirs: dict[int, float]) -> dict[str, float]:
    """Of the means, with Welch's interval."""
    low, high = welch_interval(ours, theirs) or (float("nan"), float("nan"))
    mean = statistics.fmean(ours.values()) - statistics.fmean(theirs.values())
    return {"mean": mean, "low": low, "high": high, "n": len(ours)}


def arguments() -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--template", type=Path, default=Path("lightning-hydra-template"), help="its checkout")
    parser.add_argument("--timm", type=Path, default=Path("pytorch-image-models"), help="its checkout")
    parser.add_argument("--python", default=sys.executable, help="that runs the peers")
    parser.add_argument("--work", choices=WORKS, default="demo")
    parser.add_argument("--quick", action="store_true", help="2 seeds, 2 epochs, 1 repeat")
    given = parser.parse_args()
    given.kept = "peers" if given.work == "demo" else f"peers_{given.work}"
    given.work = WORKS[given.work]
    if given.quick:
        given.work = given.work._replace(seeds=2, epochs=2, repeats=1)
    for name, (script, address) in CLONES.items():
        checkout = getattr(given, name).resolve()
        quit_unless((checkout / script).exists(), f"--{name}: {checkout} has no {script}; git clone {address}")
        setattr(given, name, checkout)
    check = f"import importlib.util as u; print(*[m for m in {NEEDED} if u.find_spec(m) is None])"
    missing = subprocess.run([given.python, "-c", check], capture_output=True, text=True, check=True).stdout.split()
    quit_unless(not missing, f"{given.python} lacks {', '.join(missing)}; see --help")
    return given


def main() -> None:
    given = arguments()
    work = given.work
    with tempfile.TemporaryDirectory(prefix="dropgrid-peers-") as place:
        tools = Tools(work, Path(place), given.template, given.timm, given.python)
        tools.turn("warm-up", range(1, 2), 1)
        parameters = tools.same_net(next(Path(place).glob("warm-up/dropgrid/runs/*")))
        turns = []
        for number in range(work.repeats):
            seeds = range(number * work.seeds + 1, (number + 1) * work.seeds + 1)
            turns.append(tools.turn(f"repeat {number + 1}", seeds, work.epochs))
    seconds = {name: [turn[name][0] for turn in turns] for name in turns[0]}
    accuracies = {name: pooled([turn[name][1] for turn in turns]) for name in turns[0]}
    pairs = [(peer, our) for peer in CLONES for our in OURS]
    ratios = {f"{peer} / {our}": ratio(seconds[peer], seconds[our]) for peer, our in pairs}
    *_, last = work.rows
    compared = {f"{our} − {peer}": difference(accuracies[our][last], accuracies[peer][last]) for peer, our in pairs}
    keep(
        given.kept,
        ratios,
        accuracy_difference_points=compared,
        test_accuracy_percent={
            name: {row: [found[seed] for seed in sorted(found)] for row, found in rows.items()}
            for name, rows in accuracies.items()
        },
        seconds=seconds,
        net=work.model,
        rows=work.rows,
        block=work.block,
        images=work.images,
        batch=work.batch,
        jobs=len(work.rows) * work.seeds,
        epochs=work.epochs,
        parameters=parameters,
        commits={peer: commit(getattr(given, peer)) for peer in CLONES},
    )
    show(ratios)
    for names, each in compared.items():
        print(f"accuracy, {names}: {each['mean']:+.2f} [{each['low']:+.2f}, {each['high']:+.2f}] points")


if __name__ == "__main__":
    main()

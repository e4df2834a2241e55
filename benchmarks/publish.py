"""Put the kept figures of `results/` into README.md and docs/: `python benchmarks/publish.py`. None there is typed."""

import json
import math
from pathlib import Path

from dropgrid.reports.publish import replace_results

ROOT = Path(__file__).parents[1]


def faults(found: dict) -> str:
    """What `make test-faults` did to a sweep."""
    kills, others = found["kills"], found["others"]
    same = "ended with the same table and bit-identical weights" if found["identical"] else "ended DIFFERENT"
    return (
        f"`make test-faults` put a sweep of {found['cells']} cells through {sum(kills.values())} SIGKILLs "
        f"({kills['training']} in training steps, {kills['parent']} to the command itself, {kills['validation']} in "
        f"validation, {kills['checkpoint write']} in writing checkpoints, {kills['result write']} in writing results), "
        f"{others['damaged checkpoint']} damaged checkpoints, a full file system, and the same command started "
        f"twice. After {found['attempts']} attempts and {found['commands']} commands it {same}, compared with an "
        f"uninterrupted sweep."
    )


def overhead(found: dict) -> str:
    """What a cell costs besides training."""
    outside = found["outside_training_seconds"]
    return (
        f"Per-cell overhead besides training, for a cell of the demo: {outside['mean']:.2f} s (max "
        f"{outside['max']:.2f} s), from fork to first step and from last step to result. Checkpoints at "
        f"the highest allowed frequency take "
        f"{100 * found['checkpoint_share_of_training']:.1f} % of training time "
        f"({found['machine']['processor']}, {found['machine']['threads']} thread; `benchmarks/overhead.py`)."
    )


def times(found: dict, digits: int = 1) -> str:
    """A ratio as a table has it: median, and the middle half of the rounds."""
    low, middle, high = (f"{found[key]:.{digits}f}" for key in ("low", "median", "high"))
    return f"{middle} [{low}, {high}]"


def where(found: dict) -> str:
    """The machine, in a few words."""
    about = found["machine"]
    threads = f"{about['threads']} thread" + ("s" if about["threads"] > 1 else "")
    return f"{about['processor']}, {threads}, torch {about['versions']['torch']}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """Markdown; all columns but the first to the right."""
    line = ["---", *["--:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(each) + " |" for each in (header, line, *rows))


def cases(ratios: dict) -> dict[str, dict]:
    """case -> comparison -> ratio, of names `case: comparison`."""
    found: dict[str, dict] = {}
    for name, each in ratios.items():
        case, _, what = name.partition(": ")
        found.setdefault(case, {})[what] = each
    return found


def by_case(title: str, columns: dict[str, str], found: dict, digits: int) -> str:
    """A row for each case; columns are comparisons by their heading, empty where a case lacks one."""
    rows = [
        [case, *(times(each[name], digits) if name in each else "" for name in columns.values())]
        for case, each in cases(found["ratios"]).items()
    ]
    return table([title, *columns], rows)


def op(found: dict) -> str:
    """The op's table."""
    columns = {
        "ours": "dropgrid / floor",
        "ours without Numba": "dropgrid without Numba / floor",
        "torchvision": "torchvision / floor",
        "torchvision / ours": "torchvision / dropgrid",
        "our dropout": "dropgrid's dropout / floor",
        "F.dropout": "F.dropout / floor",
    }
    kept = found["kept_for_backward"].values()
    return (
        f"{by_case('p = 0.1, float32', columns, found, 1)}\n\n"
        f"Multiples of `x.mul`, forward and backward: median [middle half of the rounds]. Kept for backward: "
        f"{100 * min(kept):.1f} to {100 * max(kept):.1f} % of x. {where(found)}; `benchmarks/op.py`."
    )


def step(found: dict) -> str:
    """What a training step costs with each."""
    names = {"ours": "dropgrid / none", "torchvision": "torchvision / none", "F.dropout": "F.dropout / none"}
    return (
        f"{by_case('step / the same without dropping', names, found, 2)}\n\n"
        f"keep_prob 0.9, block 7, on the last two groups. {where(found)}; `benchmarks/step.py`."
    )


def loop(found: dict) -> str:
    """Our loop against one by hand."""
    (each,) = found["ratios"].values()
    return (
        f"Our training loop, including Lightning, the checkpoint timer, metrics and heartbeat, has {times(each, 3)} of "
        f"the rate of a loop written by hand in PyTorch, on the demo's cell; the final weights are bit-identical. "
        f"{where(found)}; `benchmarks/loop.py`."
    )


def augment(found: dict) -> str:
    """Crop and flip, all images at once."""
    (each,) = found["ratios"].values()
    return (
        f"A crop and a flip of each image of a batch of 128 at 32² take torchvision's transforms, image by image, "
        f"{times(each, 0)} times as long as ours take on the batch. {where(found)}; `benchmarks/augment.py`."
    )


def volumes(found: dict) -> str:
    """DropBlock on volumes and lines."""
    rows = [[*name.split(": "), times(each, 1)] for name, each in found["ratios"].items()]
    return f"{table(['input', 'ratio', ''], rows)}\n\n{where(found)}; `benchmarks/volumes.py`."


def loader(found: dict) -> str:
    """Images a second from files, beside torchvision's and beside decoding alone."""
    beside, floor, theirs = found["ratios"].values()
    files = f"JPEGs of 400×350, {found['bytes_each'] / 1000:.0f} kB; a random crop resized to 224², a flip"
    return (
        f"From a folder {found['workers']} workers give {times(beside, 2)} of the images a second that torchvision's "
        f"ImageFolder and a DataLoader give with the same transforms ({files}), and {times(floor, 2)} of those that "
        f"they only decode (torchvision: {times(theirs, 2)}). {where(found)}; `benchmarks/loader.py`."
    )


def norms(found: dict) -> str:
    """What each norm costs a step, and batch norm beside the convolutions."""
    ((case, each),) = cases(found["ratios"]).items()
    *costs, share = each.items()
    rows = [[name.removesuffix(" / none"), times(ratio, 2)] for name, ratio in costs]
    return (
        f"{table(['norm', 'step / the same without a norm'], rows)}\n\n{case}. Batch norm's operations, forward and "
        f"backward, take {times(share[1], 2)} of the time of the convolutions'. {where(found)}; `benchmarks/norms.py`."
    )


def lstm(found: dict) -> str:
    """Our LSTM against scripted loops."""
    loop = "a scripted loop"
    columns = {
        "no norm / no norm": f"ours without norm / {loop} without norm",
        "layer norm / layer norm": f"ours with layer norm / {loop} with layer norm",
        "layer norm / no norm": f"ours with layer norm / {loop} without norm",
    }
    return (
        f"{by_case('batch × units, ours / a scripted loop', columns, found, 2)}\n\n"
        f"Forward and backward, {found['rows']} rows of an image. {where(found)}; `benchmarks/lstm.py`."
    )


def peers(found: dict) -> str:
    """One sweep in three tools."""
    titles = {"template": "lightning-hydra-template", "timm": "timm's train.py"}
    rows = []
    for names, each in found["ratios"].items():
        peer, _, ours = names.partition(" / ")
        apart = found["accuracy_difference_points"][f"{ours} − {peer}"]
        points = f"{apart['mean']:+.2f} [{apart['low']:+.2f}, {apart['high']:+.2f}]".replace("-", "−")
        rows.append([f"{titles[peer]} / {ours}", times(each, 2), points])
    (count,) = {each["n"] for each in found["accuracy_difference_points"].values()}
    header = ["seconds of the same sweep", "ratio", "ours − theirs, points [95 % CI]"]
    halves = " and half with ".join(map(str, found["rows"].values()))
    return (
        f"{table(header, rows)}\n\n{found['jobs']} jobs of {found['epochs']} epochs on {found['images']:,} digits "
        f"in batches of {found['batch']}, half with drop_prob {halves} (block {found['block']}), of "
        f"`model={found['net']}` with {found['parameters']:,} parameters, from the command to the last result, "
        f"{len(found['seconds']['timm'])} ×; accuracy in the second half, Welch's interval over {count} seeds each. "
        f"{where(found)}, all on 2 cores; `benchmarks/peers.py` says how each is used."
    )


def cells(found: dict) -> str:
    """What a sweep of many cells costs besides training."""
    parts = found["planning"]["of which"]
    names = {
        "planning": "plan, check, record (before the first cell)",
        "status": "`status.py many`, all finished",
        "status_running": "`status.py many`, some running",
        "report": "`report.py many`",
        "again": "the same command again",
    }
    goals = {"planning": "60", "status": "2", "status_running": "2", "report": "60"}
    rows = [
        [said, f"{found[key]['clock']:.1f}", f"{found[key]['processors']:.1f}", goals.get(key, "–")]
        for key, said in names.items()
    ]
    about = found["machine"]
    return (
        f"{table(['command', 'seconds', 'CPU seconds', 'goal'], rows)}\n\n{found['rows'] * found['seeds']:,} cells. "
        f"The first planning took {parts['plan']:.0f} s, checking {parts['check']:.0f} s, recording "
        f"{parts['record']:.0f} s; the rest is imports. {about['processor']}, {about['cores']} cores, shared (load "
        f"average {about['load_average']:.1f} at the end); `benchmarks/cells.py 500 20`."
    )


def load(found: dict) -> str:
    """What many cells cost their reader."""
    commands = next(iter(found["cells"].values()))
    rows = [
        [command, *(f"{each[command]['cpu_seconds']:.1f} s, {each[command]['memory_mb']:.0f} MB" for each in counts)]
        for command in commands
        for counts in [list(found["cells"].values())]
    ]
    header = ["CPU seconds and memory", *(f"{int(count):,} cells" for count in found["cells"])]
    return f"{table(header, rows)}\n\n{where(found)}; `benchmarks/load.py`."


def tune_halving(found: dict) -> str:
    """What halving saves in tuning, and what it costs."""
    rows = [
        [
            f"`{name}`",
            str(each["settings"]),
            f"{each['price']['epochs']:.2f}",
            f"{each['price']['seconds']:.2f}",
            f"{each['same']} of {each['rows']}",
            f"{each['loss']['mean']:.2f}",
            f"{each['loss']['most']:.2f}",
        ]
        for name, each in found["ablations"].items()
    ]
    header = ["Ablation", "Settings a row", "Epochs", "Seconds", "Same choice", "Mean loss, points", "Largest"]
    return f"{table(header, rows)}\n\n{where(found)}; `benchmarks/tune_halving.py`."


def scaling(found: dict) -> str:
    """How costs grow."""
    grown = {name.removesuffix(": exponent"): each["median"] for name, each in found["ratios"].items()}
    rows = [[name, f"{k:.2f}"] for name, k in grown.items()]
    return f"{table(['cost ∝ work^k between the middle point and the last', 'k'], rows)}\n\n{where(found)}."


def levels(found: dict) -> str:
    """What the simulations of the statistics found, as docs/trust.md has it."""
    designs = list(found["powers"]["predicted"])
    heads = [each.replace("/", " rows, n = ") for each in designs]
    error = math.sqrt(0.05 * 0.95 / found["tables"])
    missed = [[name, *(f"{each[key]:.3f}" for key in designs)] for name, each in found["levels"].items()]
    shown = [[name, *(f"{each[key]:.2f}" for key in designs)] for name, each in found["powers"].items()]
    shown += [
        [f"previous rule: {name}", *(f"{each[key]:.2f}" for key in designs)]
        for name, each in found.get("before", {}).get("powers", {}).items()
    ]
    before = [
        [f"previous rule: {name}", *(f"{each[key]:.3f}" for key in designs)]
        for name, each in found.get("before", {}).get("levels", {}).items()
    ]
    pilots = "; ".join(
        f"{rows} compared: {each['power']:.3f} (standard error {each['error']:.3f}) with a median of "
        f"{each['median_seeds']:.0f} seeds"
        for rows, each in found["pilots"].items()
    )
    half = found["tables"] // 2
    error_of_half = f"one standard error: at most {0.5 / math.sqrt(half):.3f}"
    planned = [
        [*key.split("/"), f"{each['predicted']:.2f}", f"{each['shown']:.2f}"] for key, each in found["planned"].items()
    ]
    none, some = found["sequential"].values()
    parts = [
        f"**Level.** Share of tables in which any interval misses the truth, {found['tables']} tables each (one "
        f"standard error: {error:.3f}). Rows compared with the baseline, and seeds.",
        table(["", *heads], missed + before),
        "**Power.** Share of tables that show one row's true difference: 4 (n = 3), 2.5 (n = 5) or 1.6 "
        f"(n = 10) standard deviations of a row, {half} tables each ({error_of_half}). "
        "*Predicted* is what `plan.py` computes.",
        table(["", *heads], shown),
        "The previous rule (Dunnett's intervals, spreads moderated over rows) had more power, above all with three "
        "seeds and many rows, because it pooled the spread of all rows. This pooling also made it miss in more than "
        "5 % of tables if rows vary unequally. A rule that holds its level for any spreads must estimate each of them "
        "with n − 1 degrees of freedom, which costs power; more seeds compensate for it.",
        f"**Sizes.** Realised power with the number of seeds planned for 80 %, averaged over pilots of 3 seeds: "
        f"{pilots}.",
        "A difference that the planner predicts to be shown with 80 %, and how often it is, if the choice of test "
        f"images has a share of the squared error ({half} tables each; {error_of_half}).",
        table(["Compared", "Seeds", "Share of test images", "Predicted", "Shown"], planned),
        "**`sweep.seeds=auto`**, 4 rows, standard deviation of differences 0.7, `detect` 1, at most 12 seeds. Without "
        f"a difference it stops at a median of {none['median_seeds']:.0f} seeds (mean {none['mean_seeds']:.1f}) and "
        f"finds a difference in {100 * none['false']:.1f} % of tables. A difference of 1 is shown in "
        f"{100 * some['shown']:.1f} % of tables, and with a fixed 12 seeds in {100 * some['shown_by_fixed_12']:.1f} % "
        f"({half} tables each; {error_of_half}).",
    ]
    return "\n\n".join(parts)


def summary(_: dict) -> str:
    """The README's few lines."""
    folder = ROOT / "results" / "benchmarks"
    kept = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("op", "step", "loop")}
    seven = {case: each for case, each in cases(kept["op"]["ratios"]).items() if case.startswith("block 7,")}
    ours = [each["dropgrid / floor"]["median"] for each in seven.values()]
    gain = [each["torchvision / dropgrid"]["median"] for each in seven.values()]
    steps = cases(kept["step"]["ratios"])
    small = next(each for case, each in steps.items() if case.startswith("ResNet-20"))
    (rate,) = kept["loop"]["ratios"].values()
    over = {name: 100 * (small[f"{name} / none"]["median"] - 1) for name in ("dropgrid", "torchvision")}
    return (
        f"DropBlock, forward and backward, takes {min(ours):.1f} to {max(ours):.1f} times what `x.mul` takes (block 7, "
        f"five shapes, two memory formats), {min(gain):.0f} to {max(gain):.0f} times less than torchvision's; it adds "
        f"{over['dropgrid']:.0f} % to a ResNet-20's training step, torchvision's {over['torchvision']:.0f} %. "
        f"The training loop has {100 * rate['median']:.0f} % of the rate of one written by hand ({where(kept['op'])})."
    )


PARTS = {
    "faults": faults,
    "overhead": overhead,
    "benchmarks/op": op,
    "benchmarks/step": step,
    "benchmarks/loop": loop,
    "benchmarks/augment": augment,
    "benchmarks/load": load,
    "benchmarks/loader": loader,
    "benchmarks/volumes": volumes,
    "benchmarks/norms": norms,
    "benchmarks/lstm": lstm,
    "benchmarks/peers": peers,
    "benchmarks/peers_keep_prob": peers,
    "benchmarks/scaling": scaling,
    "benchmarks/tune_halving": tune_halving,
    "benchmarks/cells": cells,
    "benchmarks/levels": levels,
    "benchmarks/summary": summary,
}
"""What stands between `<!-- results/NAME -->` and `<!-- end -->`, made of results/NAME.json."""

PAGES = (
    *("README.md", "docs/comparison.md", "docs/engine.md", "docs/scale.md", "docs/speed.md", "docs/reading.md"),
    *("docs/trust.md", "docs/outside.md"),
)


def renewed(text: str) -> str:
    """A page whose marked parts say what the kept figures say now."""
    for name, said in PARTS.items():
        if f"<!-- results/{name} -->\n" in text:
            path = ROOT / "results" / f"{name}.json"
            text = replace_results(text, name, said(json.loads(path.read_text()) if path.exists() else {}))
    return text


def main() -> None:
    for page in PAGES:
        path = ROOT / page
        path.write_text(renewed(path.read_text()))


if __name__ == "__main__":
    main()

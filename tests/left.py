"""Arrays and results as evaluations leave them on cells that nobody trained."""

import json

import numpy as np

from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read


def leave(fake, row, option, arrays, metrics, seeds=3, label=None, **factors):
    """`arrays(seed)` and `metrics(seed)` on the cells of a row."""
    label = label or option
    for cell in fake.of(row, **factors)[:seeds]:
        seed = cell["line"]["seed"]
        fake.asked(label)
        folder = fake.outputs / "runs" / cell["line"]["cell"] / "evaluations"
        folder.mkdir(parents=True, exist_ok=True)
        kept = arrays(seed)
        np.savez(folder / f"{label}.npz", **kept)
        found = metrics(seed)
        result = {
            "evaluate": label,
            "config": {"evaluate": option},
            "metrics": found,
            "headings": {name: [name, "%" if name == "sparsity" else ""] for name in found},
            "arrays": list(kept),
        }
        (folder / f"{label}.json").write_text(json.dumps(result))


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


def texts(drawn):
    return [each.get_text() for each in drawn.texts]


def words(drawn):
    """The caption in one line."""
    return " ".join(texts(drawn)[-1].split())


def within(drawn):
    """Whether every text of the figure and its panels is on it, and no panel's title runs into its neighbour's."""
    boxes = [text.get_window_extent() for text in drawn.texts if text.get_text()]
    boxes += [axes.get_tightbbox() for axes in drawn.axes]
    return all(
        drawn.bbox.x0 <= box.x0 and box.x1 <= drawn.bbox.x1 and drawn.bbox.y0 <= box.y0 and box.y1 <= drawn.bbox.y1
        for box in boxes
    )


def apart(drawn):
    """Whether no two texts of the figure lie on each other, nor a text and what a panel holds with its axes."""
    boxes = [text.get_window_extent() for text in drawn.texts if text.get_text()]
    panels = [axes.get_tightbbox() for axes in drawn.axes]
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]] + [(a, b) for a in boxes for b in panels]
    return not any(a.x1 > b.x0 + 1 and b.x1 > a.x0 + 1 and a.y1 > b.y0 + 1 and b.y1 > a.y0 + 1 for a, b in pairs)

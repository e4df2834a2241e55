"""The names of a task's numbers in tables, figures and logs. No torch here: a report needs only the names."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

PERCENT = "%"


@dataclass(frozen=True)
class TaskDescription:
    """The names of a task's numbers; an ablation.json has it under `task`."""

    headlines: Mapping[str, str]
    """Metrics of `Task.measure` (and of validation: `<selected>_last`, `<selected>_best`) that a table may be about,
    with their titles; more is better of each. The first is the default, `test/<name>_last`."""

    quantity: str
    """What the headlines measure, to begin a label with: `Accuracy`."""

    unit: str
    """The unit of the headlines: `%` for values in [0, 1], else as it is shown."""

    selected: str
    """The number of an epoch, more of which is better, that chooses the best epoch: `val/<name>`."""

    shown: Mapping[str, str]
    """The numbers of an epoch that logs and dashboards show, with their titles."""

    lower_is_better: bool = False
    """Whether less of the headline is better; of those of our own tasks more is."""

    chosen_by: str = ""
    """The metric by which a setting is chosen; empty: that of validation, see `selecting`."""

    @property
    def difference_unit(self) -> str:
        """The unit of a difference between two headlines."""
        return "points" if self.unit == PERCENT else self.unit

    def metric(self, phase: str, weights: str = "") -> str:
        """Return the key of the selected number in another phase (`train/acc`), or of a test (`test/acc_last`)."""
        name = self.selected.rpartition("/")[2]
        return f"{phase}/{name}_{weights}" if weights else f"{phase}/{name}"

    def selecting(self, metric: str) -> str:
        """Return the validation metric by which a setting is chosen whose headline is then quoted: `val/acc_best` for
        a headline of the best epoch's weights, else `val/acc_last`."""
        if self.chosen_by:
            return self.chosen_by
        return self.metric("val", "best" if metric == self.metric("test", "best") else "last")

    def title(self, metric: str) -> str:
        """Return the title of a headline, or of a number that an epoch shows; the key itself for others."""
        return self.headlines.get(metric) or self.shown.get(metric) or metric

    def to_json(self) -> dict[str, Any]:
        """Return what `description_of` reads."""
        return asdict(self)


TRAINS_ITSELF: Mapping[str, Collection[str]] = {
    "Function": ("threads",),
    "Lightning": (
        *("threads", "max_epochs", "max_steps", "precision", "deterministic", "benchmark", "detect_anomaly"),
        *("accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm"),
        *("limit_train_batches", "limit_val_batches", "limit_test_batches"),
    ),
}
"""Tasks that are trainings of one's own -> the keys of `trainer` that they read."""


def trains_itself(config: Mapping[str, Any]) -> bool:
    """Predicate: a cell with a config is trained by code of one's own, and not by our Learner."""
    return task_option(config) in TRAINS_ITSELF


def task_option(config: Mapping[str, Any]) -> str:
    """Return the option of a config's task."""
    return str((config.get("task") or {}).get("option"))


CLASSIFICATION = TaskDescription(
    headlines={
        "test/acc_last": "Test accuracy",
        "test/acc_best": "Test accuracy at best validation epoch",
        "test/top5_last": "Top-5",
        "val/acc_last": "Validation accuracy",
        "val/acc_best": "Validation accuracy at best epoch",
        "train/acc": "Train accuracy",
    },
    quantity="Accuracy",
    unit=PERCENT,
    selected="val/acc",
    shown={
        "train/loss": "Training loss",
        "train/acc": "Training accuracy",
        "val/loss": "Validation loss",
        "val/acc": "Validation accuracy",
    },
)
"""The description of `dropgrid.tasks.classification.Classification`, and of every ablation.json without one."""

SEGMENTATION = TaskDescription(
    headlines={
        "test/miou_last": "Test mIoU",
        "test/miou_best": "Test mIoU at best validation epoch",
        "test/image_miou_last": "Mean over test images of their mIoU",
        "test/pixels_last": "Test pixel accuracy",
        "val/miou_last": "Validation mIoU",
        "val/miou_best": "Validation mIoU at best epoch",
        "train/miou": "Train mIoU",
    },
    quantity="mIoU",
    unit=PERCENT,
    selected="val/miou",
    shown={
        "train/loss": "Training loss",
        "train/miou": "Training mIoU",
        "val/loss": "Validation loss",
        "val/miou": "Validation mIoU",
    },
)
"""The description of `dropgrid.tasks.segmentation.Segmentation`."""


def description_of(about: Mapping[str, Any]) -> TaskDescription:
    """Return the task of an ablation's `about`: its ablation.json, or a plan's."""
    given = about.get("task")
    if not given:
        return CLASSIFICATION
    return TaskDescription(
        **{field.name: given[field.name] for field in fields(TaskDescription) if field.name in given}
    )

"""An LSTM that reads an image as a sequence; see `dropgrid.models.recurrent` for its layers, norms and dropout."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks, streams
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.models.recurrent import LSTMLayer
from dropgrid.models.recurrent_norms import LAYER_NORMS
from dropgrid.sites import AbstractRandom, Option

ORDERS = ("rows", "pixels", "permuted")


class TrainRows(AbstractRandom):
    """Keeps in training the first k rows of every image, k uniform in `least` … `most`, drawn for each micro-batch.

    (N, T, D) -> (N, k · T / rows, D), with T / rows steps per row; in eval mode all rows. Rows left out are counted:
    a fraction of 1 - (least + most) / (2 · rows).
    """

    counts = "rows left out"
    in_inference = False

    def __init__(self, least: int, most: int, rows: int):
        super().__init__(1 - (least + most) / (2 * rows))
        self.least, self.most, self.rows = least, most, rows
        self.site = "train_rows"
        self.drawn = least

    def advance_hashed(self, level: float, key: int) -> None:
        super().advance_hashed(level, key)
        self.drawn = self.drawn_of(key)  # here, where the key is no tensor yet: nothing is read back from a device

    def drawn_of(self, key: int) -> int:
        """Return the number of rows for a key."""
        return self.least + key % (self.most - self.least + 1)

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return input
        drawn = self.drawn if self.keyed or input.is_meta else self.drawn_of(int(self.next_key()))
        self.count(self.rows - drawn, self.rows)
        return input[:, : drawn * (input.shape[1] // self.rows)]

    def draws(self, batch: int) -> int:
        return 1

    def expected(self, shape: Sequence[int], level: np.ndarray) -> np.ndarray:
        return np.full_like(level, self.full_level)

    def variance(self, shape: Sequence[int], level: np.ndarray) -> np.ndarray:
        values = self.most - self.least + 1
        return np.full_like(level, (values**2 - 1) / 12 / self.rows**2)

    def extra_repr(self) -> str:
        return f"least={self.least}, most={self.most}, rows={self.rows}"


class Reading(nn.Module):
    """An image as a sequence, (N, C, H, W) -> (N, T, D).

    `rows`: T = H rows of D = C · W values, channel by channel. `pixels`: T = H · W pixels of D = C values, row by row.
    `permuted`: the same in one fixed random order, a function of `seed` and H · W alone (Le, Jaitly, Hinton, 2015).
    """

    order: Tensor | None

    def __init__(self, order: str, seed: int, shape: tuple[int, int, int]):
        super().__init__()
        self.kind = order
        channels, height, width = shape
        self.per_row = 1 if order == "rows" else width
        self.inputs = channels * width if order == "rows" else channels
        places = None
        if order == "permuted":
            generator = streams.generator(seed, "permutation")
            drawn = torch.randperm(height * width, generator=generator, device="cpu")
            places = drawn.to(torch.empty(0).device)  # meta, where the model is built there
        self.register_buffer("order", places, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        if self.kind == "rows":
            return input.transpose(1, 2).flatten(2)
        pixels = input.flatten(2).transpose(1, 2)
        return pixels if self.order is None else pixels[:, self.order]

    def extra_repr(self) -> str:
        return f"order={self.kind}"


class LSTM(nn.Module):
    """An LSTM over an image's rows or pixels, linear classifier on its last state; (N, C, H, W) -> (N, classes).

    Every layer is a group, `layer1`, `layer2`, … A layer of H units with D inputs has 4 · (D · H + H² + H) weights and
    biases (torch.nn.LSTM without one of its two biases); with norm=layer 4 · (D · H + H²) weights and 10 · H gains and
    shifts, 18 · H in the paper's form; with norm=batch 14 · H. With norm=batch each step has its own statistics; at
    inference, steps beyond the longest training sequence of `train_rows` use the last step's (see
    `dropgrid.models.recurrent_norms`).

    Args:
        hidden: units of each layer.
        inner: g, the activation of candidate and output: tanh, or `activation` for the axis's option, which otherwise
            must be tanh or the default ReLU.
        forget_bias: a constant added to the forget gates, after their norm.
        layer_norm: the form of norm=layer and norm=group in a cell: `gates`, `tensorflow` or `paper` (see
            `dropgrid.models.recurrent_norms`); `gates` with any other norm.
        gain, shift: initial gain and shift of a layer norm; None: 1 and 0.
        order: rows, pixels or permuted (see `Reading`).
        permutation_seed: seed of the permuted order.
        train_rows: None, or the least and the most rows of a training batch (see `TrainRows`).
        shape: shape of an image, (C, H, W).
        classes: number of classes.
        norm, activation: the axes' options.
        sites: regularizer options, called for every site.

    Raises:
        ValueError: an argument is out of its range, or a norm that has no form in a cell.

    Source: of recurrent dropout, on the update and never on the memory, Semeniuta, Severyn, Barth, COLING 2016, §3.
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int],
        inner: str,
        forget_bias: float,
        layer_norm: str,
        gain: float | None,
        shift: float | None,
        order: str,
        permutation_seed: int,
        train_rows: Sequence[int] | None,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        checks.whole_numbers("model.hidden", hidden)
        checks.one_of("model.order", order, ORDERS)
        checks.whole_number("model.classes", classes, 1)
        checks.number("model.forget_bias", forget_bias)
        checks.one_of("model.layer_norm", layer_norm, LAYER_NORMS)
        for name, value in (("gain", gain), ("shift", shift)):
            if value is not None:
                checks.number(f"model.{name}", value)
        checks.whole_number("model.permutation_seed", permutation_seed, 0)
        bounds = row_range(train_rows, shape[1])
        self.groups = len(hidden)
        parts = Parts(norm, activation, sites, groups=self.groups, blocks=self.groups)
        self.drop_input = parts.site("input", "input")
        self.reading = Reading(order, permutation_seed, shape)
        self.train_rows = nn.Identity() if train_rows is None else TrainRows(*bounds, shape[1])
        inputs = self.reading.inputs
        for group, units in enumerate(hidden, 1):
            layer = LSTMLayer(
                parts,
                f"layer{group}",
                inputs,
                units,
                group,
                steps=bounds[1] * self.reading.per_row,
                forget_bias=forget_bias,
                inner=inner_activation(inner, activation),
                layer_norm=layer_norm,
                gain=gain,
                shift=shift,
            )
            self.add_module(f"layer{group}", layer)
            inputs = units
        self.drop_head = parts.site("head", "head")
        self.fc, _ = parts.classifier(inputs, classes, norm=False)
        parts.weight(self.fc, "fc")

    def forward(self, input: Tensor) -> Tensor:
        sequence = self.train_rows(self.reading(self.drop_input(input)))
        states: list[Tensor] = []
        for group in range(1, self.groups + 1):
            states = getattr(self, f"layer{group}")(sequence if group == 1 else torch.stack(states, 1))
        output: Tensor = self.fc(self.drop_head(states[-1]))
        return output


def inner_activation(inner: str, activation: Activation) -> nn.Module:
    """Return the inner activation; ValueError if an activation without effect was chosen."""
    checks.one_of("model.inner", inner, ("tanh", "activation"))
    chosen = activation()
    if inner == "activation":
        return chosen
    if not isinstance(chosen, nn.Tanh | nn.ReLU):
        raise ValueError(
            f"model.inner=tanh leaves activation={type(chosen).__name__} nothing to do: set model.inner=activation"
        )
    return nn.Tanh()


def row_range(train_rows: object, rows: int) -> tuple[int, int]:
    """Return the least and the most rows of training, both from 1 to `rows`; None is all. ValueError if invalid."""
    if train_rows is None:
        return rows, rows
    message = f"model.train_rows must be null or two whole numbers, the least and the most rows, of 1 to {rows}"
    if not isinstance(train_rows, Sequence) or isinstance(train_rows, str) or len(train_rows) != 2:
        raise ValueError(f"{message}, got {train_rows!r}")
    least, most = train_rows
    whole_numbers = all(map(checks.is_whole_number, (least, most)))
    if not whole_numbers or not 1 <= least <= most <= rows:
        raise ValueError(f"{message}, got {list(train_rows)}")
    return least, most

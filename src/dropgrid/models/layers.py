"""Convolution and linear layer with a place for what regularizes their weights."""

from typing import Any

from torch import Tensor, nn


class Conv2d(nn.Conv2d):
    """torch's, with the same state_dict; `through`, if a regularizer put one, computes the output."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.through: nn.Module = nn.Identity()

    def forward(self, input: Tensor) -> Tensor:
        if isinstance(self.through, nn.Identity):
            return super().forward(input)
        output: Tensor = self.through(input, self.weight, self.bias, self._conv_forward)
        return output


class Linear(nn.Linear):
    """torch's, with the same state_dict; `through` as above."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.through: nn.Module = nn.Identity()

    def forward(self, input: Tensor) -> Tensor:
        if isinstance(self.through, nn.Identity):
            return super().forward(input)
        output: Tensor = self.through(input, self.weight, self.bias, nn.functional.linear)
        return output

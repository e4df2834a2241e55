"""Convolution and linear layer with a hook for weight regularizers."""

from typing import Any

from torch import Tensor, nn


class Conv2d(nn.Conv2d):
    """torch's Conv2d with the same state_dict; `through`, if a regularizer has set it, computes the output."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.through: nn.Module = nn.Identity()

    def forward(self, input: Tensor) -> Tensor:
        if isinstance(self.through, nn.Identity):
            return super().forward(input)
        output: Tensor = self.through(input, self.weight, self.bias, self._conv_forward)
        return output


class Linear(nn.Linear):
    """torch's Linear with the same state_dict; `through` as in `Conv2d`."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.through: nn.Module = nn.Identity()

    def forward(self, input: Tensor) -> Tensor:
        if isinstance(self.through, nn.Identity):
            return super().forward(input)
        output: Tensor = self.through(input, self.weight, self.bias, nn.functional.linear)
        return output

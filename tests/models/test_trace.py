"""What a dry run says of a network, against hooks on the network itself."""

from functools import partial

import pytest
import torch
from torch import nn
from trained_cells import make

from dropgrid.models.trace import trace_calls


@pytest.fixture
def make_cell(tmp_path):
    return partial(make, tmp_path)


def test_calls_come_in_the_order_of_the_pass_with_the_modules_themselves(make_cell):
    cell = make_cell("data.size=20")
    seen = []
    hooks = [
        module.register_forward_hook(lambda module, _, output: seen.append((module, tuple(output.shape[1:]))))
        for module in cell.network.modules()
    ]
    cell.predict(cell.splits.test.select(torch.arange(2)))
    for hook in hooks:
        hook.remove()
    found = trace_calls(cell.network, (3, 20, 20))
    assert [(each.module, tuple(each.output.shape[1:])) for each in found] == seen
    assert all(dict(cell.network.named_modules())[each.name] is each.module for each in found)


def test_nothing_is_left_on_the_network_and_nothing_drops(make_cell):
    cell = make_cell("regularizer=dropblock", "regularizer.block_size=2", "regularizer.inference=true")
    state = torch.get_rng_state()
    found = trace_calls(cell.network, (3, 12, 12))
    assert torch.equal(state, torch.get_rng_state())
    drops = [each for each in found if type(each.module).__name__ == "DropBlock2d"]
    assert drops and all(each.input is each.output and each.module.inference for each in drops)
    assert not any(module._forward_hooks for module in cell.network.modules())


def test_what_does_not_make_one_tensor_of_one_is_left_out():
    class Two(nn.Module):
        def forward(self, one, other):
            return one + other

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.ReLU(), Two()

        def forward(self, input):
            return self.two(self.one(input), input)

    assert [each.name for each in trace_calls(Net(), (1, 2, 2))] == ["one", ""]

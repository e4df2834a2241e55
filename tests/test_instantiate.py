import pytest
import torch

from dropgrid.errors import UserError
from dropgrid.instantiate import instantiate


def test_a_node_names_a_constructor_and_its_arguments():
    loss = instantiate("loss", {"_target_": "torch.nn.CrossEntropyLoss", "label_smoothing": 0.1})
    assert isinstance(loss, torch.nn.CrossEntropyLoss) and loss.label_smoothing == 0.1


def test_a_partial_is_called_later():
    make = instantiate("activation", {"_target_": "torch.nn.ELU", "_partial_": True, "alpha": 0.5})
    assert make().alpha == 0.5


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({}, "loss: _target_ must be an import path"),
        ({"_target_": "torch"}, "must be an import path such as"),
        ({"_target_": "torch.nn.NoSuchLoss"}, "loss: cannot import torch.nn.NoSuchLoss"),
        ({"_target_": "no.such.module"}, "loss: cannot import no.such.module"),
        ({"_target_": "torch.nn.CrossEntropyLoss", "nonsense": 1}, "loss: .*unexpected keyword argument 'nonsense'"),
    ],
)
def test_what_cannot_be_built_is_the_users_to_know(node, message):
    with pytest.raises(UserError, match=message):
        instantiate("loss", node)


def test_a_message_that_names_the_key_is_not_named_twice():
    def refuse():
        raise ValueError("loss.x must be 1")

    from dropgrid.instantiate import call

    with pytest.raises(UserError, match=r"^loss.x must be 1$"):
        call("loss", refuse)

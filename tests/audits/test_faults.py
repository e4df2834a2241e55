"""Faults planted in small networks: each is found with its grade, and named in its message."""

import pytest
import torch
import torch.nn.functional as F
from faulty import (
    AlwaysDropout,
    AsksItself,
    Attention,
    BatchMask,
    Bernoulli,
    DetachedDropout,
    DrawsAgain,
    FrozenDropout,
    Functional,
    FunctionalIgnored,
    FunctionalInverted,
    HalfScaledDropout,
    Ignored,
    InvertedDropout,
    KeepsTheMaskDropout,
    MaskedDropout,
    Net,
    NeverCalled,
    OnClone,
    Overwritten,
    PairBatchDropout,
    PairChannelDropout,
    Recurrent,
    Reseeds,
    ReseedsInTurn,
    SeededDropout,
    SeedPerCallDropout,
    ShrinkDropout,
    SmallDropout,
    StraightDropout,
    TimesZero,
    ZeroBranch,
)
from torch import nn
from torchvision.ops import DropBlock2d, StochasticDepth

import dropgrid


def loader(batches=8, examples=16, size=7, channels=16):
    return [torch.randn(examples, channels, size, size) for _ in range(batches)]


def left_in_eval(layer):
    model = Net(layer)
    model.drop.eval()
    return model


def part_left_in_eval():
    model = nn.Sequential(Net(nn.Dropout(0.3)), nn.Linear(4, 4))
    model[0].eval()
    return model


def whole_left_in_eval():
    return Net(nn.Dropout(0.3)).eval()


def recurrent_left_in_eval():
    model = Recurrent(2)
    model.drop.eval()
    return model


def drop_left_in_train():
    model = Net(nn.Dropout(0.3)).eval()
    model.drop.train()
    return model


def functional_left_in_eval():
    class Part(nn.Module):
        def forward(self, x):
            return F.dropout(x, 0.3, self.training)

    return left_in_eval(Part())


def function_left_in_train():
    model = Net(AsksItself("function")).eval()
    model.drop.train()
    return model


def law_broken():
    """A layer of torch itself, whose forward pass was replaced by one with a mask for all channels."""
    layer = nn.Dropout(0.3)
    masked = MaskedDropout(0.3, share=(0, 1))
    vars(layer)["forward"] = lambda x: x * masked.mask(x) if layer.training else x
    return Net(layer)


FAULTS = {
    "off: p = 0 where it is set too late": (
        lambda: Net(MaskedDropout(0.3, used=0.0, scale=1.0)),
        "error",
        "identity in",
    ),
    "off: its own train() forgets": (lambda: Net(FrozenDropout(0.3)), "error", "identity in train mode"),
    "off: never called": (lambda: NeverCalled(nn.Dropout(0.3)), "warning", "never ran"),
    "off: left in eval": (
        lambda: left_in_eval(nn.Dropout(0.3)),
        "error",
        "handed over in train mode with this part in",
    ),
    "off: part left in eval": (part_left_in_eval, "error", "handed over in train mode with this part in"),
    "off: function left in eval": (functional_left_in_eval, "error", "handed over in train mode with this part in"),
    **{
        f"off: part left in eval, {way} that it asks its mode for": (
            lambda way=way: left_in_eval(AsksItself(way)),
            "error",
            "handed over in train mode with this part in",
        )
        for way in ("layer", "function", "attention")
    },
    "off: LSTM left in eval": (recurrent_left_in_eval, "error", "handed over in train mode with this part in"),
    "off: whole model left in eval": (whole_left_in_eval, "warning", "handed over in eval mode"),
    "off: LSTM with one layer": (lambda: Recurrent(1), "error", "between its layers, and has one"),
    "off: hard-coded": (lambda: Functional(F.dropout, p=0.4, training=False), "error", "identity in train mode"),
    "off: behind a zero branch": (lambda: ZeroBranch(FrozenDropout(0.3)), "error", "identity in train mode"),
    "on in eval: left in train": (drop_left_in_train, "error", "in eval mode with this part in train"),
    "on in eval: function left in train": (function_left_in_train, "error", "in eval mode with this part in train"),
    "on in eval: no check of the mode": (lambda: Net(AlwaysDropout()), "error", "random in eval"),
    "on in eval: inverted check": (lambda: Net(InvertedDropout()), "error", "random in eval"),
    "on in eval: function": (lambda: Functional(F.dropout, p=0.4), "error", "random in eval"),
    "on in eval: inverted function": (lambda: FunctionalInverted(nn.Identity()), "error", "random in eval"),
    "on in eval: attention": (lambda: Attention(nn.Identity()), "error", "random in eval"),
    "on in eval: no layer at all": (lambda: Bernoulli(nn.Identity()), "warning", "random in eval mode, by something"),
    "scale: none": (lambda: Net(MaskedDropout(scale=1.0)), "error", "multiplies what it keeps by 1, not by"),
    "scale: 1/p": (lambda: Net(MaskedDropout(scale=1 / 0.3)), "error", "multiplies what it keeps by 3.33"),
    "scale: twice, in eval too": (lambda: Net(MaskedDropout(eval_scale=0.7)), "error", "0.7 in eval mode"),
    "scale: none, of few draws": (
        lambda: Net(MaskedDropout(0.03, scale=1.0, share=(1, 2, 3))),
        "error",
        "multiplies what it keeps by 1, not by",
    ),
    "rate: keep_prob for drop_prob": (lambda: Net(MaskedDropout(0.2, used=0.8)), "error", "at a nominal 20.00 %"),
    "rate: all": (lambda: Net(nn.Dropout(1.0)), "warning", "it drops everything"),
    "rate: all, at no known rate": (
        lambda: Functional(lambda x, p: F.dropout(x, p), p=1.0),
        "warning",
        "it drops everything",
    ),
    "rate: blocks clamped": (lambda: Net(DropBlock2d(0.1, 9)), "warning", "block is larger"),
    "rate: not a number": (lambda: Net(StochasticDepth(0.3, "row")), "error", "not a number"),
    "rate: only made small": (lambda: Net(SmallDropout()), "note", "inconclusive: it sets nothing to 0"),
    "rate: x · (1 - p)": (lambda: Net(ShrinkDropout()), "error", "not random"),
    "gradient: ignores the mask": (lambda: Net(StraightDropout()), "error", "backward pass ignores the mask"),
    "gradient: detached": (lambda: Net(DetachedDropout()), "error", "no gradient passes"),
    "gradient: unscaled": (lambda: Net(HalfScaledDropout()), "error", "backward pass scales by another"),
    "gradient: drawn again": (lambda: DrawsAgain(nn.Dropout(0.3)), "error", "pass has another mask than its forward"),
    "mask: kept for all steps": (lambda: Net(KeepsTheMaskDropout()), "error", "same cells at every step"),
    "mask: seeded in the layer": (lambda: Net(SeededDropout()), "error", "same cells at every step"),
    "mask: seeded in the model": (lambda: Reseeds(nn.Dropout(0.5)), "error", "same cells at every step"),
    "mask: three seeds in turn": (lambda: Net(SeedPerCallDropout()), "error", "same cells again"),
    "mask: two seeds in turn in the model": (lambda: ReseedsInTurn(nn.Dropout(0.5)), "error", "at 6 of 7 later steps"),
    "mask: half of the batch, twice": (
        lambda: Net(PairBatchDropout()),
        "warning",
        "repeat each other along dimension 0",
    ),
    "mask: pairs of channels": (lambda: Net(PairChannelDropout()), "note", "repeat each other along dimension 1"),
    "mask: shared by examples": (lambda: Net(MaskedDropout(share=(0,))), "warning", "shared by all examples"),
    "mask: one draw a batch": (lambda: Net(MaskedDropout(share=(0, 1, 2, 3))), "warning", "shared by all examples"),
    "mask: shared by channels": (lambda: Net(MaskedDropout(share=(1,))), "note", "shared along dimension 1"),
    "mask: a layer's forward replaced": (law_broken, "warning", "shared by all examples"),
    "mask: input without examples": (lambda: BatchMask(nn.Dropout(0.3)), "warning", "no dimension for the 16 examples"),
    "result: ignored": (lambda: Ignored(nn.Dropout(0.3)), "error", "result is ignored"),
    "result: in place on a clone": (lambda: OnClone(nn.Dropout(0.3, inplace=True)), "error", "result is ignored"),
    "result: multiplied by 0": (lambda: TimesZero(nn.Dropout(0.3)), "error", "result is ignored"),
    "result: overwritten": (lambda: Overwritten(nn.Dropout(0.3)), "error", "result is ignored"),
    "result: function ignored": (lambda: FunctionalIgnored(nn.Identity()), "error", "result is ignored"),
}
"""Name -> network with the fault, the grade it is found with, words of the message."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.filterwarnings("ignore:dropout option adds dropout after all but last:UserWarning")
def test_a_planted_fault_is_found(fault):
    build, grade, words = FAULTS[fault]
    torch.manual_seed(0)
    model = build()
    if fault == "rate: not a number":
        model.drop.p = float("nan")
        model.drop.forward = lambda x: x
    found = dropgrid.audit(model, loader())
    assert any(each.grade == grade and words in each.message for each in found.findings), found.text
    assert grade in found.text and grade in found.html and grade in found.json

"""DropBlock at inference."""

import pytest
import torch

from dropgrid.evaluations.dropblock_inference import dropblock_inference
from dropgrid.regularizers.dropblock import DropBlock2d
from dropgrid.runs.measure import accuracy
from dropgrid.sites import drops


@pytest.mark.parametrize("trained_with", ["none", "dropblock", "spatial_dropout"])
def test_at_keep_prob_1_it_is_the_plain_accuracy_whatever_the_cell_was_trained_with(subject, arguments, trained_with):
    cell = subject(f"regularizer={trained_with}")
    found = dropblock_inference(cell, **arguments("dropblock_inference"))
    assert list(found) == ["keep_prob_1", "keep_prob_0.9", "keep_prob_0.8", "keep_prob_0.7"]
    assert found["keep_prob_1"].value == accuracy(*cell.predict(cell.splits.test))


def test_it_drops_at_the_rate_asked_for_in_eval_mode_and_the_cell_keeps_its_network(subject, arguments, monkeypatch):
    cell, seen = subject("+regularizer@regularizer_2=dropout"), []
    predict = type(cell).predict

    def spied(self, split, *, network):
        sites = drops(network)
        before = predict(self, split)
        logits = predict(self, split, network=network)
        seen.append((sites, not torch.equal(before[0], logits[0])))
        return logits

    monkeypatch.setattr(type(cell), "predict", spied)
    dropblock_inference(cell, **{**arguments("dropblock_inference"), "keep_probs": [0.6], "block_size": 2})
    ((sites, differs),) = seen
    assert differs and all(isinstance(site, DropBlock2d) and site.block_size == 2 for site in sites.values())
    assert not any(site.training for site in sites.values())
    assert sorted({round(float(site.drop_prob), 6) for site in sites.values()}) == [0.1, 0.4]


def test_asking_twice_gives_the_same_and_draws_from_no_shared_state(subject, arguments):
    cell, given = subject(), arguments("dropblock_inference")
    first = dropblock_inference(cell, **given)
    state = torch.get_rng_state()
    again = dropblock_inference(cell, **{**given, "keep_probs": given["keep_probs"][::-1]})
    assert first == again and torch.equal(state, torch.get_rng_state())


def test_a_keep_prob_outside_its_range_is_refused(subject, arguments):
    with pytest.raises(ValueError, match="keep_prob must be a number in"):
        dropblock_inference(subject(), **{**arguments("dropblock_inference"), "keep_probs": [0.9, 0]})

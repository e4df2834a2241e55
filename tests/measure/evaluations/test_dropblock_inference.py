"""DropBlock at inference."""

import pytest
import torch

from dropgrid.measure.evaluations.dropblock_inference import dropblock_inference
from dropgrid.regularizers.dropblock import DropBlock2d
from dropgrid.sites import drops
from dropgrid.tasks.classification import accuracy


@pytest.mark.parametrize("trained_with", ["none", "dropblock", "spatial_dropout"])
def test_at_keep_prob_1_it_is_the_plain_accuracy_whatever_the_cell_was_trained_with(make_cell, arguments, trained_with):
    cell = make_cell(f"regularizer={trained_with}")
    found = dropblock_inference(cell, **{**arguments("dropblock_inference"), "keep_probs": [1.0, 0.7]})
    names = [f"block_{size}_{each}" for size in (1, 7) for each in ("keep_prob_1", "keep_prob_0.7", "loss")]
    assert list(found) == names
    plain = accuracy(*cell.predict(cell.splits.test))
    assert found["block_1_keep_prob_1"].value == found["block_7_keep_prob_1"].value == plain


def test_the_loss_is_plain_minus_the_lowest_keep_prob_in_points_listed_or_not(make_cell, arguments):
    cell, given = make_cell(), {**arguments("dropblock_inference"), "block_sizes": [2]}
    found = dropblock_inference(cell, **{**given, "keep_probs": [0.5, 0.9]})
    plain = accuracy(*cell.predict(cell.splits.test))
    loss = found["block_2_loss"]
    assert loss.value == pytest.approx(100 * (plain - found["block_2_keep_prob_0.5"].value)) and loss.unit == "points"
    assert loss.value != 0
    assert list(dropblock_inference(cell, **{**given, "keep_probs": [1]})) == ["block_2_keep_prob_1"]


def test_each_block_size_is_as_if_asked_for_alone(make_cell, arguments):
    cell, given = make_cell(), {**arguments("dropblock_inference"), "keep_probs": [0.6]}
    both = dropblock_inference(cell, **{**given, "block_sizes": [1, 3]})
    alone = [dropblock_inference(cell, **{**given, "block_sizes": [size]}) for size in (1, 3)]
    assert both == alone[0] | alone[1]


def test_it_drops_at_the_rate_asked_for_in_eval_mode_and_the_cell_keeps_its_network(make_cell, arguments, monkeypatch):
    cell, seen = make_cell("+regularizer@regularizer_2=dropout"), []
    predict = type(cell).predict

    def spied(self, split, *, network):
        sites = drops(network)
        before = predict(self, split)
        logits = predict(self, split, network=network)
        seen.append((sites, not torch.equal(before[0], logits[0])))
        return logits

    monkeypatch.setattr(type(cell), "predict", spied)
    dropblock_inference(cell, **{**arguments("dropblock_inference"), "keep_probs": [0.6], "block_sizes": [2, 3]})
    plain, *dropping = seen
    assert not plain[1] and len(dropping) == 2
    for size, (sites, differs) in zip((2, 3), dropping, strict=True):
        assert differs and all(isinstance(site, DropBlock2d) and site.block_size == size for site in sites.values())
        assert not any(site.training for site in sites.values())
        assert sorted({round(float(site.drop_prob), 6) for site in sites.values()}) == [0.1, 0.4]


def test_asking_twice_gives_the_same_and_draws_from_no_shared_state(make_cell, arguments):
    cell, given = make_cell(), arguments("dropblock_inference")
    first = dropblock_inference(cell, **given)
    state = torch.get_rng_state()
    again = dropblock_inference(cell, **{**given, "keep_probs": given["keep_probs"][::-1]})
    assert first == again and torch.equal(state, torch.get_rng_state())


def test_a_keep_prob_outside_its_range_is_refused(make_cell, arguments):
    with pytest.raises(ValueError, match="keep_prob must be a number in"):
        dropblock_inference(make_cell(), **{**arguments("dropblock_inference"), "keep_probs": [0.9, 0]})
    with pytest.raises(ValueError, match="block_sizes takes a list"):
        dropblock_inference(make_cell(), **{**arguments("dropblock_inference"), "block_sizes": 3})

"""What an evaluation sees of a cell."""

import pytest
import torch

from dropgrid.measure.trained_cell import corrupt_batches


def test_predict_is_the_network_on_normalised_images(make_cell):
    cell = make_cell("data.eval_batch_size=7")
    logits, targets = cell.predict(cell.splits.test)
    mean, std = cell.splits.mean.view(-1, 1, 1), cell.splits.std.view(-1, 1, 1)
    with torch.no_grad():
        slow = torch.cat([cell.network(((image[None] / 255) - mean) / std) for image in cell.splits.test.images])
    assert torch.allclose(logits, slow, rtol=1e-4, atol=1e-4) and torch.equal(targets, cell.splits.test.labels)


def test_corrupted_batches_know_the_place_of_their_first_image():
    loader = [(torch.zeros(n, 1, 2, 2, dtype=torch.uint8), torch.zeros(n).long()) for n in (3, 3, 1)]
    places = []
    list(corrupt_batches(loader, lambda images, place: places.append((len(images), place))))
    assert places == [(3, 0), (3, 3), (1, 6)]


def test_rebuilding_with_the_same_config_predicts_the_same_and_with_another_model_is_refused(make_cell):
    cell = make_cell()
    test = cell.splits.test
    assert torch.equal(cell.predict(test, network=cell.rebuilt(cell.config))[0], cell.predict(test)[0])
    wider = {**cell.config, "model": {**cell.config["model"], "width": 0.5}}
    with pytest.raises(RuntimeError, match="size mismatch"):
        cell.rebuilt(wider)

"""Class activation maps against the logits that they add up to, and against plain loops."""

import numpy as np
import pytest
import torch
from torch import nn

from dropgrid.measure.evaluations.cam import activation_maps, cam, choose_images, count_regions, threshold_maps
from dropgrid.measure.trained_cell import DoesNotApply

LARGE = "data.size=20"  # maps of 5×5


def test_a_map_s_mean_and_the_bias_are_the_logit_of_its_class(make_cell):
    cell = make_cell(LARGE, "data.eval_batch_size=7")
    with torch.no_grad():
        cell.network.fc.bias.normal_()
    logits, targets = cell.predict(cell.splits.test)
    for classes in (targets, None):
        own, maps = activation_maps(cell, classes)
        wanted = logits.argmax(1) if classes is None else classes
        assert torch.equal(own, logits) and maps.shape == (60, 5, 5) and maps.dtype == torch.float32
        expected = logits.gather(1, wanted[:, None])[:, 0]
        assert torch.allclose(maps.mean((1, 2)) + cell.network.fc.bias.detach()[wanted], expected, rtol=1e-4, atol=1e-4)


def test_each_place_is_the_features_there_through_the_classifier_s_weights(make_cell):
    cell = make_cell(LARGE)
    _, maps = activation_maps(cell, torch.zeros(60, dtype=torch.int64))
    seen = []
    hook = cell.network.layer3.register_forward_hook(lambda _, __, output: seen.append(output))
    cell.predict(cell.splits.test)
    hook.remove()
    features, weight = torch.cat(seen), cell.network.fc.weight.detach()
    for image, row, column in ((0, 0, 0), (3, 2, 4), (59, 4, 1)):
        slow = sum(float(weight[0, k] * features[image, k, row, column]) for k in range(features.shape[1]))
        assert float(maps[image, row, column]) == pytest.approx(slow, rel=1e-4, abs=1e-4)


def test_masks_that_the_cell_has_at_inference_are_off(make_cell):
    cell = make_cell(LARGE, "regularizer=dropblock", "regularizer.block_size=2", "regularizer.inference=true")
    plain = make_cell(LARGE).network
    plain.load_state_dict(cell.network.state_dict())
    logits, _ = cell.predict(cell.splits.test, network=plain)
    assert torch.equal(activation_maps(cell, None)[0], logits)
    assert not torch.equal(cell.predict(cell.splits.test)[0], logits)


def test_the_area_of_a_uniform_map_is_all_of_a_single_cell_its_own_and_of_a_negative_one_nothing():
    delta = torch.zeros(5, 7)
    delta[2, 3] = 2
    maps = torch.stack([torch.full((5, 7), 0.3), delta, torch.full((5, 7), -1.0), torch.zeros(5, 7)])
    assert threshold_maps(maps, 0.5).double().mean((1, 2)).tolist() == pytest.approx([1, 1 / 35, 0, 0])


def test_the_threshold_is_a_share_of_each_map_s_own_maximum():
    maps = torch.tensor([[[1.0, 0.6, 0.4, -5.0]], [[100.0, 60.0, 40.0, 1.0]]])
    assert threshold_maps(maps, 0.5).sum((1, 2)).tolist() == [2, 2]
    assert threshold_maps(maps, 0.3).sum((1, 2)).tolist() == [3, 3]
    assert threshold_maps(maps, 0.0).sum((1, 2)).tolist() == [3, 4]


def test_regions_touch_along_sides_of_the_same_map_alone():
    corners = torch.tensor([[True, False, True], [False, True, False]])
    joined = torch.tensor([[True, True, False], [False, True, True]])
    assert count_regions(torch.stack([corners, joined])) == (3 + 1) / 2
    assert count_regions(torch.ones(4, 3, 3, dtype=torch.bool)) == 1
    assert count_regions(torch.zeros(4, 3, 3, dtype=torch.bool)) == 0


def test_it_measures_every_test_image_and_keeps_some_with_their_maps(make_cell, arguments):
    cell = make_cell(LARGE, "data.eval_batch_size=7")
    measures, arrays = cam(cell, **{**arguments("cam"), "images": 4})
    logits, maps = activation_maps(cell, cell.splits.test.labels)
    shares = [np.mean(each > 0.5 * each.max()) if each.max() > 0 else 0 for each in maps.numpy()]
    assert measures["spread"].value == pytest.approx(np.mean(shares))
    places = arrays["places"]
    assert len(places) == 4 and np.array_equal(arrays["maps"], maps[places].numpy())
    assert arrays["images"].dtype == np.uint8
    assert np.array_equal(arrays["images"], cell.splits.test.images[places].numpy())
    assert np.array_equal(arrays["targets"], cell.splits.test.labels[places].numpy())
    assert np.array_equal(arrays["predicted"], logits.argmax(1)[places].numpy())
    assert arrays["classes"].tolist() == list(cell.spec.classes)


def test_the_predicted_class_may_be_asked_for(make_cell, arguments):
    cell = make_cell(LARGE)
    given = {**arguments("cam"), "images": 60}
    target, predicted = cam(cell, **given).arrays, cam(cell, **{**given, "of": "predicted"}).arrays
    same = target["predicted"] == target["targets"]
    assert 0 < same.sum() < 60
    for index, each in enumerate(same):
        assert np.array_equal(target["maps"][index], predicted["maps"][index]) == each


def test_the_images_are_even_over_the_classes_and_the_first_of_each():
    labels = torch.tensor([2, 0, 0, 1, 2, 3, 0, 3, 1])
    assert choose_images(labels, 4).tolist() == [1, 3, 0, 5]  # the first of 0, 1, 2, 3
    assert choose_images(labels, 2).tolist() == [1, 0]  # of 0 and 2
    assert choose_images(labels, 6).tolist() == [1, 3, 0, 5, 2, 8]
    assert sorted(choose_images(labels, 20).tolist()) == list(range(9))
    assert (
        choose_images(labels, 8).tolist()[-1] == 7 and choose_images(labels, 9).tolist()[-1] == 6
    )  # only 0 has a third


def test_a_small_map_says_little_and_is_not_measured(make_cell, arguments):
    with pytest.raises(DoesNotApply, match="the last map has 3×3 cells"):
        cam(make_cell(), **arguments("cam"))
    assert cam(make_cell(), **{**arguments("cam"), "smallest": 3}).measures


def test_a_network_without_global_average_and_linear_classifier_is_refused(make_cell, arguments):
    cell = make_cell(LARGE)
    for spoil in (
        lambda net: setattr(net, "avgpool", nn.AdaptiveMaxPool2d(1)),
        lambda net: setattr(net, "avgpool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Tanh())),
        lambda net: setattr(net, "fc", nn.Sequential(nn.Linear(net.fc.in_features, 10), nn.Linear(10, 10))),
    ):
        network = cell.rebuilt(cell.config)
        spoil(network)
        object.__setattr__(cell, "network", network)
        with pytest.raises(DoesNotApply, match="no linear function of globally averaged features"):
            cam(cell, **arguments("cam"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"of": "best"}, "of must be target or predicted, got 'best'"),
        ({"threshold": 1}, r"threshold must be a number in \[0, 1\), got 1"),
        ({"smallest": 0}, "smallest must be a whole number, 1 or more, got 0"),
        ({"images": 2.5}, "images must be a whole number, 1 or more, got 2.5"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make_cell, arguments, changes, told):
    with pytest.raises(ValueError, match=told):
        cam(make_cell(LARGE), **{**arguments("cam"), **changes})

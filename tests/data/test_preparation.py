import pytest
import torch

from dropgrid.data.preparation import preparation
from dropgrid.data.split import Memory, Splits, moments


def splits(count=2000, size=(1, 4, 5)):
    """Images of which neighbouring pixels are alike."""
    generator = torch.Generator().manual_seed(0)
    plain = torch.randn(count, *size, generator=generator)
    smooth = plain.cumsum(-1) * 20 + 120
    memory = Memory(smooth.clamp(0, 255).to(torch.uint8), torch.zeros(count, dtype=torch.int64))
    return Splits(memory, memory, memory, *moments(memory))


def prepared(kind, given):
    mean, std, whitening = preparation(kind, given)
    x = (given.train.images / 255 - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)
    if whitening is not None:
        x = (x.flatten(1) - whitening[0]) @ whitening[1]
    return x


def test_kinds():
    given = splits()
    image = given.train.images / 255
    assert torch.equal(prepared("none", given), image)
    centred = prepared("center", given)
    assert abs(centred.mean()) < 1e-5 and torch.allclose(centred.std(), image.std())
    standard = prepared("standardize", given)
    assert abs(standard.mean()) < 1e-5 and torch.allclose(standard.std(), torch.tensor(1.0), atol=1e-3)


def test_zca_leaves_values_uncorrelated_with_a_better_condition_and_nearest_to_the_image():
    given = splits()
    before, after = prepared("standardize", given).flatten(1), prepared("zca", given)
    covariance = torch.cov(after.T)
    off = covariance - covariance.diag().diag()
    assert off.abs().max() < 0.05 and abs(after.mean()) < 1e-5
    values = torch.linalg.eigvalsh(covariance)
    assert (values > 0.3).all() and (values < 1.001).all()  # λ / (λ + ε)
    assert torch.linalg.cond(torch.cov(before.T)) > 20 * torch.linalg.cond(covariance)
    # of all whitenings the symmetric one: pixel i of the result belongs to pixel i of the image
    matrix = preparation("zca", given).whitening[1]
    assert torch.allclose(matrix, matrix.T, atol=1e-4)


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="data.normalize must be none, center, standardize or zca, got 'pca'"):
        preparation("pca", splits(10))


def test_on_linear_regression_the_condition_number_of_the_hessian_falls_with_each():
    """Its Hessian is E[x xᵀ] with a constant input for the bias; gradient descent takes steps in proportion to it."""
    given = splits()
    conditions = []
    for kind in ("none", "center", "standardize", "zca"):
        x = prepared(kind, given).flatten(1).double()
        x = torch.cat([x, torch.ones(len(x), 1)], 1)
        conditions.append(float(torch.linalg.cond(x.T @ x / len(x))))
    assert conditions[0] > conditions[1] > conditions[3] and conditions[2] > conditions[3]

import torch
from torch import nn

from dropgrid.penalties.l1 import L1


def test_term_is_the_sum_of_absolute_weights_without_biases():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    wanted = 0.1 * (net[0].weight.abs().sum() + net[2].weight.abs().sum())
    assert torch.isclose(L1(strength=0.1).term(net), wanted)


def regression(penalty, steps=3000, lr=0.01):
    """Weights for y = x₁ - 2 x₂ of ten inputs, by gradient descent on the mean square error and a penalty."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 10, generator=generator)
    y = x[:, :1] - 2 * x[:, 1:2] + 0.5 * torch.randn(200, 1, generator=generator)
    net = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        ((net(x) - y).square().mean() / 2 + penalty.term(net)).backward()
        optimizer.step()
    return net.weight.detach().flatten(), x, y


def test_it_is_sparse_where_l2_is_not_and_matches_the_lasso():
    """The optimum is scikit-learn's; inputs that do not matter end within a step of 0."""
    from sklearn.linear_model import Lasso

    from dropgrid.penalties.l2 import L2

    lasso, x, y = regression(L1(strength=0.1))
    ridge, _, _ = regression(L2(strength=0.1))
    wanted = torch.tensor(Lasso(alpha=0.1).fit(x, y.flatten()).coef_).float()
    assert torch.allclose(lasso, wanted, atol=0.01 * 0.1 * 2)
    assert (lasso[2:].abs() < 2 * 0.01 * 0.1).sum() >= 7 and (ridge[2:].abs() < 2 * 0.01 * 0.1).sum() <= 2

import pytest

from dropgrid.data.mnist import Mnist


@pytest.mark.parametrize("flat", [False, True])
def test_digits_are_numbered_by_themselves(tmp_path, tiny, monkeypatch, flat):
    root = tiny.idx_files(tmp_path / "here", monkeypatch, Mnist, flat=flat)
    made = Mnist(root=root, download=False, train=None, val=10, split_seed=0, cache=tmp_path / "cache")
    assert made.spec() == (tuple("0123456789"), 1, (28, 28), 50, 10, 20)
    splits = made.load()
    assert splits.test.labels.tolist() == [i % 10 for i in range(20)]
    assert (splits.test.images[:, 0].numpy() == tiny.pixels(20, (28, 28), 1, seed=2)[..., 0]).all()

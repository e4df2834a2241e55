import torch

from dropgrid.averages.swa import Swa


def test_it_is_the_mean_of_the_ends_of_the_last_epochs():
    swa = Swa(start=0.5)
    assert [step for step in range(1, 43) if swa.due(step, 42, 5)] == [25, 30, 35, 40, 42]
    values = torch.randn(6, 3)
    averaged = [values[0].clone()]
    for count in range(1, 6):
        swa.update(averaged, [values[count]], count)
    assert torch.allclose(averaged[0], values.mean(0), atol=1e-6)

from dropgrid.averages.none import NoAverage


def test_nothing_ever_joins():
    assert not any(NoAverage().due(step, 10, 5) for step in range(11))

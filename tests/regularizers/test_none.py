from torch import nn

from dropgrid.regularizers.none import none
from dropgrid.sites import PLACES, Site


def test_the_identity_everywhere():
    assert all(isinstance(none(Site(place, place, 1, 1, 1, 1)), nn.Identity) for place in PLACES)

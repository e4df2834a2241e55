"""Masks that are seen again: along a dimension within a call, and between calls."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from dropgrid.audits.tails import binomial_tail

CELLS = 2**14
"""About as many cells of a mask are kept to be compared, or one for each entry of the first two dimensions."""


def thin(mask: Tensor) -> Tensor:
    """Return a part of a mask: all along the first two dimensions, evenly spaced cells along the others."""
    if mask.dim() < 3 or not mask.numel():
        return mask
    flat = mask.flatten(2)
    wanted = max(1, CELLS // (flat.shape[0] * flat.shape[1]))
    return flat[..., :: -(-flat.shape[2] // wanted)]


def same_drops(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool | None:
    """Predicate: two masks of dropped and informative cells agree where both tell; None if nothing dropped there."""
    (gone, informative), (again, told) = one, other
    if gone.shape != again.shape:
        return None
    both = informative & told
    return torch.equal(gone[both], again[both]) if bool((gone | again)[both].any()) else None


def hashes(rows: Tensor) -> list[int]:
    """Return a hash of each row of a mask."""
    packed = np.packbits(rows.reshape(len(rows), -1).cpu().numpy(), axis=1)
    return [hash(each.tobytes()) for each in packed]


@dataclass
class Repeats:
    """The masks of several calls, as hashes.

    Attributes:
        masks: of each call, the hash of its mask; None if it dropped nothing or everything.
        entries: of the first two dimensions, if they are longer than 1: of each call, the hashes of its entries.
    """

    masks: list[int | None] = field(default_factory=list)
    entries: dict[int, list[list[int]]] = field(default_factory=dict)

    def add(self, gone: Tensor) -> None:
        """Add the mask of a call."""
        cells = thin(gone)
        self.masks.append(hashes(cells[None])[0] if bool(cells.any()) and not bool(cells.all()) else None)
        for dim, size in enumerate(cells.shape[:2]):
            if size > 1:
                self.entries.setdefault(dim, []).append(hashes(cells.movedim(dim, 0)))

    def chance_within(self, dim: int) -> float:
        """Return the probability that as many repeated entries along a dimension or more are within one call alone.

        Of independent entries, whatever their law, one that is seen again is so in any of the calls alike.
        """
        places: dict[int, list[int]] = {}
        for call, keys in enumerate(self.entries[dim]):
            for key in keys:
                places.setdefault(key, []).append(call)
        again = [calls for calls in places.values() if len(calls) > 1]
        within, share = sum(len(set(calls)) == 1 for calls in again), 1 / len(self.masks)
        return binomial_tail(within / len(again), len(again), share) if within > share * len(again) else 1.0

    def chance_of_same(self, dim: int) -> float:
        """Return the probability that two calls draw the same mask, if the entries along a dimension are independent.

        That of two entries is counted within calls, as calls may repeat each other.
        """
        calls = self.entries[dim]
        pairs = sum(len(keys) * (len(keys) - 1) / 2 for keys in calls)
        equal = sum(count * (count - 1) / 2 for keys in calls for count in Counter(keys).values())
        return float(((equal + 1) / (pairs + 1)) ** len(calls[0]))

    @property
    def returned(self) -> int:
        """The number of calls with the mask of an earlier call, but not of the one before: that one may be kept."""
        pairs = enumerate(zip(self.masks, self.masks[1:], strict=False), 1)
        return sum(now is not None and now != last and now in self.masks[:index] for index, (last, now) in pairs)

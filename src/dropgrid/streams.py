"""Random streams: every random number is a function of (seed, stream, place of use); no state is shared.

Streams in use: `init` (parts: parameter name), `order` (epoch), `augment` (optimizer step, micro-batch),
`regularizer` (optimizer step, micro-batch, site name), `inference` (batch, site name), `crop` (epoch, image) for images
read from disk, `diagnose` (diagnostic, start or parameter name), and of evaluations `monte_carlo` (pass),
`gradient_variance` (size, draw); of the data's own seed: `split` (class), `fake`, `sparse_features` (split); of a
model's own: `permutation`; of an evaluation's own: `corruption` (kind, image), `adversarial` (image), `occlusion`
(image), `coadaptation`.
Two rows with one seed therefore share initial weights, data order and augmentation, and a site added to a
network changes no other site's masks.
"""

import hashlib

import torch


def key(seed: int, stream: str, *parts: object) -> int:
    """Return a 63-bit integer for one use of one stream, the same on every machine."""
    text = "\x1f".join([str(seed), stream, *map(str, parts)])
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, stream: str, *parts: object, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a new generator seeded for one use of one stream."""
    return torch.Generator(device).manual_seed(key(seed, stream, *parts))

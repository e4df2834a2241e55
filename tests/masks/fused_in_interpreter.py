"""Run by test_fused.py with TRITON_INTERPRET=1: prints what the kernels do on the CPU as JSON.

CASES=half leaves out every other case: of each map and block one memory format, of each dtype two of four layouts.
"""

import json
import os

import numpy as np
import torch
from torch import nn

from dropgrid.masks import drop as dropping
from dropgrid.masks import fused
from dropgrid.masks.drop import Apply
from dropgrid.masks.grid import Grid
from dropgrid.masks.uniform import mixed_key
from dropgrid.regularizers import dropblock
from dropgrid.regularizers.dropblock import cover_counts, drop_block2d

dropping.implementation_for = lambda input, grid: fused
dropblock.on_host = lambda input: False  # type: ignore[attr-defined]  # numbers in tensors, as on a GPU

CASES = [
    (size, block, seeds, last)
    for size, block, seeds in [
        ((7, 7), 3, "fits"),
        ((14, 14), 7, "fits"),
        ((6, 9), 4, "fits"),
        ((5, 5), 5, "fits"),
        ((8, 6), 1, "fits"),
        ((16, 31), 2, "fits"),
        ((20, 33), 6, "fits"),
        ((7, 7), 3, "anywhere"),
        ((6, 9), 4, "anywhere"),
        ((5, 8), 2, "anywhere"),
    ]
    for last in (False, True)
]
HALF = os.environ["CASES"] == "half"
CASES = sorted(CASES[::4] + CASES[3::4], key=CASES.index) if HALF else CASES


def key(number):
    return torch.tensor(number)


def gamma(number):
    return torch.tensor(number, dtype=torch.float64)


def laid(x, last):
    return x.contiguous(memory_format=torch.channels_last) if last else x


def mask_of(bits, width):
    """(N, C, H, W) of booleans, True where dropped."""
    return (bits.long()[..., None] >> torch.arange(width)) & 1 == 1


def mask_case(size, block, seeds, last, rate=0.05, images=40, channels=6):
    grid = Grid.over(*size, block, seeds)  # type: ignore[call-arg]  # size is (height, width)
    x = laid(torch.ones(images, channels, *size), last)
    bits, dropped = fused.draw_mask(x, gamma(rate), key(2**40 + 3), grid)
    mask = mask_of(bits, size[1])
    expected = 1 - (1 - rate) ** cover_counts(size, block, seeds)
    realised = mask.double().mean((0, 1)).numpy()
    error = (expected * (1 - expected) / (images * channels)) ** 0.5
    windows = nn.functional.max_pool2d((~mask).float(), block, stride=1) == 0
    rebuilt = nn.functional.max_pool2d(nn.functional.pad(windows.float(), [block - 1] * 4), block, stride=1) == 1
    return {
        "case": [*size, block, seeds, last],
        "zeros": int(mask.sum()),
        "counted": int(dropped),
        # blocks cut off at the border are no whole ones
        "rebuilt": bool(torch.equal(rebuilt, mask)) if seeds == "fits" else True,
        "standard_errors": float(np.abs((realised - expected) / error).max()),
    }


def output_case(dtype, last, last_of_gradient):
    x = laid(torch.randn(4, 6, 7, 9).to(dtype), last)
    grid = Grid.over(7, 9, 3)
    bits, dropped = fused.draw_mask(x, gamma(0.05), key(5), grid)
    scale = fused.scale_of(x.numel(), dropped)
    wanted = np.float32(x.numel()) / np.float32(x.numel() - int(dropped))
    given = laid(x.contiguous(), last_of_gradient)
    output = fused.apply(given, bits, grid, scale)
    plain = torch.where(mask_of(bits, 9), 0, (x.float() * float(wanted)).to(dtype))
    # the interpreter cuts bfloat16 off where a GPU rounds it: one unit in the last of 8 bits apart
    apart = 2**-7 if dtype == torch.bfloat16 else 0
    same = torch.equal(output == 0, plain == 0) and torch.allclose(output, plain, rtol=apart, atol=0)
    layout = torch.channels_last if last else torch.contiguous_format
    return {
        "dtype": str(dtype),
        "equal": same and float(scale) == float(wanted),
        "layout_kept": output.is_contiguous(memory_format=layout),
    }


def masks_at(x, rate, number):
    return mask_of(fused.draw_mask(x, gamma(rate), key(number), Grid.over(7, 7, 3))[0], 7)


def masks_of_keys(count, images):
    """The masks of the public function at consecutive keys, packed into bytes: in hexadecimal."""
    x = torch.ones(images, 1, 4, 4)
    return [np.packbits((drop_block2d(x, 0.3, 2, key=number) > 0).numpy()).tobytes().hex() for number in range(count)]


def public_key_case(number):
    """The public function's output is that of the kernels with the key's hash."""
    x = torch.ones(8, 4, 7, 7)
    output = drop_block2d(x, gamma(0.1), 3, key=number, gamma="area")
    return torch.equal(output == 0, masks_at(x, 0.1 / 9, mixed_key(number)))


x = torch.ones(8, 4, 7, 7)
leaf = torch.randn(3, 4, 7, 7, requires_grad=True)
bits, dropped = fused.draw_mask(leaf.detach(), gamma(0.05), key(1), Grid.over(7, 7, 3))
output = Apply.apply(leaf, bits, fused.scale_of(leaf.numel(), dropped), Grid.over(7, 7, 3))
output.sum().backward()
expected = torch.where(mask_of(bits, 7), 0, leaf.numel() / (leaf.numel() - int(dropped)))
print(
    json.dumps(
        {
            "masks": [mask_case(*case) for case in CASES],
            "outputs": [
                output_case(dtype, last, of_gradient)
                for dtype in (torch.float16, torch.bfloat16, torch.float32)
                for last in (False, True)
                for of_gradient in (False, True)
                if not HALF or last == of_gradient
            ],
            "same_mask_in_both_layouts": bool(torch.equal(masks_at(x, 0.1, 3), masks_at(laid(x, True), 0.1, 3))),
            "other_key_other_mask": not torch.equal(masks_at(x, 0.1, 3), masks_at(x, 0.1, 4))
            and not torch.equal(masks_at(x, 0.1, 3), masks_at(x, 0.1, 3 + 2**40)),
            "same_key_same_mask": bool(torch.equal(masks_at(x, 0.1, 3), masks_at(x, 0.1, 3))),
            "rate_0_drops_nothing": not masks_at(x, 0.0, 3).any(),
            "rate_1_drops_all": bool(masks_at(x, 1.0, 3).all()),
            "masks_of_keys": masks_of_keys(64, 64),
            "public_key_is_hashed": all(public_key_case(number) for number in (0, 7, 2**62)),
            "gradient": bool(torch.allclose(leaf.grad, expected)),
        }
    )
)

"""Run by test_fused.py where there is a GPU: prints what holds of the compiled kernels there as JSON."""

import json

import numpy as np
import torch

from dropgrid.masks import fused
from dropgrid.masks.grid import Grid
from dropgrid.regularizers.dropblock import DropBlock2d, cover_counts


def mask_of(bits, width):
    """(N, C, H, W) of booleans, True where dropped."""
    return (bits.long()[..., None] >> torch.arange(width, device=bits.device)) & 1 == 1


def output_is_input_times_mask_times_scale():
    same = []
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        for last in (torch.contiguous_format, torch.channels_last):
            x = torch.randn(16, 32, 14, 14, device="cuda").to(dtype).contiguous(memory_format=last)
            grid = Grid.over(14, 14, 7)
            rate = torch.tensor(0.006, dtype=torch.float64, device="cuda")
            bits, dropped = fused.draw_mask(x, rate, torch.tensor(5, device="cuda"), grid)
            mask = mask_of(bits, 14)
            scale = np.float32(x.numel()) / np.float32(x.numel() - int(dropped))
            output = fused.apply(x, bits, grid, fused.scale_of(x.numel(), dropped))
            plain = torch.where(mask, 0, (x.float() * float(scale)).to(dtype))
            same.append(torch.equal(output, plain) and int(dropped) == int(mask.sum()))
    return all(same)


def cells_are_dropped_as_often_as_blocks_cover_them():
    x = torch.ones(4000, 4, 9, 9, device="cuda")
    rate = torch.tensor(0.02, dtype=torch.float64, device="cuda")
    bits, _ = fused.draw_mask(x, rate, torch.tensor(2**40 + 1, device="cuda"), Grid.over(9, 9, 4))
    realised = mask_of(bits, 9).double().mean((0, 1)).cpu().numpy()
    expected = 1 - 0.98 ** cover_counts((9, 9), 4)
    return bool((np.abs(realised - expected) < 5 * (expected * (1 - expected) / 16000) ** 0.5).all())


def nothing_waits_for_the_gpu():
    drop = DropBlock2d(0.1, 7).cuda()
    x = torch.randn(8, 16, 14, 14, device="cuda", requires_grad=True)
    drop(x).sum().backward()
    torch.cuda.set_sync_debug_mode("error")
    for step in range(3):
        drop.advance(0.1, step)
        drop(x).sum().backward()
    torch.cuda.set_sync_debug_mode("default")
    return True


def a_graph_replays_with_other_rates_and_keys():
    drop = DropBlock2d(0.1, 7).cuda()
    drop.advance(0.1, 1)
    x = torch.ones(8, 16, 14, 14, device="cuda")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        drop(x)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = drop(x)
    same = []
    for rate, key in ((0.1, 1), (0.3, 2), (0.0, 3)):
        drop.advance(rate, key)
        graph.replay()
        same.append(torch.equal(output.clone(), drop(x)))
    return all(same)


def compiled_is_eager():
    drop = DropBlock2d(0.1, 7).cuda()
    compiled = torch.compile(drop, fullgraph=True)
    x = torch.randn(8, 16, 14, 14, device="cuda")
    same = []
    for step in range(5):
        drop.advance(0.05 * step, step)
        same.append(torch.equal(compiled(x), drop(x)))
    return all(same)


checks = (
    output_is_input_times_mask_times_scale,
    cells_are_dropped_as_often_as_blocks_cover_them,
    nothing_waits_for_the_gpu,
    a_graph_replays_with_other_rates_and_keys,
    compiled_is_eager,
)
print(json.dumps({check.__name__: bool(check()) for check in checks}))

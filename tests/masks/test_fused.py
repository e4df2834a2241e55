"""The GPU's kernels: in Triton's interpreter on the CPU, compiled for GPUs that are not here, and on one that is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from independence import KEYS, check_independent

pytest.importorskip("triton")

HERE = Path(__file__).parent


def run(script, **variables):
    """What a script of this folder prints as JSON."""
    environment = {**os.environ, "TRITON_DEFAULT_FP_FUSION": "1", **variables}
    done = subprocess.run([sys.executable, HERE / script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module", params=["half", pytest.param("all", marks=pytest.mark.slow)])
def interpreted(request):
    """Results of the kernels in Triton's interpreter, case by case: a process of its own, which Triton asks for."""
    return run("fused_in_interpreter.py", TRITON_INTERPRET="1", CASES=request.param)


def test_masks_are_whole_blocks_and_counted(interpreted):
    assert len(interpreted["masks"]) >= 10 and {case["case"][-1] for case in interpreted["masks"]} == {False, True}
    for case in interpreted["masks"]:
        assert case["zeros"] > 0, case
        assert case["counted"] == case["zeros"] and case["rebuilt"], case


def test_cells_are_dropped_as_often_as_blocks_cover_them(interpreted):
    for case in interpreted["masks"]:
        assert case["standard_errors"] < 5, case


def test_output_is_input_times_mask_times_scale_in_every_dtype_and_layout(interpreted):
    assert {each["dtype"] for each in interpreted["outputs"]} == {"torch.float16", "torch.bfloat16", "torch.float32"}
    assert all(each["equal"] and each["layout_kept"] for each in interpreted["outputs"])


def test_memory_format_changes_no_mask(interpreted):
    assert interpreted["same_mask_in_both_layouts"]


def test_keys_and_edges(interpreted):
    assert interpreted["other_key_other_mask"] and interpreted["same_key_same_mask"]
    assert interpreted["rate_0_drops_nothing"] and interpreted["rate_1_drops_all"]


def test_neighbouring_keys_of_the_public_function_give_independent_masks(interpreted):
    packed = [np.frombuffer(bytes.fromhex(mask), np.uint8) for mask in interpreted["masks_of_keys"]]
    check_independent(np.unpackbits(packed, axis=1).reshape(KEYS, 64, 16))
    assert interpreted["public_key_is_hashed"]


def test_gradient_is_the_same_mask_and_scale(interpreted):
    assert interpreted["gradient"]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [80, 90])
def test_kernels_compile_for_a_gpu_that_is_not_here(architecture):
    sizes = run("fused_compiled.py", ARCHITECTURE=str(architecture), TRITON_INTERPRET="0")
    assert len(sizes) == 3 and all(size > 1000 for size in sizes.values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu():
    assert all(run("fused_on_gpu.py", TRITON_INTERPRET="0").values())

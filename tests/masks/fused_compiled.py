"""Run by test_fused.py: compiles the kernels for an NVIDIA GPU of an architecture, prints the binaries' sizes."""

import json
import os

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from dropgrid.masks import fused

DRAW = {
    "bits": "*i16", "dropped": "*i64", "rate": "*fp64", "key": "*i64", "planes": "i32", "channels": "i32",
    "last": True, "height": 14, "width": 14, "rows": 8, "columns": 8, "block": 7, "before": 0,
    "PLANES": 8, "HEIGHT": 16, "ROWS": 8, "QUADS": 2,
}  # fmt: skip
APPLY = {
    "input": "*bf16", "output": "*bf16", "bits": "*i16", "scale": "*fp32", "cells": "i32", "channels": "i32",
    "last": True, "width": 14, "SIZE": 1024,
}  # fmt: skip
SCALE = {"scale": "*fp32", "dropped": "*i64", "cells": "i32"}


def size(kernel, arguments):
    constants = {name: value for name, value in arguments.items() if not isinstance(value, str)}
    signature = {name: "constexpr" if name in constants else value for name, value in arguments.items()}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    return len(triton.compile(source, target=GPUTarget("cuda", int(os.environ["ARCHITECTURE"]), 32)).asm["cubin"])


kernels = {
    "draw": (fused.draw_kernel, DRAW),
    "apply": (fused.apply_kernel, APPLY),
    "scale": (fused.scale_kernel, SCALE),
}
print(json.dumps({name: size(*each) for name, each in kernels.items()}))

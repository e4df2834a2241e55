"""What writes docs/methods and docs/ablations. Optimizers are drawn with the code of the example that walks them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "examples" / "optimizer_paths"))

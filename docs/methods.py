"""Write docs/methods and docs/ablations: `python docs/methods.py`, a page and a picture for each option of
`manual.options.AXES`, a page for each axis and each ablation. `python docs/methods.py texts` leaves the pictures alone.

Everything there is made of what stands elsewhere (YAMLs, docstrings, the code that is run, results/), so nothing is
typed twice, and nothing of it is committed: `make site` builds it first.
"""

from manual.write import main

if __name__ == "__main__":
    main()

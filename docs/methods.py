"""Write docs/methods: `python docs/methods.py`, a page and a picture for each option of `manual.options.AXES`.

Everything there is made of what stands elsewhere (YAMLs, docstrings, the code that is run), so nothing is typed twice:
change it where it stands, and write the pages anew.
"""

from manual.write import main

if __name__ == "__main__":
    main()

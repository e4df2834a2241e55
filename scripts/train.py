"""Train a run, a sweep (-m) or an ablation (+ablation=NAME)."""

from dropgrid.cli.train import main

if __name__ == "__main__":
    main()

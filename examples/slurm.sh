#!/bin/bash
# Run a sweep on SLURM that continues after you log out: the command is a small job that submits the cells as an array.
#   sbatch examples/slurm.sh +ablation=demo seed=0,1,2
# Submit it from the checkout, on a file system that all nodes share. Submit it again to continue an interrupted sweep.
#SBATCH --job-name=dropgrid
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --time=2-00:00:00
#SBATCH --output=outputs/slurm-%j.log
# signal 120 s before the end: the cells then have time to write checkpoints
#SBATCH --signal=B:TERM@120
set -euo pipefail

for name in "${!SLURM_@}"; do   # the jobs need their own allocation, not this one
    [ "$name" = SLURM_CONF ] || unset "$name"
done
source .venv/bin/activate   # pip install -e '.[slurm]'

# SLURM signals this shell, which forwards the signal to the sweep
python scripts/train.py "$@" \
    hydra/launcher=submitit_slurm \
    hydra.launcher.timeout_min=120 \
    hydra.launcher.array_parallelism=64 \
    sweep.cells_per_job=4 &
    # hydra.launcher.partition=gpu hydra.launcher.account=mine trainer=gpu
sweep=$!
trap 'kill -TERM "$sweep"' TERM
wait "$sweep" || wait "$sweep"   # the first wait returns at the signal, the second when the sweep ends

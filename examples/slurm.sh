#!/bin/bash
# A sweep on SLURM that outlives your login: the command itself is a small job, and submits the cells as an array.
#   sbatch examples/slurm.sh +ablation=demo seed=0,1,2
# Run it in the checkout, on a file system that all nodes see. Started again it goes on with what is not finished.
#SBATCH --job-name=dropgrid
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --time=2-00:00:00
#SBATCH --output=outputs/slurm-%j.log
# time to call the cells back, which write checkpoints, before this job ends
#SBATCH --signal=B:TERM@120
set -euo pipefail

for name in "${!SLURM_@}"; do   # the jobs are to have their own allocation, not this one's
    [ "$name" = SLURM_CONF ] || unset "$name"
done
source .venv/bin/activate   # pip install -e '.[slurm]'

# SLURM signals this shell; the sweep must hear of it
python scripts/train.py "$@" \
    hydra/launcher=submitit_slurm \
    hydra.launcher.timeout_min=120 \
    hydra.launcher.array_parallelism=64 \
    sweep.cells_per_job=4 &
    # hydra.launcher.partition=gpu hydra.launcher.account=mine trainer=gpu
sweep=$!
trap 'kill -TERM "$sweep"' TERM
wait "$sweep" || wait "$sweep"   # the first wait ends with the signal, the second with the sweep

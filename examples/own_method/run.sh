#!/bin/sh
# Run an ablation of a regularizer and a network from your own folder, without a fork:
#   sh examples/own_method/run.sh [OVERRIDES]
here=$(cd "$(dirname "$0")" && pwd)
export DROPGRID_CONF="$here/conf"             # folder of options, with the group names of dropgrid's conf
export DROPGRID_TARGETS="$here/targets.txt"   # import paths that these options may call
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"   # not needed for an installed package
exec dropgrid-train +ablation=rows name=rows sweep.seeds=2 data=digits trainer.max_epochs=5 "$@"

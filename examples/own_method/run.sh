#!/bin/sh
# An ablation of a regularizer and a network that lie in a folder of their own, without a fork:
#   sh examples/own_method/run.sh [OVERRIDES]
here=$(cd "$(dirname "$0")" && pwd)
export DROPGRID_CONF="$here/conf"             # the folder of options, groups as in dropgrid's conf
export DROPGRID_TARGETS="$here/targets.txt"   # what those options may call
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"   # where that is imported from; not needed for an installed package
exec dropgrid-train +ablation=rows name=rows sweep.seeds=2 data=digits trainer.max_epochs=5 "$@"

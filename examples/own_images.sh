#!/bin/sh
# Run an ablation on your own images: sh examples/own_images.sh FOLDER [OVERRIDES]
# FOLDER contains a folder for each class (FOLDER/cat/1.jpg, …), whose images are split into training, validation and
# test images; or FOLDER/train and FOLDER/test contain these folders. The split is part of every cell's identity.
folder=$1
shift
exec dropgrid-train -m "data=image_folder" "data.root=$folder" data.size=32 model=resnet20 augment=crop_flip \
    regularizer=none,dropblock sweep.seeds=3 name=own_images "$@"

#!/bin/sh
# An ablation on your own pictures: sh examples/own_images.sh FOLDER [OVERRIDES]
# FOLDER has a folder for each class (FOLDER/cat/1.jpg, …), which is divided into training, validation and test images,
# or FOLDER/train and FOLDER/test that have them. Which images became which is part of every cell.
folder=$1
shift
exec dropgrid-train -m "data=image_folder" "data.root=$folder" data.size=32 model=resnet20 augment=crop_flip \
    regularizer=none,dropblock sweep.seeds=3 name=own_images "$@"

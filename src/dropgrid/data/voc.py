"""PASCAL VOC 2012, segmentation (Everingham et al., IJCV 2015): photographs of up to 500 pixels, 21 classes."""

from dropgrid.data.mask_folder import MaskFolder


class Voc(MaskFolder):
    """Reads the published folder VOCdevkit/VOC2012. The test set is the published validation set, as in the literature:
    the published test set has no public masks.
    """

    option = "voc"

"""Oxford-IIIT Pet (Parkhi et al., CVPR 2012): photographs of cats and dogs with trimaps."""

from dropgrid.data.mask_folder import MaskFolder


class OxfordPet(MaskFolder):
    """Reads the published folders `images` and `annotations`. Classes are background and pet, whatever its breed; the
    border of a trimap has no class.
    """

    option = "oxford_pet"

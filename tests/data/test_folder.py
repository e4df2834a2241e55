import os
import shutil

import pytest

from dropgrid.data.folder import folder_of, listing
from dropgrid.files import stats_of


def test_a_listing_is_sorted_by_part_class_and_name(tmp_path, tiny):
    tiny.tree(tmp_path, {"train": 12, "test": 3}, classes=("zebra", "ant"))
    found = listing(tmp_path, ("train", "test"))
    assert found.classes == ("ant", "zebra") and len(found.names) == 30
    expected = [
        f"{part}/{name}/{i:03d}.png"
        for part, each in (("train", 12), ("test", 3))
        for name in ("ant", "zebra")
        for i in range(each)
    ]
    assert [name.decode() for name in found.names.tolist()] == expected
    assert found.labels.tolist() == [0] * 12 + [1] * 12 + [0] * 3 + [1] * 3
    assert found.part.tolist() == [0] * 24 + [1] * 6
    assert found.path(29) == tmp_path / "test/zebra/002.png"
    assert found.stats[5].tolist() == [*stats_of(found.path(5).stat())]


def test_deeper_folders_count_and_hidden_or_other_files_do_not(tmp_path, tiny):
    tiny.tree(tmp_path, {"": 2})
    (tmp_path / "cat" / "more").mkdir()
    shutil.copy(tmp_path / "cat" / "000.png", tmp_path / "cat" / "more" / "UPPER.PNG")
    shutil.copy(tmp_path / "cat" / "000.png", tmp_path / "cat" / ".hidden.png")
    (tmp_path / "cat" / "notes.txt").write_text("")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "README").write_text("")
    names = [name.decode() for name in listing(tmp_path, ("",)).names.tolist()]
    assert names == ["cat/000.png", "cat/001.png", "cat/more/UPPER.PNG", "dog/000.png", "dog/001.png"]


def test_what_is_wrong_with_a_tree_is_named(tmp_path, tiny):
    with pytest.raises(ValueError, match="has no class folders"):
        listing(tmp_path, ("",))
    tiny.tree(tmp_path, {"train": 2, "test": 1})
    (tmp_path / "train" / "cow").mkdir()
    with pytest.raises(ValueError, match=r"the class folder .*train/cow has no images that Pillow reads$"):
        listing(tmp_path, ("train", "test"))
    shutil.copy(tmp_path / "train/cat/000.png", tmp_path / "train/cow")
    (tmp_path / "test" / "pig").mkdir()
    with pytest.raises(ValueError, match="do not have the same classes; on one side only: train/cow, test/pig"):
        listing(tmp_path, ("train", "test"))


def test_a_broken_link_is_named(tmp_path, tiny):
    tiny.tree(tmp_path, {"": 2})
    os.symlink(tmp_path / "nowhere", tmp_path / "cat" / "link.png")
    with pytest.raises(ValueError, match=r"cannot read .*cat/link\.png: No such file"):
        listing(tmp_path, ("",))


@pytest.mark.parametrize("place", ["cat/more.png", "cat/more", "cow"])
def test_links_stay_in_the_root_unless_they_may_leave_it(tmp_path, tiny, place):
    tiny.tree(tmp_path / "root", {"": 3})
    tiny.tree(tmp_path / "away", {"": 2})
    far = {"cat/more.png": "cat/000.png", "cat/more": "dog", "cow": "cat"}[place]
    os.symlink(tmp_path / "away" / far, tmp_path / "root" / place)
    with pytest.raises(ValueError, match=rf"the link .*/{place} leads out of .*data.follow_links=true"):
        listing(tmp_path / "root", ("",))
    before = len(listing(tmp_path / "away", ("",)).names)
    assert before and len(listing(tmp_path / "root", ("",), follow_links=True).names) > before
    (tmp_path / "root" / place).unlink()
    os.symlink(tmp_path / "root" / far, tmp_path / "root" / place)
    assert len(listing(tmp_path / "root", ("",)).names) > before


def test_links_that_would_list_without_end_are_refused(tmp_path, tiny):
    """Two links in each class to the next one are 2³⁰ paths, and none leaves the root."""
    tiny.tree(tmp_path, {"": 1}, classes=[f"c{i:02d}" for i in range(31)])
    for i in range(30):
        for link in ("l1", "l2"):
            os.symlink(f"../c{i + 1:02d}", tmp_path / f"c{i:02d}" / link)
    for follow_links in (False, True):
        with pytest.raises(ValueError, match=r"the link .* leads to .*, as another link of its class does"):
            listing(tmp_path, ("",), follow_links)


def test_two_classes_may_link_to_one_folder(tmp_path, tiny):
    tiny.tree(tmp_path, {"": 2}, classes=("ant", "bee", "more"))
    for name in ("ant", "bee"):
        os.symlink("../more", tmp_path / name / "link")
    assert len(listing(tmp_path, ("",)).names) == 4 + 2 + 4


def test_folder_of(tmp_path):
    (tmp_path / "file").write_text("")
    assert folder_of("x", tmp_path) == tmp_path.resolve()
    with pytest.raises(ValueError, match="data=image_folder needs data.root=FOLDER"):
        folder_of("image_folder", None)
    with pytest.raises(ValueError, match=r"nowhere is not a folder \(nothing is there\)"):
        folder_of("x", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="file is not a folder$"):
        folder_of("x", tmp_path / "file")
    for root in (["a"], {"a": 1}, 3, True):
        with pytest.raises(ValueError, match=r"^data.root must be a folder's path, got "):
            folder_of("x", root)

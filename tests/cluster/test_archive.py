"""A cell's files as bytes: all that it needs elsewhere, and nothing that leads back here."""

from fakes import Fake

from dropgrid.cluster.archive import pack_files, unpack_files


def test_what_a_training_of_ones_own_wrote_comes_along_but_for_its_links(tmp_path):
    theirs = Fake(tmp_path / "theirs")
    theirs.add(["baseline"], seeds=1).write()
    cell = theirs.cells[0]["line"]["cell"]
    own = theirs.outputs / "runs" / cell / "own"
    (own / "checkpoints").mkdir(parents=True)
    (own / "checkpoints" / "last.ckpt").write_text("x")
    (own / "newest").symlink_to(own / "checkpoints" / "last.ckpt")
    assert unpack_files(pack_files(theirs.outputs, cell), tmp_path / "ours", cell) == ""
    ours = tmp_path / "ours" / "runs" / cell
    assert (ours / "result.json").exists() and [path.name for path in (ours / "own").rglob("*.ckpt")] == ["last.ckpt"]
    assert not (ours / "own" / "newest").is_symlink()

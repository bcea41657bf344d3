import pytest

from tests.ship.made import bundle
from tilth import files
from tilth.errors import UserError
from tilth.ship.bundle import NEEDED
from tilth.ship.copy_bundle import copy_bundle


def test_a_copy_is_the_same_and_sound(tmp_path):
    source = bundle(tmp_path / "source")
    (source / "notes.txt").write_text("not of the bundle")
    (source / "README.md").write_text("Who may use this: farmers.")
    copied = copy_bundle(source, tmp_path / "a" / "copy")
    assert files.verify(copied) == []
    assert {path.name for path in copied.iterdir()} == {*NEEDED, "README.md", "manifest.json"}
    for name in (*NEEDED, "README.md"):
        assert (copied / name).read_bytes() == (source / name).read_bytes()


def test_a_bundle_without_its_card_is_copied(tmp_path):
    source = bundle(tmp_path / "source")
    (source / "README.md").unlink()
    assert files.verify(copy_bundle(source, tmp_path / "copy")) == []


def test_a_damaged_bundle_is_not_copied(tmp_path):
    source = bundle(tmp_path / "source")
    (source / "labels.json").write_text("[]")
    with pytest.raises(UserError, match=r"labels\.json is damaged"):
        copy_bundle(source, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_nothing_is_overwritten_unasked(tmp_path):
    source, other = bundle(tmp_path / "source"), bundle(tmp_path / "other", temperature=3.0)
    with pytest.raises(UserError, match="holds a bundle already"):
        copy_bundle(source, other)
    copy_bundle(source, other, force=True)
    assert (other / "config.json").read_bytes() == (source / "config.json").read_bytes()

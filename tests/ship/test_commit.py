import pytest

from tests.ship.made import bundle
from tilth import files
from tilth.errors import UserError
from tilth.ship.commit import commit_bundle
from tilth.ship.copy_bundle import copy_bundle


def test_a_place_that_cannot_be_written_is_named_the_same_way_everywhere(tmp_path):
    source = bundle(tmp_path / "source")
    (tmp_path / "file").write_text("in the way")
    to = tmp_path / "file" / "model"
    for act in (
        lambda: copy_bundle(source, to),
        lambda: bundle(to),
        lambda: commit_bundle(to, lambda aside: None, force=False),
    ):
        with pytest.raises(UserError, match=r"cannot write the bundle to .*model.*another folder"):
            act()


def test_what_was_written_is_listed_and_sound(tmp_path):
    commit_bundle(
        tmp_path / "model", lambda aside: files.write_bytes(aside / "a.json", b"{}"), force=False
    )
    assert files.verify(tmp_path / "model") == []
    assert list(files.read_manifest(tmp_path / "model")) == ["a.json"]

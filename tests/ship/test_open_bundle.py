import hashlib
import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ship.made import bundle
from tilth import files
from tilth.errors import UserError
from tilth.ship.bundle import NEEDED
from tilth.ship.open_bundle import open_bundle, read_bundle


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return bundle(tmp_path_factory.mktemp("bundles") / "sound")


@pytest.fixture
def folder(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "model")


def seal(folder):
    """Write a manifest that fits the files, as somebody who means harm would."""
    (folder / "manifest.json").unlink(missing_ok=True)
    files._seal(folder)
    return folder


def edit(folder, name, change):
    path = folder / name
    content = change(json.loads(path.read_text()))
    path.write_text(json.dumps(content))
    return seal(folder)


def test_a_run_folder_stands_for_the_bundle_in_it(tmp_path, sound):
    shutil.copytree(sound, tmp_path / "run" / "model")
    assert read_bundle(tmp_path / "run").folder == tmp_path / "run" / "model"


@pytest.mark.parametrize("name", NEEDED)
def test_a_changed_or_missing_file_is_named(folder, name):
    path = folder / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match=rf"{name} is damaged or was changed"):
        open_bundle(folder)
    path.write_bytes(content[:-1])
    with pytest.raises(UserError, match=rf"{name} is damaged or was changed"):
        open_bundle(folder)
    path.unlink()
    with pytest.raises(UserError, match=rf"{name} is (damaged|not)|{name}|is not a bundle"):
        open_bundle(folder)


def test_a_missing_manifest_is_said(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"has no manifest\.json"):
        open_bundle(folder)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"{}", b'{"files": 3}', b"\xff", b"[" * 10**5]
)
def test_a_damaged_manifest_is_said(folder, content):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(UserError, match=r"manifest\.json"):
        open_bundle(folder)


def test_a_file_that_the_manifest_does_not_list_is_not_read(folder):
    labels = (folder / "labels.json").read_bytes()
    (folder / "labels.json").unlink()
    seal(folder)
    (folder / "labels.json").write_bytes(labels)
    with pytest.raises(UserError, match=r"labels\.json: manifest\.json does not list it"):
        open_bundle(folder)


def test_people_may_edit_the_card(folder):
    (folder / "README.md").write_text("Who may use this: everybody.")
    assert open_bundle(folder).task.name == "classify"
    (folder / "README.md").unlink()
    assert open_bundle(folder).task.name == "classify"


def test_a_newer_format_says_upgrade(folder):
    edit(folder, "config.json", lambda config: {**config, "format_version": 2})
    with pytest.raises(UserError, match=r"format version 2.*upgrade"):
        open_bundle(folder)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("config.json", {"format_version": None}, "format_version"),
        ("config.json", {"format_version": True}, "format_version"),
        ("config.json", {"format_version": 0}, "format_version 0"),
        ("config.json", {"task": "os.system"}, "unknown task 'os.system'"),
        ("config.json", {"task": ["classify"]}, "task is not text"),
        ("config.json", {"task": "_metrics"}, "unknown task '_metrics'"),
        ("config.json", {"temperature": 0}, "temperature"),
        ("config.json", {"temperature": "1"}, "temperature"),
        ("config.json", {"temperature": True}, "temperature"),
        ("config.json", {"temperature": 10**400}, "temperature"),
        ("config.json", {"target": {}}, "target"),
        ("config.json", {"mask_values": [1, 2]}, "mask_values"),
        ("config.json", {"mask_values": [0, 1, 300]}, "mask_values"),
        (
            "config.json",
            {"target": {"name": "a", "kind": "x", "mean": 0, "scale": 1}},
            "no known kind",
        ),
        (
            "config.json",
            {"target": {"name": 1, "kind": "number", "mean": 0, "scale": 1}},
            "target is damaged",
        ),
        ("config.json", {"architecture": "two_conv"}, "architecture"),
        ("config.json", {"architecture": {"name": 3, "arguments": {}}}, "name is not text"),
        ("config.json", {"architecture": {"name": "mlp", "arguments": []}}, "arguments"),
        ("preprocessor_config.json", {"kind": "sounds"}, "Choices: images, own, table"),
    ],
)
def test_damaged_values_are_named(folder, name, change, words):
    edit(folder, name, lambda content: {**content, **change})
    with pytest.raises(UserError) as caught:
        open_bundle(folder)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", "[]"),
        ("config.json", "{"),
        ("config.json", '{"format_version": NaN}'),
        ("config.json", "[" * 100_000),
        ("config.json", '{"format_version": ' + "9" * 10_000 + "}"),
        ("labels.json", "{}"),
        ("labels.json", "[1, 2, 3]"),
        ("labels.json", "[]"),
        ("preprocessor_config.json", "3"),
    ],
)
def test_damaged_json_is_named(folder, name, content):
    (folder / name).write_text(content)
    seal(folder)
    with pytest.raises(UserError, match=name):
        open_bundle(folder)


def test_fewer_labels_than_outputs_are_noticed(folder):
    edit(folder, "labels.json", lambda labels: labels[:2])
    with pytest.raises(UserError, match="2 labels for 3 outputs"):
        open_bundle(folder)


def test_what_is_no_bundle_is_said(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        open_bundle(tmp_path / "none")
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(UserError, match="is a file"):
        open_bundle(tmp_path / "model.pkl")
    with pytest.raises(UserError, match="is not a bundle"):
        open_bundle(tmp_path)
    (tmp_path / "config.toml").write_text('[data]\npath = "flowers"')
    with pytest.raises(UserError, match="tilth resume"):
        open_bundle(tmp_path)
    (tmp_path / "config.toml").write_text('[own]\nmodel = ["Net"]')
    with pytest.raises(UserError, match="run the same script again"):
        open_bundle(tmp_path)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def _places(value, path=()):
    if isinstance(value, dict):
        for key, entry in value.items():
            yield (*path, key)
            yield from _places(entry, (*path, key))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_a_value_is_a_users_error_or_still_a_bundle(sound, tmp_path, data):
    """Whatever stands in the files, nothing but UserError comes out of opening them."""
    folder = tmp_path / hashlib.sha256(repr(data).encode()).hexdigest()[:8]
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    name = data.draw(st.sampled_from(["config.json", "preprocessor_config.json", "labels.json"]))
    content = json.loads((folder / name).read_text())
    places = list(_places(content)) or [()]
    place, value = data.draw(st.sampled_from(places)), data.draw(JSON)
    if place:
        inner = content
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
    else:
        content = value
    (folder / name).write_text(json.dumps(content))
    seal(folder)
    try:
        open_bundle(folder)
    except UserError as error:
        assert str(error)

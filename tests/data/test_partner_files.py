"""Masks and wanted pictures beside pictures, against what was written."""

import numpy as np
import pytest
import torch
from PIL import Image

import tilth as tl
from tilth.data import image_partners
from tilth.data.image_data import read_images
from tilth.data.image_partners import PartnersRead
from tilth.data.mask_decoder import VOID, MaskDecoder, mask_classes
from tilth.data.open_image import BadImage
from tilth.data.resident_store import ResidentStore
from tilth.errors import UserError


def save(path, pixels, palette=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    if palette:
        picture.putpalette(list(range(255, -1, -1)) * 3)
    picture.save(path)


def damage(path):
    """Change a byte of what a PNG holds; its ends are as they were."""
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 8] ^= 255
    path.write_bytes(content)


@pytest.fixture
def streets(tmp_path):
    """Folders train, val, test with masks in trainannot and so on: classes 0, 1 and void 2."""
    draw, truth = np.random.default_rng(0), {}
    for part, count in (("train", 30), ("val", 6), ("test", 6)):
        for number in range(count):
            mask = draw.integers(0, 3, (6, 8)).astype(np.uint8)
            save(tmp_path / part / f"{number}.png", draw.integers(0, 255, (6, 8)).astype(np.uint8))
            save(tmp_path / f"{part}annot" / f"{number}.png", mask, palette=True)
            truth[f"{part}/{number}.png"] = mask
    return tmp_path, truth


PATTERN = "{folder}annot/{stem}.png"


def masks_of(data):
    return data.wanted.take(torch.arange(len(data.keys)))


def test_a_pattern_finds_masks_and_folders_are_the_splits(streets):
    folder, truth = streets
    names = ("sky", "road", "void")
    data = tl.images(folder, masks=PATTERN, names=names, void=["void"])
    assert data.target.kind == "mask" and data.target.labels == ("sky", "road")
    assert [len(data.splits[s]) for s in ("train", "test")] == [30, 6]
    for name, found in zip(data.files, masks_of(data).numpy(), strict=True):
        wanted = np.where(truth[name] == 2, VOID, truth[name])
        assert np.array_equal(found, wanted)


def test_names_and_void_may_be_one_text_as_on_the_command_line(streets):
    data = tl.images(streets[0], masks=PATTERN, names="sky, road,void", void="void")
    assert data.target.labels == ("sky", "road") and data.origin["void"] == ("void",)


def test_without_names_classes_are_called_by_their_values(streets):
    folder, _ = streets
    data = tl.images(folder, masks=PATTERN, void=["1"])
    assert data.target.labels == ("0", "2")
    assert sorted(masks_of(data).unique().tolist()) == [0, 1, VOID]


def test_what_is_not_held_in_memory_is_the_same(streets):
    folder, _ = streets
    held, read = (tl.images(folder, masks=PATTERN, resident=one) for one in (True, False))
    assert not read.wanted.resident
    assert torch.equal(masks_of(held), masks_of(read))
    assert held.fingerprint() == read.fingerprint()


@pytest.mark.parametrize(("given", "planes"), [("masks", 2), ("pairs", 2), (None, 1)])
def test_the_memory_for_what_is_wanted_is_counted(tmp_path, given, planes):
    for number in range(20):
        for folder in ("seen", "wanted"):
            save(tmp_path / folder / f"{number}.png", np.full((6, 8), number % 2, dtype=np.uint8))
    marks = {given: tmp_path / "wanted"} if given else {}
    need = 20 * 6 * 8 * planes
    for budget, hold in ((need, True), (need - 1, False)):
        data = read_images(tmp_path / "seen", memory_budget=budget, **marks)
        assert data.store.resident == hold
        assert given is None or data.wanted.resident == hold


def test_what_is_wanted_of_all_pictures_is_not_copied():
    masks = PartnersRead(ResidentStore(torch.arange(6).view(3, 1, 2)), (), np.arange(3), {})
    assert masks.chosen([0, 1, 2]) is masks
    assert masks.chosen([0, 2]).store.take(torch.arange(2)).flatten().tolist() == [0, 1, 4, 5]
    assert masks.chosen([2, 1, 0]).keys.tolist() == [2, 1, 0]


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("names", [(), ("sky", "road", "void")])
def test_damaged_masks_are_set_aside_before_training(streets, monkeypatch, resident, names):
    """One is cut short, one damaged within, one holds a value without a name, one colours."""
    monkeypatch.setattr(image_partners, "_FIRST", 10)
    folder, _ = streets
    save(folder / "trainannot" / "5.png", np.random.default_rng(0).integers(0, 3, (6, 8), np.uint8))
    cut = folder / "trainannot" / "5.png"
    cut.write_bytes(cut.read_bytes()[:-20])
    damage(folder / "trainannot" / "6.png")
    odd = np.full((6, 8), 9, dtype=np.uint8)
    if names:
        save(folder / "trainannot" / "7.png", odd)
    save(folder / "trainannot" / "8.png", np.full((6, 8, 3), (1, 2, 3), dtype=np.uint8))
    bad = {f"train/{number}.png" for number in ((5, 6, 7, 8) if names else (5, 6, 8))}
    data = tl.images(folder, masks=PATTERN, names=names, resident=resident, max_bad=0.2)
    assert {one.item for one in data.bad_items} == bad
    assert not {*data.files} & bad and len(masks_of(data)) == 42 - len(bad)
    with pytest.raises(UserError, match="cannot be read, more than max_bad"):
        tl.images(folder, masks=PATTERN, names=names, resident=resident)


@pytest.mark.parametrize(
    "marks", [{"masks": PATTERN, "names": ("a", "b", "c")}, {"pairs": PATTERN}]
)
def test_one_that_is_damaged_inside_is_found_where_none_are_held(streets, monkeypatch, marks):
    monkeypatch.setattr(image_partners, "_FIRST", 3)
    folder, _ = streets
    damage(folder / "trainannot" / "7.png")
    told = []
    data = read_images(
        folder, resident=False, max_bad=0.1, progress=lambda *done: told.append(done), **marks
    )
    assert [bad.item for bad in data.bad_items] == ["train/7.png"]
    assert len(masks_of(data)) == 41
    assert ("checking files", 42, 42) not in told and ("checking files", 39, 39) in told


def test_masks_void_all_over_are_set_aside_wherever_they_are_held(streets):
    folder, _ = streets
    for number in (3, 4):
        save(folder / "trainannot" / f"{number}.png", np.full((6, 8), 2, dtype=np.uint8))
    names = ("sky", "road", "void")
    held, read = (
        tl.images(folder, masks=PATTERN, names=names, void=["void"], resident=one)
        for one in (True, False)
    )
    assert [bad.item for bad in read.bad_items] == ["train/3.png", "train/4.png"]
    for split, rows in held.splits.items():
        assert np.array_equal(rows, read.splits[split])
    assert sum(map(len, read.splits.values())) == 40


@pytest.mark.parametrize("resident", [True, False])
def test_wanted_pictures_that_are_damaged_are_not_told_as_masks(streets, resident):
    folder, _ = streets
    for number in range(24):
        damage(folder / "trainannot" / f"{number}.png")
    with pytest.raises(UserError, match=r"24 of 42 pictures in .* cannot be read") as told:
        tl.images(folder, pairs=PATTERN, resident=resident)
    assert "mask" not in str(told.value) and "repair or delete" in str(told.value)


@pytest.mark.parametrize("resident", [True, False])
def test_names_that_are_too_few_are_told_before_training(streets, resident):
    folder, _ = streets
    with pytest.raises(UserError, match="stands for no class"):
        tl.images(folder, masks=PATTERN, names=("sky", "road"), resident=resident)


def test_another_mask_is_another_fingerprint(streets):
    folder, _ = streets
    before = tl.images(folder, masks=PATTERN).fingerprint()
    save(folder / "trainannot" / "0.png", np.ones((6, 8), dtype=np.uint8))
    assert tl.images(folder, masks=PATTERN).fingerprint() != before


def test_masks_that_cannot_be_used_set_their_pictures_aside(streets):
    folder, _ = streets
    save(folder / "trainannot" / "1.png", np.zeros((6, 9), dtype=np.uint8))  # other proportions
    save(folder / "trainannot" / "2.png", np.full((6, 8, 3), (1, 2, 3), dtype=np.uint8))
    (folder / "trainannot" / "3.png").write_bytes(b"not a picture")
    (folder / "trainannot" / "4.png").unlink()
    data = tl.images(folder, masks=PATTERN, names=("a", "b", "c"), max_bad=0.2)
    reasons = {bad.item: bad.reason for bad in data.bad_items}
    assert sorted(reasons) == [f"train/{n}.png" for n in (1, 2, 3, 4)]
    assert "8 x 6 px and what belongs to it 9 x 6 px" in reasons["train/1.png"]
    assert "no colours" in reasons["train/2.png"]
    assert reasons["train/4.png"] == "no mask for it"
    with pytest.raises(UserError, match="no mask"):
        tl.images(folder, masks=PATTERN, names=("a", "b", "c"), max_bad=0.0)


def test_a_value_without_a_name_is_told(streets):
    folder, _ = streets
    with pytest.raises(UserError, match=r"42 of 42 masks: .*the value 2.*names has 2, for the val"):
        tl.images(folder, masks=PATTERN, names=("sky", "road"))


@pytest.mark.parametrize("absolute", [False, True])
def test_a_pattern_finds_masks_of_pictures_directly_in_the_folder(tmp_path, absolute):
    for number in range(20):
        for name in (f"{number}.png", f"{number}_m.png"):
            save(tmp_path / name, np.full((4, 4), number % 2, dtype=np.uint8))
    begins = str(tmp_path) if absolute else "{folder}"
    data = tl.images(tmp_path, masks=begins + "/{stem}_m.png")
    assert sorted(data.files) == sorted(f"{number}.png" for number in range(20))


def test_a_folder_of_masks_mirrors_that_of_pictures(tmp_path):
    for number in range(20):
        save(tmp_path / "all" / "x" / f"{number}.png", np.full((4, 4), number, dtype=np.uint8))
        mask = np.full((4, 4), number % 2, dtype=np.uint8)
        save(tmp_path / "marks" / "x" / f"{number}.bmp", mask)
    data = tl.images(tmp_path / "all", masks=tmp_path / "marks")
    for name, found in zip(data.files, masks_of(data), strict=True):
        assert (found == int(name.split("/")[1][:-4]) % 2).all()
    with pytest.raises(UserError, match="is no folder, here or in"):
        tl.images(tmp_path / "all", masks="nowhere")
    with pytest.raises(UserError, match="a pattern has"):
        tl.images(tmp_path / "all", masks="{what}/1.png")


def test_a_pattern_that_finds_nothing_is_told_with_what_it_looked_for(streets):
    told = r"no mask .* 84 picture files .*: for test/0.png there is no testannnot/0.png; .*"
    with pytest.raises(UserError, match=told + "Choices: test, testannot, train, trainannot, val"):
        tl.images(streets[0], masks="{folder}annnot/{stem}.png")
    with pytest.raises(UserError, match=r"no mask is found among the 84 .*; every"):
        tl.images(streets[0], masks=lambda path: path / "none")
    (streets[0] / "valannot" / "5.png").unlink()
    with pytest.raises(UserError, match=r"1 of 42 pictures .* have no mask by .*max_bad=0.024"):
        tl.images(streets[0], masks=PATTERN)


def test_pairs_are_the_pictures_wanted(tmp_path):
    draw, truth = np.random.default_rng(1), {}
    for number in range(30):
        clean = draw.integers(0, 255, (8, 8)).astype(np.uint8)
        save(tmp_path / "noisy" / f"{number}.png", clean // 2)
        save(tmp_path / "clean" / f"{number}.png", clean)
        truth[f"{number}.png"] = clean
    data = tl.images(tmp_path / "noisy", pairs=tmp_path / "clean")
    assert data.target.kind == "picture"
    for name, found in zip(data.files, masks_of(data), strict=True):
        assert np.array_equal(found[0].numpy(), truth[name])


def test_a_mask_is_brought_to_a_size_by_its_nearest_pixels():
    mask = Image.fromarray(np.arange(8, dtype=np.uint8).reshape(2, 4))
    table = tuple(range(8))
    found = MaskDecoder(4, 8, table)(mask).numpy()
    assert np.array_equal(found, np.arange(8).reshape(2, 4).repeat(2, 0).repeat(2, 1))
    padded = MaskDecoder(4, 4, table, fit="pad")(mask).numpy()
    assert (padded[[0, 3]] == VOID).all() and padded[1].tolist() == [0, 1, 2, 3]
    assert MaskDecoder(2, 2, table, fit="crop")(mask).tolist() == [[1, 2], [5, 6]]


def test_values_over_a_byte_and_colours_are_refused():
    with pytest.raises(BadImage, match="the value 300"):
        MaskDecoder(2, 2, (0, 1))(Image.fromarray(np.full((2, 2), 300, dtype=np.uint16)))
    with pytest.raises(BadImage, match="no colours"):
        colours = np.zeros((2, 2, 3), dtype=np.uint8)
        colours[..., 0] = 9
        MaskDecoder(2, 2, (0, 1))(Image.fromarray(colours))


def test_void_is_named_by_name_or_value():
    by_name = mask_classes([], ("a", "b", "c"), ("b",))
    assert by_name == mask_classes([], ("a", "b", "c"), ("1",))
    assert by_name.labels == ("a", "c") and by_name.table == (0, VOID, 1)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"names": ("a", "b", "c"), "void": ["d"]}, "'d'.*Choices: a, b, c"),
        ({"void": ["7"]}, "'7'.*Choices: 0, 1, 2"),
        ({"names": ("a", "a", "c")}, "'a' twice"),
    ],
)
def test_names_and_void_that_cannot_be_are_told(streets, given, told):
    with pytest.raises(UserError, match=told):
        tl.images(streets[0], masks=PATTERN, **given)


def test_masks_that_are_all_in_colour_are_told_at_once(tmp_path):
    for number in range(20):
        save(tmp_path / "all" / f"{number}.png", np.full((4, 4), number, dtype=np.uint8))
        save(tmp_path / "marks" / f"{number}.png", np.full((4, 4, 3), (9, 8, 7), dtype=np.uint8))
    with pytest.raises(UserError, match=r"no mask can be read: .*no colours"):
        tl.images(tmp_path / "all", masks=tmp_path / "marks")
    with pytest.raises(UserError, match=r"20 of 20 pictures in .*(?s:.*)no colours"):
        tl.images(tmp_path / "all", masks=tmp_path / "marks", names=("a", "b"))


def test_a_value_beyond_the_names_may_be_void():
    assert mask_classes([], ("a", "b"), ("255",)).table[255] == VOID

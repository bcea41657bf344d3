"""Each finding on a table made to have it, and none of them on a sound table."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tilth.data.table_data import read_table


def sound(count=600, seed=0):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=count)
    noisy = signal + rng.normal(size=count)
    return pl.DataFrame(
        {
            "a": signal,
            "b": rng.normal(size=count),
            "colour": rng.choice(["red", "green", "blue"], count),
            "kind": np.where(noisy > 0, "up", "down"),
            "price": noisy,
        }
    )


def findings(frame, target="kind", drop=("price",), **options):
    columns = {**dict.fromkeys(drop, "drop"), **options.pop("columns", {})}
    return {
        finding.code: finding
        for finding in read_table(frame, target, columns=columns, **options).findings()
    }


def test_a_sound_table_has_none():
    assert findings(sound()) == {}
    assert findings(sound(), "price", drop=("kind",)) == {}


def test_few_rows_and_empty_splits():
    assert set(findings(sound(60))) == {"tiny"}
    found = findings(sound(600), fractions=(0.8, 0.0, 0.2))
    assert "valid and calibrate" in found["empty_split"].what


def test_uneven_and_tiny_classes():
    frame = sound().with_columns(
        kind=pl.when(pl.arange(600) < 8).then(pl.lit("rare")).otherwise("kind")
    )
    found = findings(frame)
    assert found["tiny_class"].items == ("rare (8)",)
    assert "imbalance" in found


def test_columns_that_teach_nothing_are_listed_with_their_reason():
    frame = sound().with_columns(
        constant=pl.lit("x"),
        nothing=pl.lit(None),
        number=pl.arange(600),
        text=pl.format("{} words are in this row", pl.arange(600)),
        amount=pl.format("$ {}", pl.arange(600) % 7),
        day=pl.Series([["01/02/2024", "03/04/2024"][i % 2] for i in range(600)]),
        dates=pl.Series([f"2024-01-{i % 20 + 10}" if i else "never" for i in range(600)]),
    )
    found = findings(frame)
    assert {code: finding.items for code, finding in found.items()} == {
        "constant_column": ("constant",),
        "empty_column": ("nothing",),
        "id_column": ("number",),
        "text_column": ("text",),
        "numbers_as_text": ("amount",),
        "ambiguous_dates": ("day",),
        "dates_as_text": ("dates",),
    }
    assert 'columns={"amount": "number"}' in found["numbers_as_text"].what
    assert "1 are not ('never')" in found["dates_as_text"].what


def test_missing_values_by_share():
    frame = sound().with_columns(
        a=pl.when(pl.arange(600) % 10 < 7).then(None).otherwise("a"),
        b=pl.when(pl.arange(600) % 50 == 0).then(None).otherwise("b"),
    )
    found = findings(frame)["missing_values"]
    assert found.severity == "warning"
    assert found.items == ("a", "b")


def test_copies_within_train_and_across_splits():
    frame = sound()
    doubled = pl.concat([frame, frame[:60]])
    found = findings(doubled)
    # the split keeps equal rows together wherever that leaves sizes nearly as asked
    assert "duplicates_across_splits" not in found
    assert found["duplicates"].what.startswith("4")
    # row 600 + i is made of row i
    pairs = [item.replace("row ", "").split(" = ") for item in found["duplicates"].items]
    assert all(int(copy) == int(first) + 600 for copy, first in pairs)
    test = pl.concat([frame[:30], sound(70, seed=1)])
    data = read_table(frame[:500], "kind", test=test, columns={"price": "drop"})
    copied = np.isin(np.arange(30), data.splits["train"]).sum()  # others are in valid now
    found = findings(frame[:500], test=test)
    assert found["duplicates_across_splits"].severity == "warning"
    assert found["duplicates_across_splits"].what.startswith(f"{copied} rows")
    assert len(found["duplicates_across_splits"].items) == copied
    for item in found["duplicates_across_splits"].items:
        row = item.removeprefix("test row ").partition(" ")[0]
        assert item == f"test row {row} = train row {row}"


def test_a_target_that_names_its_rows_is_told():
    frame = sound()
    rows = frame.with_columns(number=pl.arange(600), price_id=pl.arange(600) * 17 % 7919)
    found = findings(rows, "number", drop=("kind", "price", "price_id"))["id_target"]
    assert found.severity == "warning" and "like a row number" in found.what
    assert "like an id" in findings(rows, "price_id", drop=("number",))["id_target"].what
    sums = frame.with_columns(cents=(pl.col("price") * 1000).round().cast(pl.Int64))
    assert "id_target" not in findings(sums, "cents", drop=("price", "kind"))


def test_rows_that_disagree_on_the_target():
    frame = sound()
    other = frame[:3].with_columns(
        kind=pl.when(pl.col("kind") == "up").then(pl.lit("down")).otherwise(pl.lit("up"))
    )
    assert findings(pl.concat([frame, other]))["label_conflict"].what.endswith(": 3 times")


def test_a_column_that_gives_the_target_away():
    frame = sound()
    leak = frame.with_columns(
        code=pl.when(pl.col("kind") == "up").then(pl.lit("U1")).otherwise(pl.lit("D2")),
        score=pl.col("price") * 2 + 1,
    )
    found = findings(leak)["leaking_column"]
    assert set(found.items) == {"code", "score"}
    assert 'columns={"score": "drop"} (--set data.columns.score=drop)' in found.fix
    found = findings(leak, "price", drop=("kind", "code"))["leaking_column"]
    assert found.items == ("score",)
    parts = frame.with_columns(net=pl.col("price") - pl.col("b"), gross=pl.col("b"))
    found = findings(parts, "price", drop=("kind", "b"))["leaking_column"]
    assert found.items == ("net", "gross")
    assert "weighted sum" in found.what


def test_a_shift_between_given_tables():
    test = sound(seed=1).with_columns(
        b=pl.col("b") + 1, colour=pl.col("colour").replace("red", "blue")
    )
    found = findings(sound(), test=test)["shift"]
    assert set(found.items) == {"b", "colour"}
    assert "shift" not in findings(sound(), test=sound(seed=1))


def test_time_moves_dates_by_design():
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=i) for i in range(600)]
    frame = sound().with_columns(when=pl.Series(days))
    assert "shift" not in findings(frame, time="when")


def test_columns_and_groups_of_given_tables():
    train = sound().with_columns(who=pl.format("p{}", pl.arange(600) % 40))
    test = sound(seed=1).with_columns(who=pl.format("p{}", pl.arange(600) % 40 + 39)).drop("b")
    found = findings(train, test=test, group="who")
    assert found["shared_groups"].items == ("p39",)
    assert found["absent_columns"].items == ("test: b",)


def test_names_that_repeat(tmp_path):
    lines = ["a,a,kind", *(f"{i % 7},{i % 5},{'xy'[i * 7 % 11 < 5]}" for i in range(600))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    found = findings(tmp_path / "t.csv", drop=())
    assert found["repeated_names"].items == ("a",)


@pytest.mark.data
def test_the_parts_of_the_bicycle_count_are_found(data_folder):
    data = read_table(data_folder / "bike_sharing" / "hour.csv.gz", "cnt")
    found = {finding.code: finding for finding in data.findings()}
    assert found["leaking_column"].items == ("casual", "registered")
    assert found["id_column"].items == ("instant",)


def two_spellings():
    """A train table, and a test table whose labels end in a full stop."""
    train = sound(400)
    test = sound(100, seed=1).with_columns(pl.col("kind") + ".")
    return train, test


def test_what_follows_from_a_second_spelling_is_not_listed_beside_it():
    train, test = two_spellings()
    found = findings(train, test=test)
    assert set(found) == {"label_variants"}
    assert "'down.' as 'down'" in found["label_variants"].what
    assert "100 rows are left out for it" in found["label_variants"].what
    assert "--fix labels" in found["label_variants"].fix


def test_what_does_not_follow_from_a_second_spelling_is_still_listed():
    train, test = two_spellings()
    rare = sound(30, seed=2).with_columns(kind=pl.lit("sideways"))
    found = findings(pl.concat([train, rare]), test=pl.concat([test, sound(50, seed=3)]))
    assert set(found["class_not_in_test"].items) == {"sideways"}
    assert found["class_not_in_test"].what.startswith("1 class has no row in test")


def test_rows_left_out_for_their_label_are_in_the_notes_with_their_number():
    train, test = two_spellings()
    data = read_table(train, "kind", test=test, columns={"price": "drop"})
    (note,) = [note for note in data.notes if "left out for a label that no training row" in note]
    counts = test["kind"].value_counts()
    assert note.startswith("100 rows are left out")
    for label, count in counts.iter_rows():
        assert f"{label!r} {count}" in note


@pytest.mark.parametrize(
    ("copies", "said"),
    [
        (1, "1 row of train is a copy of another row"),
        (2, "2 rows of train are copies of another row"),
    ],
)
def test_words_agree_with_their_number(copies, said):
    frame = pl.concat([sound(), sound()[:copies]])
    rows = np.arange(600 + copies)
    splits = {"train": np.r_[rows[:400], rows[-copies:]], "valid": rows[400:450]}
    splits["test"] = rows[450:-copies]
    assert findings(frame, splits=splits)["duplicates"].what == said


def test_a_fix_that_asks_ends_with_its_question_mark(capsys):
    frame = sound()
    other = frame[:3].with_columns(kind=pl.col("kind").replace_strict({"up": "down", "down": "up"}))
    read_table(pl.concat([frame, other]), "kind", columns={"price": "drop"}).check()
    said = capsys.readouterr().err
    assert "or a label wrong?\n" in said
    assert "?." not in said

"""How to train: every setting with its default, typed, from Python, TOML or the command line."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from tilth.errors import UserError, choose, nearest
from tilth.train.toml import inline

T = TypeVar("T")

MARKS = ("labels", "masks", "names", "void", "pairs")  # what says what is wanted of pictures
PICTURES_ONLY = (
    *("onto", *MARKS, "size", "grey", "fit", "resident", "augment", "decisions", "max_pixels"),
)
TABLES_ONLY = ("test", "group", "time", "columns", "fixes")
FOR_BOTH = ("target", "task", "split_seed", "fractions", "max_bad")
WORLDS_ONLY = ("arguments",)
WORLD = "env:"  # what the path of a world begins with
"""Which data settings apply to what; ``path`` names each of them."""
_TOML = ("[", "{", '"')  # what a list, a table and a quoted text begin with


@dataclass(frozen=True)
class DataSettings:
    """What to learn from. None means inferred, and said.

    Pictures: labels: a table of names and labels, or a regular expression whose group finds the
    label in the path, where the folders are not the classes; target: the table's columns that are
    wanted (with commas between); task: what they are wanted for; masks, pairs: where each
    picture's mask, or the picture wanted of it, is: a folder, or a pattern with {folder} and
    {stem}; names: of the values of masks from 0 on; void: those that are not counted; size: their
    side in px, or height and width; grey: whether they are used without colour; fit: how other
    proportions are brought to the size ("squash", "crop" or "pad"); resident: whether decoded
    pictures are held in memory; onto: a second set of them, to adapt or translate to; augment: how
    training pictures are varied, field by field where it differs from what is usual (flip,
    flip_vertical, rotate_degrees, zoom, warp, light, shift, pad, cutout, mixup, cutmix, mixed);
    decisions: the CSV file of a review, which relabels pictures and takes some out; max_pixels:
    the most of one picture that is decoded (100 million where nothing is said)
    Tables: target: column to predict; test: a second table; task: "classify" or "regress";
    group, time: columns that splits respect; columns: column -> kind, where the inference is
    wrong; fixes: repairs to apply
    Worlds: path is env:NAME; arguments: plain values for its constructor
    Pictures and tables: split_seed: of the split alone, so that seeds share a test set;
    fractions: of train, valid and test (0.7, 0.15, 0.15 where nothing is said); max_bad: share of
    unreadable items that is set aside before the reading stops
    """

    path: str = ""
    onto: str | None = None
    labels: str | None = None
    masks: str | None = None
    names: tuple[str, ...] = ()
    void: tuple[str, ...] = ()
    pairs: str | None = None
    size: int | tuple[int, int] | None = None
    grey: bool | None = None
    fit: str | None = None
    resident: bool | None = None
    augment: dict[str, Any] = dataclasses.field(default_factory=dict)
    decisions: str | None = None
    max_pixels: int | None = None
    target: str | None = None
    test: str | None = None
    task: str | None = None
    group: str | None = None
    time: str | None = None
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    fixes: tuple[str, ...] = ()
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    split_seed: int = 0
    fractions: tuple[float, float, float] | None = None
    max_bad: float = 0.01


@dataclass(frozen=True)
class TaskSettings:
    """What is done with the data: a name from the registry and its plain arguments.

    None: its target is predicted.
    """

    name: str | None = None
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class ModelSettings:
    """Which network: a name from the registry and its plain arguments."""

    name: str | None = None
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    warm_start: str | None = None


@dataclass(frozen=True)
class TrainSettings:
    """How to train. None means chosen from the data or by measurement, and said.

    epochs: passes over train; minutes: a time budget that limits them; lr: peak learning rate,
    or those of the first and of the last layer group, or of the last alone as a list of one;
    frozen: how many of the first layer groups are held still; freeze_epochs: fine-tune, with so
    many passes of the head alone first; gradual: one group more after each of them;
    clip: largest gradient norm (0 switches clipping off); patience: looks at valid without a
    better value before stopping (0 never stops); dtype: "float32" or "bfloat16";
    compile: time torch.compile too, and use it only where it is faster

    >>> TrainSettings(epochs=3).micro_batches
    1
    """

    epochs: int | None = None
    minutes: float | None = None
    batch_size: int | None = None
    lr: float | tuple[float, ...] | None = None
    frozen: int | None = None
    freeze_epochs: int | None = None
    gradual: bool | None = None
    schedule: str | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    clip: float | None = None
    micro_batches: int = 1
    patience: int | None = None
    seed: int = 0
    device: str = "auto"
    dtype: str | None = None
    channels_last: bool | None = None
    compile: bool = False
    threads: int = 0
    augment: bool | None = None
    checkpoint_seconds: float = 30.0


@dataclass(frozen=True)
class Settings:
    """Everything ``tilth train`` needs; the shape of tilth.toml and of a run's config.toml."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    task: TaskSettings = TaskSettings()

    def to_config(self) -> dict[str, Any]:
        """Return nested plain values without the settings left to be chosen."""
        return {r.name: plain_settings(getattr(self, r.name)) for r in dataclasses.fields(self)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read nested plain values; raise UserError for unknown names and wrong types."""
        for room in config:
            choose(room, ("data", "model", "train", "task"), "section")
        return cls(
            fill(DataSettings, config.get("data", {})),
            fill(ModelSettings, config.get("model", {})),
            fill(TrainSettings, config.get("train", {})),
            fill(TaskSettings, config.get("task", {})),
        )

    def change(self, name: str, text: str) -> Settings:
        """Return a copy with ``section.field`` set from ``text``, as ``--set`` gives it.

        >>> Settings().change("train.epochs", "3").train.epochs
        3
        """
        room, _, key = name.partition(".")
        kinds_of = {r.name: field_types(getattr(self, r.name)) for r in dataclasses.fields(self)}
        homes = [home for home, kinds in kinds_of.items() if room in kinds]
        if len(homes) > 1:  # the one that takes a plain value
            homes = [home for home in homes if base_type(kinds_of[home][room]) is not dict]
        if not key and len(homes) == 1:
            room, key = homes[0], room
        if not key:
            known = [
                f"{r.name}.{f}"
                for r in dataclasses.fields(self)
                for f in field_types(getattr(self, r.name))
            ]
            guess = nearest(name, known) or nearest(name, [k.split(".")[1] for k in known])
            raise UserError(
                f"unknown setting {name!r}",
                choices=known,
                fix=f"did you mean {guess!r}?" if guess else "see `tilth init`",
            )
        choose(room, [r.name for r in dataclasses.fields(self)], "section")
        current = getattr(self, room)
        key, _, inner = key.partition(".")
        kinds = field_types(current)
        whole = choose(f"{room}.{key}", [f"{room}.{name}" for name in kinds], "setting")
        is_table = base_type(kinds[key]) is dict
        if is_table and not inner:
            raise UserError(
                f"{whole}={text}",
                rule=f"{key} holds values by name",
                fix=f"name one: {whole}.NAME={text}",
            )
        if inner and not is_table:
            raise UserError(
                f"unknown setting {name!r}",
                rule=f"{whole} is one {base_type(kinds[key]).__name__}, there is nothing inside",
                fix=f"did you mean {whole}={text}?",
            )
        if is_table:
            found, table = entry(text, kinds[key]), getattr(current, key)
            texts = typing.get_args(kinds[key]) == (str, str)  # of columns, whose names have dots
            value: Any = {**table, inner: found} if texts else put(table, inner, found, whole)
        else:
            value = parse(text, kinds[key], whole)
        return dataclasses.replace(self, **{room: dataclasses.replace(current, **{key: value})})


def put(table: Mapping[str, Any], path: str, value: Any, whole: str) -> dict[str, Any]:
    """Return a table with a value at ``name.name``; whole: what the table is called.

    >>> put({"a": 1}, "b.c", 2, "task.arguments")
    {'a': 1, 'b': {'c': 2}}
    """
    name, _, inner = path.partition(".")
    if not inner:
        return {**table, name: value}
    within = table.get(name, {})
    if not isinstance(within, Mapping):
        raise UserError(f"{whole}.{path}", rule=f"{whole}.{name} is {within!r}: nothing is inside")
    return {**table, name: put(within, inner, value, f"{whole}.{name}")}


def plain_settings(
    settings: DataSettings | TaskSettings | ModelSettings | TrainSettings,
) -> dict[str, Any]:
    """Return plain values without the settings left to be chosen.

    >>> plain_settings(ModelSettings("mlp"))
    {'name': 'mlp'}
    """
    values = dataclasses.asdict(settings)
    return {key: value for key, value in values.items() if value not in (None, {}, ())}


def field_types(settings: Any) -> dict[str, Any]:
    """Return field name -> type of a settings dataclass (or instance)."""
    kind = settings if isinstance(settings, type) else type(settings)
    return typing.get_type_hints(kind)


def fill(kind: type[T], values: Mapping[str, Any]) -> T:
    """Build a settings dataclass from plain values; name unknown fields and wrong types."""
    kinds = field_types(kind)
    checked = {}
    for key, value in values.items():
        choose(key, kinds, "setting")
        if value is not None:
            checked[key] = convert(value, kinds[key], key)
    return kind(**checked)


def plain_types(kind: Any) -> tuple[Any, ...]:
    """Return the alternatives of ``int | None`` and the like, without None."""
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return tuple(option for option in options if option is not type(None))


def base_type(kind: Any) -> Any:
    """Return the plain class of a field's type: ``dict`` for ``dict[str, str]``.

    >>> base_type(int | None), base_type(dict[str, str])
    (<class 'int'>, <class 'dict'>)
    """
    wanted, *_ = plain_types(kind)
    return typing.get_origin(wanted) or wanted


def alternative(kind: Any, *, several: bool) -> Any:
    """Return the one of a field's types that takes several values, or the one that takes one.

    >>> alternative(int | tuple[int, int] | None, several=True)
    tuple[int, int]
    """
    options = plain_types(kind)
    return next((one for one in options if (base_type(one) is tuple) == several), options[0])


def inner_types(kind: Any, count: int, name: str) -> list[Any]:
    """Return the types of the ``count`` values of a tuple field; raise UserError for the count."""
    first, *rest = typing.get_args(kind)
    if rest in ([], [Ellipsis]):
        return [first] * count
    if count != 1 + len(rest):
        raise UserError(f"{name} has {count} values", rule=f"{name} has {1 + len(rest)} values")
    return [first, *rest]


def convert(value: Any, kind: Any, name: str) -> Any:
    """Check a value read from TOML or given in Python against a field's type."""
    whole, kind = kind, alternative(kind, several=isinstance(value, list | tuple))
    base = base_type(kind)
    if base is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if base is tuple and isinstance(value, list | tuple):
        kinds = inner_types(kind, len(value), name)
        return tuple(convert(one, inner, name) for one, inner in zip(value, kinds, strict=True))
    if isinstance(value, base) and not (base is int and isinstance(value, bool)):
        return value
    raise UserError(f"{name} = {value!r}", **_needed(whole, name))


def parse(text: str, kind: Any, name: str) -> Any:
    """Read a value given as text on the command line."""
    if tuple[float, ...] in plain_types(kind):
        text = text.replace(":", ",")  # of rates, FIRST:LAST
    whole, kind = kind, alternative(kind, several="," in text)
    base = base_type(kind)
    if base is tuple:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        kinds = inner_types(kind, len(parts), name)
        return tuple(parse(part, inner, name) for part, inner in zip(parts, kinds, strict=True))
    if base is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        return words[choose(text.lower(), words, f"value of {name}")]
    try:
        return base(text)
    except ValueError:
        raise UserError(f"{name}={text!r}", **_needed(whole, name)) from None


def _needed(kind: Any, name: str) -> dict[str, str]:
    """Return what a value must be that is none of a field's types; kind: all of them.

    >>> _needed(int | None, "epochs"), _needed(int | tuple[int, int] | None, "size")["rule"]
    ({'rule': 'epochs must be int'}, 'size is one number, or HEIGHT,WIDTH')
    """
    if tuple[int, int] in plain_types(kind):
        fix = "--size 72,96 (size=(72, 96))"
        return {"rule": f"{name} is one number, or HEIGHT,WIDTH", "fix": fix}
    return {"rule": f"{name} must be {base_type(kind).__name__}"}


def entry(text: str, kind: Any) -> Any:
    """Return one value of a table given as text: a text where the table holds those.

    Otherwise a number or truth value if it reads as one, and TOML where it begins as a list, a
    table or a quoted text. Raises UserError where it then does not go on as one.

    >>> entry("48", dict[str, Any]), entry("48", dict[str, str]), entry("[16, 8]", dict[str, Any])
    (48, '48', [16, 8])
    """
    if typing.get_args(kind) == (str, str):
        return text
    if text.strip().startswith(_TOML):
        try:
            read = tomllib.loads(f"value = {text}")
        except tomllib.TOMLDecodeError:
            read = {}
        if list(read) != ["value"]:  # no TOML, or more lines than the one value
            raise UserError(
                f"value {text}",
                rule=f"what begins with one of {' '.join(_TOML)} is TOML",
                fix='as in [16, 8], {rate = 0.5} or "text"',
            )
        return read["value"]
    for plain in (int, float):
        try:
            return plain(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def as_text(value: Any) -> str:
    """Return the text that ``entry`` reads as this value.

    >>> as_text(0.5), as_text("resnet18"), as_text([16, 8]), as_text("48")
    ('0.5', 'resnet18', '[16, 8]', '"48"')
    """
    if not isinstance(value, str) or value != value.strip() or value.startswith(_TOML):
        return inline(value)
    return value if entry(value, dict) == value else inline(value)

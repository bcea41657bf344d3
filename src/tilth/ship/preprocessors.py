"""The closed set of preprocessors that a bundle may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from tilth.data.dataset import Preprocessor
from tilth.errors import UserError, choose
from tilth.ship.architecture import plugin_names

Named = Mapping[str, Any]  # the caller's plugins by name


def _images(config: Mapping[str, Any], named: Named) -> Preprocessor:
    from tilth.data.image_preprocessor import ImagePreprocessor

    preprocessor = ImagePreprocessor.from_config(config)
    preprocessor([])  # an empty list goes through every setting
    return preprocessor


def _table(config: Mapping[str, Any], named: Named) -> Preprocessor:
    from tilth.data.array_table import ArrayEncoder
    from tilth.data.table_encoder import TableEncoder

    return (ArrayEncoder if "width" in config else TableEncoder).from_config(config)


def _own(config: Mapping[str, Any], named: Named) -> Preprocessor:
    from tilth.data.own_data import OwnPreprocessor

    return OwnPreprocessor.from_config(config, named)


def _world(config: Mapping[str, Any], named: Named) -> Preprocessor:
    from tilth.data.observations import Observations

    return Observations.from_config(config)


# each imports its own libraries only when a bundle needs it
KINDS: dict[str, Callable[[Mapping[str, Any], Named], Preprocessor]] = {
    "images": _images,
    "own": _own,
    "table": _table,
    "world": _world,
}


def to_ship(preprocessor: Preprocessor) -> dict[str, Any]:
    """Return what preprocessor_config.json holds."""
    return {**preprocessor.to_config(), "kind": preprocessor.kind}


def from_bundle(config: Mapping[str, Any], plugins: Sequence[Any] = ()) -> Preprocessor:
    """Return the preprocessor of a bundle.

    plugins: the caller's own; classes with ``kind`` and ``from_config`` are looked at first, and
        a collate function is known by its name

    Raises UserError for an unknown kind, listing what there is, and for damaged settings.

    >>> from_bundle({"kind": "sounds"})
    Traceback (most recent call last):
    tilth.errors.UserError: unknown preprocessor 'sounds'. Choices: images, own, table, world. ...
    """
    own = {
        plugin.kind: plugin.from_config
        for plugin in plugins
        if isinstance(plugin, type) and hasattr(plugin, "kind") and hasattr(plugin, "from_config")
    }
    kind = choose(str(config.get("kind")), {**KINDS, **own}, "preprocessor")
    try:
        if kind in own:
            return cast(Preprocessor, own[kind](config))
        return KINDS[kind](config, plugin_names(plugins))
    except UserError:
        raise
    except Exception as error:  # whatever damaged settings cause
        raise UserError(
            f"preprocessor_config.json: these are not settings of {kind} ({error!r})",
            fix="get the bundle again from where it came from",
        ) from error

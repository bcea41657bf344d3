"""Pictures as points of a plane: what a net's layers make of them, and what labels so far teach.

A layer's activations are averaged over the picture's area (into a two by two grid where there are
few channels), standardised, and shown by two of their principal components. Where umap-learn is
installed, another map has neighbours among the activations as neighbours (UMAP, McInnes et al.
2018). Once some pictures have labels, a linear discriminant (Fisher 1936) of all layers together
gives axes that part these labels, and proposes one for each picture that has none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from threading import Lock
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from tilth.audit.principal import principal
from tilth.errors import UserError
from tilth.nn.modes import modes_kept
from tilth.nn.watched import watched

Floats = NDArray[np.floating[Any]]

COMPONENTS = 8
LEARNED = "learned from your labels"
BY_UMAP = " (UMAP)"
"""Ends the name of the map of a layer that keeps neighbours."""
_FEWEST = 16  # pictures, more than the 15 neighbours that UMAP keeps
_MOST_FEATURES = 512  # of a layer
_DISCRIMINED = 64  # principal components of each layer that the discriminant looks at


def layers_of(model: nn.Module) -> dict[str, str]:
    """Return name -> path of a layer to look at, from the input on: the body's parts that learn.

    What the body does after the last of them without parameters (an activation, a pool) is not in
    it: the layer ``body`` is what the head sees.

    >>> from tilth.models.mlp import mlp
    >>> layers_of(mlp(channels=1, size=4, outputs=2, layers=(8, 8)))
    {'layer 1': 'body.1', 'layer 2': 'body.3'}
    """
    body = getattr(model, "body", model)
    body = body if isinstance(body, nn.Module) else model
    path_of = {id(part): path for path, part in model.named_modules()}
    parts = list(body.children()) or [body]
    while len(parts) == 1 and list(parts[0].children()):
        parts = list(parts[0].children())
    learned = [part for part in parts if any(True for _ in part.parameters())] or [body]
    return {f"layer {number}": path_of[id(part)] for number, part in enumerate(learned, 1)}


def activations(
    model: nn.Module, inputs: Iterable[Tensor], layer: str | None = None
) -> dict[str, Floats]:
    """Return layer -> [N, features] float32 of all inputs, in their order.

    layer: a path of ``model.named_modules()`` to look at before those of ``layers_of``
    Raises UserError, with the model's layers, for one that it does not have or that gives no
    tensor.
    """
    layers = {**({layer: layer} if layer is not None else {}), **layers_of(model)}
    found: dict[str, list[Tensor]] = {}
    with modes_kept(model), torch.inference_mode():
        model.eval()
        for piece in inputs:
            with watched(model, list(layers.values()), made=_flat) as kept:
                model(piece)
            for name, path in layers.items():
                if path in kept.outputs:
                    found.setdefault(name, []).append(kept.outputs[path])
    if layer is not None and layer not in found:
        raise UserError(f"layer {layer!r}", rule="a map is made of a tensor that the layer gives")
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def _flat(made: Tensor) -> Tensor:
    """Return [B, features] float32 of what a layer made of a batch: a copy.

    Whole maps of every layer would be large, and a layer that works in place writes over them.
    """
    if made.dim() == 4:
        made = F.adaptive_avg_pool2d(made, 2 if 4 * made.shape[1] <= _MOST_FEATURES else 1)
    elif made.dim() == 3:  # tokens
        made = made.mean(1)
    return made.flatten(1)[:, :_MOST_FEATURES].to("cpu", torch.float32, copy=True)


def standardised(features: Floats, count: int) -> Floats:
    """Return [N, up to count] principal components of standardised features, scaled to unit sd.

    features: [N, F]; the sign of each is that of its largest weight
    """
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0)
    points, _ = principal(scaled, count)
    found: Floats = points / np.maximum(points.std(axis=0), 1e-12)
    return found


def _discriminant(rows: Floats, labels: list[str]) -> Any:
    """Return a linear discriminant of rows [N, F], fitted.

    How far the covariance is shrunk is estimated (Ledoit and Wolf 2004); two or three rows of a
    label may leave nothing to estimate it from, and then it is half.
    Raises UserError where the rows of each label are all alike.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    for shrinkage in ("auto", 0.5):
        model = LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage)
        with contextlib.suppress(np.linalg.LinAlgError):
            return model.fit(rows, labels)
    raise UserError(
        "labels on pictures that are alike", rule="the pictures of a label are to differ somehow"
    )


class Maps:
    """The maps of one set of pictures.

    features: layer -> [N, F]

    >>> stream = np.random.default_rng(0)
    >>> maps = Maps({"pixels": stream.normal(size=(50, 6))})
    >>> maps.points("pixels", 0, 1).shape
    (50, 2)
    """

    def __init__(self, features: Mapping[str, Floats]) -> None:
        enough = find_spec("umap") and all(len(one) >= _FEWEST for one in features.values())
        self._features = dict(features) if enough else {}
        self._all = {name: standardised(one, _DISCRIMINED) for name, one in features.items()}
        self._near: dict[str, Floats] = {}
        self._lock = Lock()  # UMAP's compiled loops are not to be entered twice at once
        self._learned: Floats | None = None

    @property
    def names(self) -> dict[str, int]:
        """Map -> how many axes it has."""
        found = {}
        for name, one in self._all.items():
            if name in self._features:
                found[name + BY_UMAP] = 2
            found[name] = min(COMPONENTS, one.shape[1])
        if self._learned is not None:
            found[LEARNED] = min(COMPONENTS, self._learned.shape[1])
        return found

    def points(self, name: str, x: int, y: int) -> Floats:
        """Return [N, 2] the two axes ``x`` and ``y`` of a map; UMAP's are made when asked for."""
        if name == LEARNED and self._learned is not None:
            points = self._learned
        elif name.endswith(BY_UMAP):
            points = self._neighbours(name.removesuffix(BY_UMAP))
        else:
            points = self._all[name]
        return points[:, [x, y]]

    def _neighbours(self, layer: str) -> Floats:
        with self._lock:
            if layer not in self._near:
                from umap import UMAP

                fitted = UMAP(random_state=0, n_jobs=1)
                self._near[layer] = fitted.fit_transform(self._features[layer])
            return self._near[layer]

    def learn(self, labels: Mapping[int, str]) -> tuple[list[str], Floats]:
        """Learn axes that part the labels so far; return for each row what is proposed, how sure.

        labels: place -> label, of two labels at the least, each with two places at the least
        (others are left out)
        Returns [N] labels and [N] probabilities; ([], []) where there is too little to learn from.
        """
        counts: dict[str, int] = {}
        for label in labels.values():
            counts[label] = counts.get(label, 0) + 1
        known = {place: label for place, label in labels.items() if counts[label] > 1}
        if len(set(known.values())) < 2:
            self._learned = None
            return [], np.zeros(0)
        together = np.concatenate(list(self._all.values()), axis=1).astype(np.float64)
        model = _discriminant(together[list(known)], list(known.values()))
        axes = model.transform(together)
        if axes.shape[1] == 1:  # two labels: beside it, the first axis of the last layer
            axes = np.concatenate([axes, list(self._all.values())[-1][:, :1]], axis=1)
        self._learned = axes / np.maximum(axes.std(axis=0), 1e-12)
        chances = model.predict_proba(together)
        return [str(one) for one in model.classes_[chances.argmax(axis=1)]], chances.max(axis=1)

"""The Predictor: a bundle that answers, from any number of threads, with nothing of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from tilth.data.dataset import Preprocessor
from tilth.data.decoder import placement
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.image_views import ImageViews
from tilth.data.picture_size import own_size
from tilth.data.places import Places
from tilth.errors import UserError
from tilth.ship import frames
from tilth.ship.answering import Answering
from tilth.ship.architecture import Plugin
from tilth.ship.encoding import ROWS_AT_ONCE, encode
from tilth.ship.open_bundle import Opened, open_bundle
from tilth.ship.prediction import PROBABILITY, Prediction, Predictions
from tilth.ship.requests import Name, Request, understand, understand_each
from tilth.tasks import Predictions as Decoded
from tilth.train.device import choose_device
from tilth.tree import map_tree, num_rows


def load(
    folder: str | Path, *, plugins: Sequence[Plugin] | Plugin = (), device: str = "cpu"
) -> Any:
    """Open a bundle (or a finished run, whose bundle it takes) and return what answers.

    A Predictor; for models that give rows back a Codec, for policies an Actor, for models that
    give pictures back a PictureModel, for masks a Segmenter, for translation a Translator, for
    models that make rows up a Sampler.

    plugins: your own network classes or functions (or a network, built as it was trained) that
        the bundle names; your own preprocessor classes. A name in a file never imports anything
    device: where the network computes: "cpu", "cuda", "mps" or "auto"

    Raises UserError naming what is missing, changed, unknown or newer than this version.

    >>> import numpy as np
    >>> import tilth as tl
    >>> inputs = np.random.default_rng(0).normal(size=(200, 2))
    >>> data = tl.arrays(inputs, np.where(inputs[:, 0] > 0, "right", "left"))
    >>> run = tl.Learner(data, quiet=True, run="runs/turns").fit(1, lr=0.01)
    >>> predictor = load(run.export())
    >>> predictor.labels, predictor.task
    (('left', 'right'), 'classify')
    """
    named = tuple(plugins) if isinstance(plugins, list | tuple) else (plugins,)
    opened = open_bundle(folder, plugins=named)
    if opened.answers == "codes":
        from tilth.ship.codec import Codec

        return Codec(opened, device=device)
    if opened.answers == "actions":
        from tilth.ship.actor import Actor

        return Actor(opened, device=device)
    if opened.answers == "pictures":
        from tilth.ship.picture_model import PictureModel

        return PictureModel(opened, device=device)
    if opened.answers == "masks":
        from tilth.ship.segmenter import Segmenter

        return Segmenter(opened, device=device)
    if opened.answers == "translations":
        from tilth.ship.translator import Translator

        return Translator(opened, device=device)
    if opened.answers == "samples":
        from tilth.ship.sampler import Sampler

        return Sampler(opened, device=device)
    return Predictor(opened, device=device)


class Predictor(Answering):
    """Answers about new items with the pre- and post-processing that the model was trained with.

    It never changes after it is made, so threads may share it without a lock. Answers for one
    item do not depend on what else is asked at the same time.

    labels: the labels it chooses from, () for numbers; task: its name; target: what it predicts

    >>> import numpy as np
    >>> import tilth as tl
    >>> inputs = np.random.default_rng(0).normal(size=(200, 2))
    >>> data = tl.arrays(inputs, np.where(inputs[:, 0] > 0, "right", "left"))
    >>> run = tl.Learner(data, quiet=True, run="runs/sides").fit(1, lr=0.01)
    >>> answers = load(run.export()).predict([{"x0": 3.0, "x1": 0.0}, {"x0": -3.0, "x1": 0.0}])
    >>> len(answers)
    2
    """

    def __init__(self, opened: Opened, *, device: str = "cpu") -> None:
        self._device, _ = choose_device(device)
        self._model = opened.model.to(self._device).eval()
        assert opened.task is not None
        self._preprocessor, self._task = opened.preprocessor, opened.task
        self._temperature = opened.temperature
        self.labels, self._kind = opened.task.target.labels, opened.task.target.kind
        self.task, self.target = opened.task.name, opened.task.target.name

    def predict(self, asked: Any, *, views: int = 1) -> Any:
        """Return a Prediction for one item, Predictions for several, a frame for a frame.

        asked: pictures: a path, the bytes of a file, a PIL picture or an array; a folder or a
            list of them. Tables: a polars or pandas frame or the path of a table (the answer is
            a frame with the columns prediction, probability and probability_<label>), a row as
            a dict or a list of them; an array where the model learned from one. Items of your own
            data set: one, a list of them, or an array whose rows they are
        views: of pictures, how many are averaged: the answer is the mean of the probabilities (or
            numbers) for the picture as it is and for ``views - 1`` others, varied as training did

        Raises UserError naming the item that cannot be read, and for views of what has none.
        """
        request, ready = understand(asked, self._preprocessor), self._ready(views)
        if request.shape == "one":
            return self._one(request.items[0], request.names[0], ready)
        if request.bad:
            first, rest = request.bad[0], len(request.bad) - 1
            raise UserError(
                f"{asked}: {first.item}: {first.reason}" + (f" (and {rest} more)" if rest else ""),
                fix="mend the file, or use predict_items, which answers the others",
            )
        if request.shape == "frame":
            return self._frame(request.items[0])
        answers = Predictions()
        for _, answer in self._many(request, ready):
            if isinstance(answer, UserError):
                raise answer
            answers.append(answer)
        return answers

    def predict_items(self, asked: Any, *, views: int = 1) -> Iterator[dict[str, Any]]:
        """Yield a JSON-ready dict per item: item, prediction, probability, probabilities.

        asked: as for ``predict``, or a list of paths of tables. An item that cannot be read
            gives {"item", "error"} and the others their answers. Memory does not grow with the
            number of items. views: as for ``predict``
        """
        ready = self._ready(views)
        for request in understand_each(asked, self._preprocessor):
            yield from ({"item": bad.item, "error": bad.reason} for bad in request.bad)
            if request.shape == "frame":
                yield from self._frame_items(request)
                continue
            for name, answer in self._many(request, ready):
                if isinstance(answer, UserError):
                    yield {"item": name, "error": str(answer)}
                else:
                    yield answer.to_json()

    def _ready(self, views: int) -> Preprocessor:
        """Return what makes the inputs: the preprocessor, or several views of each picture."""
        if views == 1:
            return self._preprocessor
        if not isinstance(self._preprocessor, ImagePreprocessor):
            raise UserError(
                f"views={views}",
                rule="views are of pictures, and this model answers other items",
                fix="leave views out",
            )
        if self._kind == "points":
            raise UserError(
                f"views={views} of pictures with points",
                rule="a view is moved, and its points with it",
                fix="leave views out",
            )
        return ImageViews(self._preprocessor, views)

    def _one(self, item: Any, name: Name, ready: Preprocessor) -> Prediction:
        decoded = self._decoded(ready([item]), ready)
        if not np.isfinite(decoded.values).all():
            raise _not_finite("the item" if name is None else name)
        return self._prediction(name, decoded, 0, item)

    def _many(
        self, request: Request, ready: Preprocessor
    ) -> Iterator[tuple[Name, Prediction | UserError]]:
        items = iter(request.items)
        for group in encode(request.items, request.names, ready):
            decoded = None if group.inputs is None else self._decoded(group.inputs, ready)
            row = 0
            for place, name in enumerate(group.names):
                item = next(items)
                if place in group.errors or decoded is None:
                    yield name, group.errors[place]
                    continue
                sound = np.isfinite(decoded.values[row]).all()
                answer = self._prediction(name, decoded, row, item) if sound else _not_finite(name)
                yield name, answer
                row += 1

    def _frame(self, frame: Any) -> Any:
        parts = [self._columns(decoded) for _, decoded in self._pieces(frame)]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return frames.alike(frame, columns)

    def _frame_items(self, request: Request) -> Iterator[dict[str, Any]]:
        for start, decoded in self._pieces(request.items[0]):
            for row in range(len(decoded.answers)):
                yield self._prediction(request.names[start + row], decoded, row).to_json()

    def _pieces(self, frame: Any) -> Iterator[tuple[int, Decoded]]:
        """Yield (first row, answers) for a frame, piece by piece."""
        for number, piece in enumerate(frames.pieces(frame, ROWS_AT_ONCE)):
            start, decoded = number * ROWS_AT_ONCE, self._decoded(self._preprocessor(piece))
            values = decoded.values.reshape(len(decoded.answers), self._task.outputs)
            sound = np.isfinite(values).all(axis=1)
            if not sound.all():
                raise _not_finite(f"row {start + int(np.flatnonzero(~sound)[0])}")
            yield start, decoded

    def _decoded(self, inputs: Any, ready: Preprocessor | None = None) -> Decoded:
        if isinstance(ready, ImageViews):
            seen = [self._decoded(inputs[:, view]) for view in range(ready.views)]
            values = np.mean([one.values for one in seen], axis=0)
            return Decoded(values, self._task.chosen(values))
        with torch.inference_mode():
            outputs = self._model(map_tree(lambda leaf: leaf.to(self._device), inputs))
            if outputs.numel() != num_rows(inputs) * self._task.outputs:
                raise UserError(
                    f"the model gives {list(outputs.shape)} for {num_rows(inputs)} items",
                    rule=f"{self.task} needs {self._task.outputs} numbers for each",
                    fix="for several items give a list of them: predict([item, ...])",
                )
            return self._task.decode(outputs.float().cpu(), self._temperature)

    def _prediction(self, name: Name, decoded: Decoded, row: int, item: Any = None) -> Prediction:
        if self._kind == "points":
            return Prediction(item=name, points=self._points(decoded.values[row], item))
        if not self.labels:
            return Prediction(item=name, value=float(decoded.values[row]))
        shares = decoded.values[row].tolist()
        by_label = dict(zip(self.labels, shares, strict=True))
        if self._kind == "labels":
            said = zip(self.labels, decoded.answers[row], strict=True)
            there = tuple(label for label, present in said if present)
            return Prediction(item=name, labels=there, probabilities=by_label)
        answer = int(decoded.answers[row])
        return Prediction(
            item=name,
            label=self.labels[answer],
            probability=shares[answer],
            probabilities=by_label,
        )

    def _points(self, places: NDArray[Any], item: Any) -> dict[str, tuple[float, float]]:
        """Return the points that places from -1 to 1 stand for, in px of the picture as it is."""
        ready = cast(ImagePreprocessor, self._preprocessor)
        height, width = own_size(item, ready)
        shown = placement((width, height), (ready.width, ready.height), ready.fit)
        points = shown.moved(Places(ready.width, ready.height).back(places), back=True)
        return {
            label: (float(x), float(y)) for label, (x, y) in zip(self.labels, points, strict=True)
        }

    def _columns(self, decoded: Decoded) -> dict[str, NDArray[Any]]:
        if not self.labels:
            return {"prediction": decoded.values}
        each = {
            PROBABILITY.format(label=label): decoded.values[:, k]
            for k, label in enumerate(self.labels)
        }
        return {
            "prediction": np.array(self.labels, dtype=object)[decoded.answers],
            "probability": decoded.values.max(axis=1),
            **each,
        }

    def __repr__(self) -> str:
        things = "points" if self._kind == "points" else "labels"
        what = f"{len(self.labels)} {things}" if self.labels else "a number"
        return f"Predictor({self.task}, {self.target!r}, {what})"


def _not_finite(name: Name) -> UserError:
    return UserError(
        f"{name}: the model's answer is not a finite number",
        fix="look for values in the item far outside those it was trained with",
    )

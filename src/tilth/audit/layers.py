"""The report's looks at layers: first filters, what each layer gives, the map before the head."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tilth.audit import figures
from tilth.audit.figures import NET, VALID, drawable
from tilth.audit.judged import Section
from tilth.audit.principal import principal
from tilth.audit.seen_pictures import Seen, evenly
from tilth.nn.auxiliary import without_auxiliary
from tilth.nn.body_head import BodyHead
from tilth.nn.watched import watched

PICTURES, ROWS = 128, 32
FILTERS, ACROSS, PX = 64, 8, 8
KINDS = (nn.Conv2d, nn.Linear, nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.LeakyReLU)
PASSES = 3.0
LAYERS = (
    "What {shown} of {count} layers give for {pictures} test pictures, in the order in which they "
    "work. Mean and spread (sd) should neither vanish nor explode with depth; the gradient is the "
    "root of the mean square of what the loss sends back to the layer, times a million. A unit is "
    "dead where its ReLU is 0 in every place of every one of these pictures: many dead ones are "
    "width that is paid for and not used."
)


def first_filters(seen: Seen) -> Section | None:
    """Return the first layer's filters as pictures; None where it is no convolution of pixels."""
    found = first_layer(seen.net, seen.taken(seen.rows[:1])[0])
    if not isinstance(found, nn.Conv2d) or found.weight.shape[1] not in (1, 3):
        return None
    weights = found.weight.detach().cpu()
    top = float(weights.abs().max()) or 1.0
    count, _, height, width = weights.shape
    listed = f"The first {FILTERS} of {count}" if count > FILTERS else f"All {count}"
    colours = "in colour" if weights.shape[1] == 3 else "in grey"
    line = (
        f"{listed} filters of {width} x {height} px that the pixels meet first, {colours}: grey is "
        f"a weight of 0, white +{top:.2g}, black -{top:.2g}. Edges and spots of many directions "
        "are what nets learn here; speckles that look alike in all of them say that little was "
        "learned."
    )
    (tile,) = _sheet((weights[:FILTERS] / top + 1) / 2)
    return Section("The first layer", lines=[line], strips=[{"title": "", "shown": [tile]}])


def first_layer(net: nn.Module, inputs: Tensor) -> nn.Module | None:
    """Return the first layer with weights that works on the inputs."""
    layers = dict(net.named_modules())
    names = [name for name, one in layers.items() if isinstance(one, nn.Conv2d | nn.Linear)]
    with torch.no_grad(), watched(net, names) as kept:
        net(inputs)
    return layers[next(iter(kept.outputs))] if kept.outputs else None


def _sheet(filters: Tensor) -> list[dict[str, Any]]:
    """Return filters [N, C, h, w] in [0, 1] beside and below each other, a white line between."""
    from tilth.audit.latent import shown

    count, channels, height, width = filters.shape
    down = -(-count // ACROSS)
    page = torch.ones(channels, down * (height + 1) - 1, min(count, ACROSS) * (width + 1) - 1)
    for place, one in enumerate(filters):
        top, left = place // ACROSS * (height + 1), place % ACROSS * (width + 1)
        page[:, top : top + height, left : left + width] = one
    large = page.repeat_interleave(PX, 1).repeat_interleave(PX, 2)
    return [{**tile, "wide": True} for tile in shown(large[None])]


def layer_statistics(seen: Seen) -> Section | None:
    """Return what each layer gives and gets back; None where the net has none that are known."""
    count = max(seen.affordable(PASSES, PICTURES), 2)
    inputs, targets = seen.taken(seen.some(count))
    found = statistics(seen, inputs, targets)
    if not found:
        return None
    kept = [found[int(place)] for place in evenly([str(i) for i in range(len(found))], ROWS)]
    head = ["Layer", "Kind", "Gives", "Mean", "sd", "Dead units", "Gradient x 10^6"]
    rows = [
        [
            one["name"],
            one["kind"],
            one["gives"],
            f"{one['mean']:.3g}",
            f"{one['sd']:.3g}",
            one["dead"],
            f"{1e6 * one['gradient']:.3g}",
        ]
        for one in kept
    ]
    line = LAYERS.format(shown=len(kept), count=len(found), pictures=len(inputs))
    tile = {"png": _depth(found), "wide": True}
    return Section(
        "Layer by layer",
        lines=[line],
        table={"head": head, "rows": rows},
        strips=[{"title": "", "shown": [tile]}],
    )


def statistics(seen: Seen, inputs: Tensor, targets: Tensor) -> list[dict[str, Any]]:
    """Return name, kind, shape, mean, sd, dead units and gradient of each layer, as they work."""
    layers = dict(seen.net.named_modules())
    names = [name for name, one in layers.items() if isinstance(one, KINDS)]
    asked = inputs.clone().requires_grad_()
    with torch.enable_grad(), watched(seen.net, names, gradients=True) as kept:
        outputs = seen.net(asked)
        losses = seen.task.row_losses(outputs.cpu(), targets.cpu())
        losses.mean().backward()  # type: ignore[no-untyped-call]
    found = []
    for name, output in kept.outputs.items():
        given, gradient = output.detach(), kept.gradients.get(name)
        found.append(
            {
                "name": name,
                "kind": type(layers[name]).__name__,
                "gives": " x ".join(map(str, given.shape[1:])),
                "mean": float(given.mean()),
                "sd": float(given.std()),
                "dead": _dead(layers[name], given),
                "gradient": 0.0 if gradient is None else float(gradient.square().mean().sqrt()),
            }
        )
    return found


def _dead(layer: nn.Module, given: Tensor) -> str:
    """Return how many channels of a ReLU are never above 0, and of how many."""
    if not isinstance(layer, nn.ReLU):
        return "-"
    silent = (given.transpose(0, 1).flatten(1) <= 0).all(dim=1)
    return f"{int(silent.sum())} of {len(silent)}"


def _depth(found: list[dict[str, Any]]) -> str:
    with figures.style():
        figure, axes = figures.new(6.4, 2.8)
        places = np.arange(1, len(found) + 1)
        for key, colour, label in (("sd", NET, "spread (sd)"), ("gradient", VALID, "gradient")):
            values = np.array([one[key] for one in found])
            shown = np.where(values > 0, values, np.nan)
            axes.plot(places, shown, "o-", markersize=3.5, color=colour, label=label)
        axes.set(yscale="log", xlabel="layer, in the order of work", ylabel="size (log scale)")
        axes.yaxis.set_major_formatter(lambda value, place: f"{value:.0e}")
        axes.yaxis.set_minor_formatter(lambda value, place: "")
        axes.legend(fontsize=8.5)
        axes.set_title("Spread of outputs and of gradients by depth")
        return figures.png(figure)


def embedding_map(seen: Seen, most: int = 1000) -> Section | None:
    """Return test pictures by the two directions in which the layer before the head varies most.

    None where the net is no ``BodyHead``, or too few pictures are there: what a net of another
    class does between a layer called body and its answer, nobody but its author knows
    """
    net, count = without_auxiliary(seen.net), seen.affordable(1, most)
    if not isinstance(net, BodyHead) or len(seen.rows) < 10 or count < 10:
        return None
    inputs, targets = seen.taken(seen.some(count))
    with torch.no_grad(), watched(net, ["body"]) as kept:
        answers = net(inputs).cpu()
    features = kept.outputs.get("body")
    if features is None or features.dim() != 2 or features.shape[1] < 2:
        return None
    points, shares = principal(features.double().cpu().numpy(), 2)
    values = seen.task.truths(targets.cpu())
    wrong = np.zeros(len(points), dtype=bool)
    if seen.is_classes:
        wrong = answers.argmax(1).ne(targets.cpu()).numpy()
    lines = [
        f"{len(points):,} test pictures as the layer before the head holds them "
        f"({features.shape[1]} numbers each), seen along the two directions in which they "
        f"differ most (principal components). {_reading(seen)}"
    ]
    tile = {"png": _scatter(seen, points, shares, values, wrong), "wide": True}
    return Section("Before the head", lines=lines, strips=[{"title": "", "shown": [tile]}])


def _reading(seen: Seen) -> str:
    """Say what the colours of the map are, and what lying apart or together means."""
    if not seen.is_classes:
        return (
            f"The colour of a picture is its true {seen.data.target.name}. Where it changes "
            "steadily along one direction, these two hold much of that number; unlike colours in "
            "one place need the other directions, or are answered alike."
        )
    return (
        "The colour of a picture is its true class. Classes that lie apart here are told apart by "
        "a straight line; those that run into each other need the other directions, or are "
        "confused. Wrong answers have a black ring."
    )


def _scatter(seen: Seen, points: Any, shares: Any, values: Any, wrong: Any) -> str:
    labels = seen.data.target.labels
    with figures.style():
        figure, axes = figures.new(6.4, 4.6)
        few = seen.is_classes and len(labels) <= 20
        colours = "tab10" if len(labels) <= 10 else "tab20"
        drawn = axes.scatter(
            *points.T, s=9, c=values, linewidths=0, cmap=colours if few else "viridis",
            vmin=0 if few else None, vmax=(10 if len(labels) <= 10 else 20) - 1 if few else None,
        )  # fmt: skip
        axes.scatter(*points[wrong].T, s=26, facecolors="none", edgecolors="black", linewidths=0.8)
        if few:
            handles, _ = drawn.legend_elements(num=range(len(labels)))
            names = [drawable(label, 16) for label in labels]
            axes.legend(handles, names[: len(handles)], fontsize=8, loc="center left",
                        bbox_to_anchor=(1, 0.5))  # fmt: skip
        elif not seen.is_classes:
            figure.colorbar(drawn, label=drawable(seen.data.target.name))
        for number, setter in enumerate((axes.set_xlabel, axes.set_ylabel)):
            setter(f"component {number + 1} ({100 * shares[number]:.0f} % of the variance)")
        axes.set_title("Test pictures before the head")
        return figures.png(figure)

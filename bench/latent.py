"""How well latent models learn: errors and bounds on rows they did not learn from, by seed.

    python -m bench.latent ae 1 2 3
    TILTH_DATA=... python -m bench.latent mnist 0

Digits are scikit-learn's, divided by 16, 1437 to learn from and 360 to judge by; the seed also
splits them. Everything has 8 latents there and stands beside PCA of 8 components. "flow", "rates",
"mnist" and "rare" train as `tilth train` does; MNIST is made black and white by chance, anew in
every epoch (Burda et al. 2016), and judged on its test rows with one draw of pixels, in nats a
picture.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

import tilth as tl
from tilth.audit.kernel_distance import squared_discrepancy
from tilth.audit.latent import usage
from tilth.contracts import Objective, Player
from tilth.data.dataset import Rows, as_they_are
from tilth.data.idx import read_idx
from tilth.data.noise import WithNoise
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.decode.interpolate import linear
from tilth.decode.latent_density import gaussian_density, mixture_density
from tilth.models.autoencoder import Autoencoder, autoencoder
from tilth.models.vae import VariationalAutoencoder, vae
from tilth.nn.evidence import importance_bound
from tilth.objectives.autoencode import Autoencode
from tilth.objectives.variational import Variational, bound_parts, log_weights
from tilth.randomness import fold
from tilth.train.loop import Loop
from tilth.train.optimizers import adamw
from tilth.train.schedules import one_cycle

Found = dict[str, float]

LATENTS = 8
SIGMA = 0.3


def digits(seed: int) -> tuple[Tensor, Tensor]:
    """Return the rows to learn from and those to judge by."""
    pixels, labels = load_digits(return_X_y=True)
    rows = torch.from_numpy((pixels / 16).astype(np.float32))
    parts = train_test_split(
        np.arange(len(rows)), test_size=360, random_state=seed, stratify=labels
    )
    return rows[parts[0]], rows[parts[1]]


def fit(
    model: nn.Module,
    objective: Objective,
    rows: Tensor,
    *,
    epochs: int,
    rate: float,
    seed: int,
    noise: dict[str, tuple[int, ...]],
) -> None:
    """Train by AdamW with a one-cycle."""
    source = DatasetSource(
        ResidentStore(rows),
        torch.zeros(len(rows)),
        np.arange(len(rows)),
        64,
        prepare=as_they_are,
        seed=seed,
    )
    player = Player(list(model.parameters()), adamw(model, rate), one_cycle())
    steps = epochs * source.steps_per_epoch
    noisy = WithNoise(source, noise, seed=seed)
    Loop(model, [objective], noisy, {"model": player}, total_steps=steps, seed=seed).fit()


@torch.no_grad()
def judged(model: VariationalAutoencoder, rows: Tensor, *, draws: int) -> Found:
    """Return the mean bound of one draw and that of all draws, and how the latents are used."""
    generator = torch.Generator().manual_seed(fold(0, "judge"))
    lower, upper = [], []
    for piece in rows.split(1000):
        latents = model.encode(piece)[0].shape
        noise = torch.randn(draws, *latents, generator=generator)
        parts = [bound_parts(model, piece, draw) for draw in noise]
        lower.append(torch.stack([fit - divergence for fit, divergence in parts]).mean(0))
        upper.append(importance_bound(log_weights(model, piece, noise)))
    used = usage(*model.encode(rows))
    return {
        "bound": torch.cat(lower).mean().item(),
        f"of {draws} draws": torch.cat(upper).mean().item(),
        "divergence": sum(used.kl),
        "active": len(used.active),
        "collapsed": used.collapsed,
    }


def ae(seed: int) -> Found:
    """Squared error a pixel of the autoencoder; what is drawn by its codes, or between them."""
    train, test = digits(seed)
    torch.manual_seed(seed)
    model = autoencoder(shape=(64,), latents=LATENTS, layers=(256, 64))
    fit(model, Autoencode(), train, epochs=60, rate=1e-2, seed=seed, noise={})
    pca = PCA(LATENTS).fit(train.numpy())
    linear = torch.from_numpy(pca.inverse_transform(pca.transform(test.numpy())))
    with torch.no_grad():
        found, beside = ((rows - test).square().mean().item() for rows in (model(test), linear))
    return {"error": found, "PCA": beside, **densities(model, train, test, seed)}


@torch.no_grad()
def densities(model: Autoencoder, train: Tensor, test: Tensor, seed: int) -> Found:
    """Return what new rows are like that are drawn from one Gaussian of the codes, and from ten.

    The log-density of codes of test rows, and the kernel distance from test rows of as many rows
    as train has, both as plain pixels. Then how far the middle of two test rows, by way of their
    codes or of their pixels, is from the nearest row of train: a pixel's root mean square.
    """
    codes, new = model.encode(train), model.encode(test)
    found = {}
    one, ten = gaussian_density(codes), mixture_density(codes, parts=10, seed=seed)
    for name, density in (("one Gaussian", one), ("ten", ten)):
        draws = density.sample(len(train), torch.Generator().manual_seed(seed))
        pixels = (rows.double().numpy() for rows in (test, model.decode(draws)))
        found[f"log-density by {name}"] = density.log_density(new).mean().item()
        found[f"distance by {name}"] = squared_discrepancy(*pixels)
    first, last = test[:180], test[180:]
    middles = linear(model.encode(first), model.encode(last), torch.tensor([0.5]))[0]
    kinds = {"codes": model.decode(middles), "pixels": (first + last) / 2}
    for name, rows in kinds.items():
        found[f"middle by {name}"] = torch.cdist(rows, train).amin(1).mean().item() / 8
    return found


def denoise(seed: int) -> Found:
    """Squared error a pixel of the denoising autoencoder, at a deviation of 0.3."""
    train, test = digits(seed)
    torch.manual_seed(seed)
    model = autoencoder(shape=(64,), latents=32, layers=(256,))
    objective = Autoencode(corruption=SIGMA)
    fit(model, objective, train, epochs=60, rate=1e-2, seed=seed, noise={"corruption": (64,)})
    noise = torch.randn(20, *test.shape, generator=torch.Generator().manual_seed(seed))
    noisy = (test + SIGMA * noise).flatten(0, 1)
    mean, spread = train.mean(0), torch.cov(train.T, correction=0)
    weight = torch.linalg.solve(spread + SIGMA**2 * torch.eye(64), spread)
    with torch.no_grad():
        answers = (model(noisy), noisy, mean + (noisy - mean) @ weight)
        errors = [(rows - test.repeat(20, 1)).square().mean().item() for rows in answers]
    return dict(zip(("error", "noisy", "best linear filter"), errors, strict=True))


def bound(seed: int, beta: float = 1.0, likelihood: str = "gaussian") -> Found:
    """Evidence lower bound of the variational autoencoder, and the latents it uses."""
    train, test = digits(seed)
    torch.manual_seed(seed)
    model = vae(shape=(64,), latents=LATENTS, likelihood=likelihood, layers=(128,))
    objective = Variational(beta=beta)
    fit(model, objective, train, epochs=60, rate=1e-2, seed=seed, noise={"latent": (LATENTS,)})
    found = judged(model, test, draws=100)
    if likelihood == "gaussian":
        fitted = PCA(LATENTS).fit(train.double().numpy())
        found["probabilistic PCA"] = float(fitted.score(test.double().numpy()))
    return found


def beta(seed: int) -> Found:
    """The same with the divergence weighed more, under both likelihoods."""
    return {
        f"{likelihood} {weight:g} {name}": value
        for likelihood in ("gaussian", "bernoulli")
        for weight in (1.0, 2.0, 4.0)
        for name, value in bound(seed, weight, likelihood).items()
    }


def digits_of_the_flow(seed: int) -> Rows:
    """Return the same digits as data: those to judge by are test, the flow takes valid of train."""
    pixels, labels = load_digits(return_X_y=True)
    rows = np.arange(len(pixels))
    train, test = train_test_split(rows, test_size=360, random_state=seed, stratify=labels)
    shades = np.round(pixels.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    return tl.arrays(shades, splits={"train": train, "test": test})


def flowed(data: Rows, task: str, seed: int, *, split: str = "test", **given: Any) -> Found:
    """Train by every default but those given; return the scores on a split and the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "run")
        learner = tl.Learner(data, task=task, seed=seed, quiet=True, run=place, **given)
        run = learner.fit()
        last = run.metrics[-1]
        found = {**learner.validate(split), "seconds of training": last["seconds"]}
    return {**found, "steps": last["step"]}


def flow(seed: int) -> Found:
    """Both tasks on digits by the defaults, with 8 latents."""
    data, eight = digits_of_the_flow(seed), {"latents": LATENTS}
    found = {}
    for task in ("autoencode", "variational"):
        found |= flowed(data, task, seed, model_arguments=eight)
    return found


def rates(seed: int) -> Found:
    """The same by learning rate, on valid: test rows take no part in a choice."""
    data, eight = digits_of_the_flow(seed), {"latents": LATENTS}
    found = {}
    for task, metric in (("autoencode", "mse"), ("variational", "elbo")):
        for rate in (1e-3, 3e-3, 1e-2):
            scores = flowed(data, task, seed, split="valid", lr=rate, model_arguments=eight)
            found[f"{metric} by {rate:g}"] = scores[f"valid/{metric}"]
    return found


def mnist(seed: int) -> Found:
    """Bound in nats of MNIST made black and white by chance, by the defaults."""
    data = tl.images(Path(os.environ["TILTH_DATA"]) / "mnist")
    return flowed(data, "variational", seed, task_arguments={"binary": True})


def rare(seed: int) -> Found:
    """Accuracy on pictures of which train has 3 in 100, without and with resampling by codes.

    MNIST's 4 and 9, told apart; the rare ones are turned by a quarter. The codes are those of a
    variational autoencoder that sees no label (Amini et al. 2019 train both nets together).
    """
    stream = np.random.default_rng(seed)
    pictures, labels = _fours_and_nines("train", 4000, stream)
    turned = stream.random(len(pictures)) < 0.03
    pictures[turned] = np.rot90(pictures[turned], axes=(1, 2))
    shown, truths = _fours_and_nines("t10k", 1900, stream)
    kinds = {"common": shown, "rare": np.ascontiguousarray(np.rot90(shown, axes=(1, 2)))}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        given = {"seed": seed, "quiet": True}
        eight, place = {"latents": LATENTS}, Path(folder, "codec")
        coder = tl.Learner(
            tl.arrays(pictures), task="variational", model_arguments=eight, run=place, **given
        )
        codec = tl.load(coder.fit(10).export())
        chances = codec.resampling_weights(pictures, alpha=0.01).numpy()
        drawn = stream.choice(len(pictures), len(pictures), p=chances)
        found["share of rare rows drawn"] = turned[drawn].mean()
        for name, rows in (("as they are", np.arange(len(pictures))), ("resampled", drawn)):
            data, place = tl.arrays(pictures[rows], labels[rows]), Path(folder, name[:2])
            learner = tl.Learner(data, "two_conv", run=place, augment=False, **given)
            answers = tl.load(learner.fit(8, lr=2e-3).export())
            for kind, some in kinds.items():
                said = np.array([int(one.label) for one in answers.predict(list(some))])
                found[f"{kind}, {name}"] = float((said == truths).mean())
    return found


def _fours_and_nines(
    part: str, count: int, stream: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    folder = Path(os.environ["TILTH_DATA"]) / "mnist"
    pictures = np.array(read_idx(folder / f"{part}-images-idx3-ubyte.gz"))
    labels = np.array(read_idx(folder / f"{part}-labels-idx1-ubyte.gz")).astype(np.int64)
    rows = stream.permutation(np.flatnonzero((labels == 4) | (labels == 9)))[:count]
    return pictures[rows], labels[rows]


RUNS = {
    "ae": ae,
    "denoise": denoise,
    "vae": bound,
    "beta": beta,
    "flow": flow,
    "rates": rates,
    "mnist": mnist,
    "rare": rare,
}


def main(name: str, seeds: list[int]) -> None:
    """Print a line for each seed."""
    torch.set_num_threads(2 if name == "mnist" else 1)  # small nets gain nothing
    for seed in seeds:
        begun, used = time.perf_counter(), time.process_time()
        found = RUNS[name](seed)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - used
        said = ", ".join(f"{what} {value:.4g}" for what, value in found.items())
        print(f"{name} seed {seed}: {said}, {seconds:.0f} s ({cpu:.0f} cpu)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], [int(seed) for seed in sys.argv[2:]])

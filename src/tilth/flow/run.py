"""A run: a trained model with its folder; from here come the report and the bundle."""

from __future__ import annotations

import dataclasses
import hashlib
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tilth import files, registry
from tilth.arguments import checked
from tilth.audit.notebook import run_html
from tilth.audit.report import render
from tilth.data.dataset import Preprocessor
from tilth.data.image_set import ImageData
from tilth.errors import UserError
from tilth.ship.bundle import CARD, NEEDED, save_bundle
from tilth.ship.copy_bundle import copy_bundle
from tilth.ship.open_bundle import damage
from tilth.tasks._choice import task_for
from tilth.train.early_stop import BestWeights
from tilth.train.loop import Loop
from tilth.train.peak_memory import peak_memory
from tilth.train.run_folder import RunFolder

if TYPE_CHECKING:
    from tilth.flow.learner import Learner

AVERAGED = ("classes", "labels", "number")
"""Kinds of targets whose answers for several views of a picture have a mean."""


class Run:
    """What ``fit`` returns; ``learner`` is None for a run opened from its folder alone.

    A run's test rows are opened once, by ``audit`` (which ``report`` and ``export`` call).

    >>> import numpy as np
    >>> import tilth as tl
    >>> inputs = np.random.default_rng(0).normal(size=(200, 2))
    >>> learn = tl.Learner(tl.arrays(inputs, inputs[:, 0] > 0), quiet=True, run="runs/example")
    >>> run = learn.fit(1, lr=0.01)
    >>> run.path.name, len(run.metrics)
    ('example', 1)
    """

    def __init__(self, folder: RunFolder, learner: Learner | None = None) -> None:
        self.folder, self.learner = folder, learner

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Return the run in a folder; raise UserError where there is none."""
        return cls(RunFolder.open(path))

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One record per look at valid: step, epoch, seconds, losses, metrics, rate."""
        return self.folder.metrics()

    @property
    def is_finished(self) -> bool:
        """Whether it is trained, looked at and bundled."""
        done = self.folder.status == "done" and (self.path / "report.html").is_file()
        return done and self.has_bundle

    @property
    def has_bundle(self) -> bool:
        """Whether the bundle of the weights as they are is there, and whole."""
        found = digest(self.folder.model)
        if found is None or not (self.path / "audit.json").is_file():
            return False
        if self.folder.read_record("audit").get("bundle") != found:
            return False
        return not damage(self.folder.model)

    def note_phase(self, loop: Loop, best: BestWeights) -> None:
        """Record how a phase ended; what was said of the earlier weights no longer holds."""
        for name in ("audit.json", "report.html"):
            (self.path / name).unlink(missing_ok=True)
        lines = self.metrics
        chosen = [line for line in lines if line["step"] == best.best_step]
        valid = {k: v for k, v in (chosen[-1] if chosen else {}).items() if k.startswith("valid/")}
        self.folder.mark_done(
            {
                **over_phases(lines),
                "best_step": best.best_step,
                "stopped": loop.stop_reason or "planned end",
                "cuts": [*self.folder.outcome.get("cuts", []), *loop.cuts],
                **peak_memory(loop.device),
                **valid,
            }
        )

    def audit(self) -> dict[str, Any]:
        """Look at the trained model on calibrate and test, once; the result is audit.json."""
        if (self.path / "audit.json").is_file():
            return self.folder.read_record("audit")
        learner = self._learner("the audit needs the model and the data")
        look = registry.find("tilth.audit.looks", learner.task.look)
        # what a look trains beside the net takes as many steps as all phases together
        steps = sum(plan["total_steps"] for plan in self.folder.config.get("phase", []))
        whole = dataclasses.replace(learner.plan, total_steps=steps)
        found = look(learner.task, learner.setup(whole), seed=learner.settings.seed)
        found["training"] = self._training(learner)
        self.folder.write_record("audit", found)
        return self.folder.read_record("audit")

    def _training(self, learner: Learner) -> dict[str, Any]:
        outcome = self.folder.outcome
        parameters = sum(p.numel() for p in learner.model.parameters())
        seconds = outcome.get("seconds", 0.0)
        finding = learner.lr_finding
        return {
            "model": learner.architecture,
            "collate": learner.data.preprocessor.to_config().get("collate"),
            "parameters": parameters,
            "seconds": seconds,
            "samples_per_second": outcome["samples"] / seconds if seconds else None,
            "stopped": outcome.get("stopped"),
            "cuts": outcome.get("cuts"),
            "best_step": outcome.get("best_step"),
            "peak_bytes": outcome.get("peak_bytes"),
            "peak_device_bytes": outcome.get("peak_device_bytes"),
            "warm_start": learner.warm_notes,
            "lr_finder": None
            if finding is None
            else {
                "suggestion": finding.suggestion,
                "confident": finding.confident,
                "reason": finding.reason,
                "rates": finding.rates,
                "losses": finding.losses,
            },
        }

    @checked
    def report(self) -> Path:
        """Write report.html (self-contained) and return its path."""
        self.audit()
        return render(self.path)

    @checked
    def export(self, path: str | Path | None = None, *, force: bool = False) -> Path:
        """Write the bundle, by default to the run's ``model`` folder, and return its path."""
        if not self.has_bundle:
            self._save_model()
        if path is None:
            return self.folder.model
        return copy_bundle(self.folder.model, Path(path), force=force)

    def _save_model(self) -> None:
        learner = self._learner("the bundle needs the trained weights")
        found = self.audit()
        remove_rest(self.folder.model)
        save_bundle(
            self.folder.model,
            model=learner.model,
            architecture=learner.architecture,
            preprocessor=shipped(learner),
            target=learner.data.target,
            task=learner.task.name,
            temperature=found.get("temperature", {}).get("value", 1.0),
            answers=learner.task.answers,
            decision=found.get("decision"),
            card={"audit": found, "environment": self.folder.environment},
            force=True,
        )
        # last, so that a kill in between has the bundle written again
        self.folder.write_record("audit", {**found, "bundle": digest(self.folder.model)})

    def _learner(self, why: str) -> Learner:
        if self.learner is None:
            raise UserError(
                f"{self.path} was opened without its data ({why})",
                fix=f"tilth resume {shlex.quote(str(self.path))} finishes the run",
            )
        return self.learner

    def __repr__(self) -> str:
        model = self.folder.config.get("model", {}).get("name", "default")
        try:
            data = self.folder.read_record("data")
        except UserError:  # killed before it got so far
            return f"Run({str(self.path)!r}, {model}, {self.folder.status})"
        named = self.folder.config.get("task", {}).get("name")
        what = named or f"{task_for(data['target']['kind'])} {data['target']['name']}"
        return f"Run({str(self.path)!r}, {what}, {model}, {self.folder.status})"

    def _repr_html_(self) -> str:
        folder = self.folder
        found = folder.read_record("audit") if (self.path / "audit.json").is_file() else None
        return run_html(self.path, folder.status, folder.outcome, self.metrics, found)


def shipped(learner: Learner) -> Preprocessor:
    """Return the preprocessor of the bundle: with how training varied its pictures, if it did."""
    data = learner.data
    if isinstance(data, ImageData) and learner.plan.augment and data.target.kind in AVERAGED:
        return dataclasses.replace(data.preprocessor, augment=data.augment)
    return data.preprocessor


def digest(bundle: Path) -> str | None:
    """Return the SHA-256 of a bundle's manifest, which names its files; None without one."""
    manifest = bundle / files.MANIFEST
    return hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else None


def remove_rest(bundle: Path) -> None:
    """Remove what is left of a bundle that lost files, where nothing else is in its folder."""
    if not bundle.is_dir() or all((bundle / name).is_file() for name in NEEDED):
        return
    if {path.name for path in bundle.iterdir()} <= {*NEEDED, CARD, files.MANIFEST}:
        shutil.rmtree(bundle)


def over_phases(lines: list[dict[str, Any]]) -> dict[str, float]:
    """Return steps, samples and seconds of all phases together, from the last line of each.

    >>> first = {"phase": 0, "step": 3, "samples": 12, "seconds": 0.5}
    >>> over_phases([first, {**first, "phase": 1, "step": 2}])
    {'steps': 5, 'samples': 24, 'seconds': 1.0}
    """
    last = {line["phase"]: line for line in lines}.values()
    steps, samples = (sum(line[key] for line in last) for key in ("step", "samples"))
    return {
        "steps": steps,
        "samples": samples,
        "seconds": round(sum(line["seconds"] for line in last), 3),
    }

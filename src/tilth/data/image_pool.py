"""A pool of earlier translations, so that critics do not forget what they have seen."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tilth.contracts import BaseSource, Context, Loss, Source, State
from tilth.data.noise import WithNoise
from tilth.data.paired import Pair
from tilth.errors import UserError
from tilth.tree import join

_DRAWS = "pool_uniform"


class PooledBatch(NamedTuple):
    """A batch of two domains with earlier translations beside them.

    inputs: Pair of the two domains' pictures; targets, rows: as in ``Batch``
    noise: {"pool_uniform": [rows, 2, 2] uniform in [0, 1)}, what the pool chose by
    earlier: Pair of pictures out of the pools, like inputs (zeros where none is taken)
    use_earlier: Pair of [rows] bool: whether the critic shall see that picture
    """

    inputs: Pair
    targets: Tensor
    rows: Tensor
    noise: dict[str, Tensor]
    earlier: Pair
    use_earlier: Pair


class WithImagePool(BaseSource):
    """Hands out, for each domain, translations of earlier steps with chance 1/2 per row.

    Shrivastava et al. 2017, "Learning from Simulated and Unsupervised Images through Adversarial
    Training", section 2.3, in the form of Zhu et al. 2017 (CycleGAN): while a pool is not full it
    only takes; when full, a row gets an earlier picture with chance 1/2, whose place the row's
    new translation takes. A row that got none leaves no trace. Departure: the rows of one batch
    choose from the pool as it was before the batch (with one row a batch this is the same).

    source: batches whose inputs are a ``Pair`` of pictures
    size: pictures kept per domain; 0 keeps none
    The last objective that is due must feed back ``Pair(source, target)``: the new pictures *in*
    each domain, that is, translations into source and into target.
    Raises UserError for another feedback.
    """

    def __init__(self, source: Source, *, size: int = 50, seed: int = 0) -> None:
        self.source, self.size = WithNoise(source, {_DRAWS: (2, 2)}, seed=seed), size
        self.pools: list[Tensor | None] = [None, None]

    @property
    def exact_resume(self) -> bool:  # type: ignore[override]
        """Whether the source below continues to the bit."""
        return self.source.exact_resume

    def next(self, model: nn.Module, context: Context) -> PooledBatch | None:
        """Return the next batch with what the pools hold for it; None where the source ends."""
        batch = self.source.next(model, context)
        if batch is None:
            return None
        draws = batch.noise[_DRAWS]
        earlier, use_earlier = [], []
        for side, inputs in enumerate(batch.inputs):
            places, taken = self._chosen(draws[:, side], side)
            pool, pictures = self.pools[side], torch.zeros_like(inputs)
            if pool is not None:
                pictures[taken] = pool.to(inputs)[places[taken]]
            earlier.append(pictures)
            use_earlier.append(taken)
        return PooledBatch(
            batch.inputs, batch.targets, batch.rows, batch.noise, Pair(*earlier), Pair(*use_earlier)
        )

    def _chosen(self, draws: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Return the place in the pool for each row's draws [rows, 2], and whether it is used."""
        pool = self.pools[side]
        full = self.size > 0 and pool is not None and len(pool) == self.size
        places = (draws[:, 1] * self.size).long().clamp(max=max(self.size - 1, 0))
        return places, (draws[:, 0] < 0.5) & full

    def rows_of(self, step: int) -> list[int] | None:
        """Name the rows that the source below gave at ``step``."""
        return self.source.rows_of(step)

    def observe(self, batch: Any, losses: list[Loss], model: nn.Module, context: Context) -> None:
        """Keep the translations of the step."""
        self.source.observe(batch, losses, model, context)
        if self.size == 0:
            return
        for loss in losses:
            if not isinstance(loss.feedback, Pair):
                raise UserError(
                    f"a feedback of type {type(loss.feedback).__name__} for the image pool",
                    rule="the last objective of a step feeds back Pair(source, target), the new "
                    "pictures of both domains",
                    fix="use CycleCritic and CycleGenerator of tilth.objectives.cycle",
                )
        made = join([loss.feedback for loss in losses])
        for side, pictures in enumerate(made):
            self._keep(side, pictures.detach(), *self._chosen(batch.noise[_DRAWS][:, side], side))

    def _keep(self, side: int, pictures: Tensor, places: Tensor, taken: Tensor) -> None:
        pool = self.pools[side]
        if pool is None or len(pool) < self.size:
            held = 0 if pool is None else len(pool)
            new = pictures[: self.size - held]
            self.pools[side] = new.clone() if pool is None else torch.cat([pool.to(new), new])
            return
        pool = pool.to(pictures)
        for row in taken.nonzero()[:, 0].tolist():  # in order: the last of two at one place stays
            pool[places[row]] = pictures[row]
        self.pools[side] = pool

    def state_dict(self) -> State:
        """Return the state of source and draws, and the pools."""
        pools = [None if pool is None else pool.clone() for pool in self.pools]
        return {"source": self.source.state_dict(), "pools": pools}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self.source.load_state_dict(state["source"])
        self.pools = [None if pool is None else pool.clone() for pool in state["pools"]]

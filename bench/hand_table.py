"""A hand-written table run: polars codes and statistics, resident tensors, embeddings, an MLP."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from bench.arm import Clock, Config, Result, main
from bench.made_data import CATEGORIES, NUMBERS, TARGET, WARM_ROWS, table
from bench.workload import area_under_curve


class Encoded(NamedTuple):
    """float32 [n, numbers and missing flags], int64 [n, categories], int64 [n] of 0 or 1."""

    numbers: Tensor
    codes: Tensor
    labels: Tensor
    train: Tensor
    valid: Tensor
    sizes: list[int]


class TableNet(nn.Module):
    """Embeddings of min(600, 1.6 n^0.56), batch norm on the numbers, hidden 200 and 100."""

    def __init__(self, numbers: int, sizes: list[int]) -> None:
        super().__init__()
        widths = [min(600, round(1.6 * size**0.56)) for size in sizes]
        self.tables = nn.ModuleList(nn.Embedding(n, w) for n, w in zip(sizes, widths, strict=True))
        self.norm = nn.BatchNorm1d(numbers)
        layers: list[nn.Module] = []
        for before, after in ((sum(widths) + numbers, 200), (200, 100)):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.BatchNorm1d(after)]
        self.layers = nn.Sequential(*layers, nn.Linear(100, 2))

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        parts = [part(codes[:, index]) for index, part in enumerate(self.tables)]
        out: Tensor = self.layers(torch.cat([*parts, self.norm(numbers)], 1))
        return out


def encode(path: str) -> Encoded:
    """Codes and statistics from the training rows only; code 0 is what they never saw."""
    frame = pl.read_csv(path)
    order = np.random.default_rng(0).permutation(len(frame))
    cut = int(0.7 * len(frame))
    learned = frame[order[:cut]]
    columns, flags, codes, sizes = [], [], [], []
    for name in NUMBERS:
        series, known = frame[name], learned[name]
        if known.null_count():
            flags.append(series.is_null().cast(pl.Float32).to_numpy())
        filled = series.fill_null(known.median()).to_numpy()
        centre, spread = known.fill_null(known.median()).mean(), known.std()
        columns.append(((filled - centre) / spread).astype(np.float32))
    for name in CATEGORIES:
        levels = learned[name].unique().sort()
        codes.append(
            frame[name].replace_strict(levels, range(1, len(levels) + 1), default=0).to_numpy()
        )
        sizes.append(len(levels) + 1)
    return Encoded(
        torch.from_numpy(np.stack(columns + flags, 1)),
        torch.from_numpy(np.stack(codes, 1).astype(np.int64)),
        torch.from_numpy((frame[TARGET] == "yes").to_numpy().astype(np.int64)),
        torch.from_numpy(order[:cut]),
        torch.from_numpy(order[cut:]),
        sizes,
    )


def table_epoch(variant: str, config: Config, seed: int) -> Result:
    """`variant` is csv; first batch and first epoch."""
    torch.manual_seed(seed)
    path, size = str(table(int(config["rows"]))), int(config["batch"])
    encode(str(table(WARM_ROWS)))
    clock = Clock()
    data = encode(path)
    rows = data.train[torch.randperm(len(data.train))]
    batches = list(rows.split(size))
    data.numbers.index_select(0, batches[0]), data.codes.index_select(0, batches[0])
    first_batch = clock.lap()
    processor = clock.processor
    net = TableNet(data.numbers.shape[1], data.sizes)
    optimizer = torch.optim.Adam(net.parameters(), float(config["rate"]), fused=True)
    measure = nn.CrossEntropyLoss()
    clock.lap()
    for batch in batches:
        numbers, codes = data.numbers.index_select(0, batch), data.codes.index_select(0, batch)
        loss = measure(net(numbers, codes), data.labels.index_select(0, batch))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    seconds = clock.lap()
    net.eval()
    with torch.inference_mode():
        parts = data.valid.split(8192)
        scores = torch.cat([net(data.numbers[part], data.codes[part]) for part in parts])
    positive = data.labels[data.valid].numpy() == 1
    return {
        "first_batch_seconds": first_batch,
        "first_batch_processor": processor,
        "samples_per_second": len(rows) / seconds,
        "area": area_under_curve((scores[:, 1] - scores[:, 0]).numpy(), positive),
    }


if __name__ == "__main__":
    main({"table": table_epoch})

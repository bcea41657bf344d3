"""From a CSV of a million rows to the first batch, and through the first epoch."""

from bench.plan import Arm, Bar, Bench, Metric

FIRST, SPEED, FASTAI = "first_batch_seconds", "samples_per_second", "bench.peers.with_fastai_data"

BENCH = Bench(
    name="table",
    title="Table",
    work=(
        "1,000,000 synthetic rows (10 number columns, two with missing values; 10 text columns of "
        "2 to 1,000 levels; a yes/no target), batch 1,024, 70 % of the rows for training, entity "
        "embeddings and hidden layers of 200 and 100. First batch: from the call that reads the "
        "CSV (or takes the frame that pandas has read) until the first encoded batch is there. "
        "Epoch: the training pass over the 700,000 rows."
    ),
    config={"rows": 1_000_000, "batch": 1024, "rate": 1e-3, "epochs": 1, "threads": 2},
    quick={"rows": 20_000},
    arms=(
        Arm(
            "tilth",
            "bench.ours_data",
            "csv",
            "tilth",
            "its defaults: periodic embeddings, dropout, numerics measured",
        ),
        Arm(
            "tilth, same net",
            "bench.ours_data",
            "csv_same",
            "tilth",
            "entity embeddings and layers only, fp32",
        ),
        Arm("tilth from a frame", "bench.ours_data", "frame", "tilth"),
        Arm("hand-written", "bench.hand_table", "csv", "hand", "polars, resident tensors"),
        Arm("fastai", FASTAI, "csv", "peer"),
        Arm("fastai from a frame", FASTAI, "frame", "peer"),
    ),
    metrics=(
        Metric(FIRST, "first batch, s", "less", 2, short="first batch"),
        Metric("first_batch_processor", "its processor time, s", "less", 2),
        Metric(SPEED, "epoch, samples/s", "more", short="epoch"),
        Metric("fit_seconds", "whole fit call, s", "less", 1),
        Metric("area", "valid AUC after 1 epoch", "more", 4),
    ),
    compared=(FIRST, SPEED),
    bars=(
        Bar("first batch from a CSV", FIRST, "tilth", ("fastai",), at_most=1.0),
        Bar(
            "first batch from a frame",
            FIRST,
            "tilth from a frame",
            ("fastai from a frame",),
            at_most=1.0,
        ),
        Bar("epoch, defaults", SPEED, "tilth", ("fastai",), at_least=1.0),
        Bar("epoch, the same net", SPEED, "tilth, same net", ("fastai",), at_least=1.0),
    ),
)

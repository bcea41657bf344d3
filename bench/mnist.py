"""Epoch throughput of a two-conv net on MNIST, and what was learned in that epoch."""

from bench.plan import Arm, Bar, Bench, Metric

HALF = "bf16 autocast, channels_last"
ARMS = (
    Arm("tilth", "bench.ours", "default", "tilth", "numerics chosen by its own measurement"),
    Arm("tilth fp32", "bench.ours", "fp32", "tilth"),
    Arm("tilth bf16", "bench.ours", "bf16", "tilth", HALF),
    Arm("resident fp32", "bench.hand", "resident_fp32", "hand"),
    Arm("resident bf16", "bench.hand", "resident_bf16", "hand", HALF),
    Arm("DataLoader fp32", "bench.hand", "loader_fp32", "hand"),
    Arm("DataLoader bf16", "bench.hand", "loader_bf16", "hand", HALF),
    Arm("fastai", "bench.peers.with_fastai", "default", "peer"),
    Arm("fastai bf16", "bench.peers.with_fastai", "bf16", "peer", "autocast by a callback"),
    Arm("Lightning", "bench.peers.with_lightning", "default", "peer"),
    Arm("Lightning bf16", "bench.peers.with_lightning", "bf16", "peer", "bf16-mixed"),
    Arm("skorch", "bench.peers.with_skorch", "default", "peer"),
    Arm("skorch bf16", "bench.peers.with_skorch", "bf16", "peer", "autocast by a subclass"),
    Arm("Keras torch", "bench.peers.with_keras", "torch", "peer"),
    Arm("Keras torch bf16", "bench.peers.with_keras", "torch_bf16", "peer", "mixed_bfloat16"),
    Arm("Keras jax", "bench.peers.with_keras", "jax", "peer"),
    Arm("Keras jax bf16", "bench.peers.with_keras", "jax_bf16", "peer", "mixed_bfloat16"),
)
PEERS = tuple(arm.name for arm in ARMS if arm.role == "peer")
PEERS_HALF = tuple(name for name in PEERS if name.endswith("bf16"))
PEERS_DEFAULT = tuple(name for name in PEERS if not name.endswith("bf16"))
SPEED = "samples_per_second"

BENCH = Bench(
    name="mnist",
    title="MNIST epoch",
    work=(
        "10,000 digits in memory, unpadded 3x3 convolutions to 32 and 64 channels with relu, one "
        "2x2 max-pool after both, dense 128, 10 out (1,199,882 parameters); batch 128, Adam 1e-3 "
        "at a constant rate, no augmentation; torch's fused Adam in every arm that runs torch but "
        "Keras, whose own has no such kernel. A repeat is a fresh net, a few warm-up batches, one "
        "epoch in a process of its own; seconds are those of the training pass alone."
    ),
    config={
        "train_rows": 10_000,
        "test_rows": 10_000,
        "batch": 128,
        "rate": 1e-3,
        "epochs": 1,
        "warm_batches": 10,
        "threads": 2,
    },
    quick={"train_rows": 3200, "test_rows": 1000, "warm_batches": 2},
    arms=ARMS,
    needs=("TILTH_DATA",),
    turn_seconds=1.0,
    metrics=(
        Metric(SPEED, "samples/s"),
        Metric("accuracy", "test accuracy after 1 epoch, %", digits=2, scale=100),
        Metric("fit_seconds", "whole fit call, s", "less", 1),
    ),
    bars=(
        Bar("fp32 against the resident loop", SPEED, "tilth fp32", ("resident fp32",), 0.97),
        Bar("bf16 against the resident loop", SPEED, "tilth bf16", ("resident bf16",), 0.97),
        Bar("fp32 against the fastest peer in fp32", SPEED, "tilth fp32", PEERS_DEFAULT, 1.0),
        Bar("bf16 against the fastest peer in bf16", SPEED, "tilth bf16", PEERS_HALF, 1.0),
        Bar(
            "defaults against the fastest peer's defaults",
            SPEED,
            "tilth",
            PEERS_DEFAULT,
            at_least=1.4,
            needs_flag="amx",
        ),
        Bar(
            "defaults against the best peer's test accuracy",
            "accuracy",
            "tilth",
            PEERS_DEFAULT,
            at_least=0.995,
            digits=4,
        ),
    ),
)

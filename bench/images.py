"""What a net has learned from a folder of small photographs after the same seconds."""

from bench.plan import Arm, Bar, Bench, Metric

ACCURACY, SPEED = "accuracy", "images_per_second"
OURS = "bench.ours_images"
FASTAI, LIGHTNING = "bench.peers.with_fastai_images", "bench.peers.with_lightning_images"
KERAS = "bench.peers.with_keras_images"
HALF = "bf16 autocast, channels_last"
ARMS = (
    Arm("tilth", OURS, "default", "tilth", "every default: net, changes, rate, rows kept aside"),
    Arm("tilth, the same net", OURS, "same", "tilth", "numerics chosen by its own measurement"),
    Arm("fastai", FASTAI, "default", "peer"),
    Arm("fastai bf16", FASTAI, "bf16", "peer", "autocast by a callback, channels_last"),
    Arm("Lightning", LIGHTNING, "default", "peer", "torchvision's ImageFolder and v2 transforms"),
    Arm("Lightning bf16", LIGHTNING, "bf16", "peer", "the same, bf16-mixed, channels_last"),
    Arm("Keras torch bf16", KERAS, "torch_bf16", "peer", "mixed_bfloat16"),
)
PEERS = tuple(arm.name for arm in ARMS if arm.role == "peer")

BENCH = Bench(
    name="images",
    title="Small photographs: accuracy after equal seconds",
    work=(
        "cifar10_small as JPEG files of 32 x 32 px in class folders, 10,000 to learn from and "
        "2,000 to be judged by. The seconds run from the call that opens the folder to the last "
        "step. One net for all but tilth's defaults: a convolution to 24 channels, then three "
        "times convolution, pool, batch norm, relu and a residual convolution (64, 128, 256 "
        "channels), global maximum, 10 out (1.16 million parameters); mirrored at random, moved "
        "by up to 4 px with mirrored edges, batch 128, AdamW with one cycle to 0.004, label "
        "smoothing 0.1. A peer first trains for two epochs, which nobody counts, and then for as "
        "many as fit in the seconds; tilth is told the seconds. Keras runs on its torch backend: "
        "on jax it took 270 s for one epoch. images/s are those of the training passes, of tilth "
        "without the first and the last step of each (a checkpoint and a look at valid lie beside "
        "them)."
    ),
    config={
        "seconds": 120.0,
        "size_px": 32,
        "shift_px": 4,
        "batch": 128,
        "rate": 0.004,
        "smoothing": 0.1,
        "workers": 2,
        "threads": 2,
    },
    quick={"seconds": 12.0},
    arms=ARMS,
    needs=("TILTH_DATA",),
    repeats=3,
    metrics=(
        Metric(ACCURACY, "test accuracy, %", digits=1, scale=100, short="accuracy"),
        Metric(SPEED, "images/s", short="images"),
        Metric("epochs", "epochs", "neither", 1),
        Metric("seconds", "seconds in all", "neither", 0),
    ),
    compared=(ACCURACY, SPEED),
    bars=(
        Bar("defaults, accuracy, against the best peer", ACCURACY, "tilth", PEERS, at_least=1.0),
        Bar("same net, accuracy", ACCURACY, "tilth, the same net", PEERS, at_least=1.0),
        Bar("same net, images/s", SPEED, "tilth, the same net", PEERS, at_least=1.0),
    ),
)

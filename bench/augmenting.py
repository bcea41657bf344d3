"""Augmentation of whole batches of pictures on the processor: how many a second."""

from bench.plan import Arm, Bar, Bench, Metric

SPEED = "images_per_second"
OURS, PEERS = "bench.ours_augmenting", "bench.peers.augmenters"

BENCH = Bench(
    name="augmenting",
    title="Batch augmentation",
    work=(
        "2,048 uint8 RGB pictures of 128 x 128 px in memory, in batches of 64: flipped left to "
        "right, turned by up to 10 degrees, zoomed by up to 1.1, seen at a slant of up to 0.2, "
        "brightness and contrast changed by up to 0.2, normalised to float32. Each picture draws "
        "numbers of its own. tilth, kornia and torchvision change every picture; fastai keeps its "
        "default of leaving a quarter of them without each group of changes."
    ),
    config={"images": 2048, "size_px": 128, "batch": 64, "seconds": 6.0, "threads": 2},
    quick={"images": 256, "seconds": 1.0},
    arms=(
        Arm("tilth", OURS, "usual", "tilth"),
        Arm("kornia", PEERS, "kornia", "peer", "AugmentationSequential on the batch"),
        Arm("torchvision v2", PEERS, "torchvision", "peer", "one picture after the other"),
        Arm("fastai", PEERS, "fastai", "peer", "aug_transforms on the batch"),
    ),
    metrics=(
        Metric(SPEED, "images/s", short="images"),
        Metric("images_per_processor_second", "images per second of processor time"),
    ),
    turn_seconds=0.5,
    bars=(
        Bar("against kornia", SPEED, "tilth", ("kornia",), at_least=2.0),
        Bar("against torchvision v2", SPEED, "tilth", ("torchvision v2",), at_least=3.0),
        Bar("against fastai", SPEED, "tilth", ("fastai",), at_least=1.5),
    ),
)

"""A folder of JPEGs, decoded and resized: the first pass and the ones after it."""

from bench.plan import Arm, Bar, Bench, Metric

FIRST, LATER = "first_images_per_second", "later_images_per_second"
OURS, FASTAI, LOADER = "bench.ours_data", "bench.peers.with_fastai_data", "bench.hand_folder"

BENCH = Bench(
    name="folder",
    title="Image folder",
    work=(
        "2,000 synthetic JPEGs of 256 to 500 pixels a side (44 kB each) in ten class folders, "
        "resized to 128 x 128, flipped left to right at random, normalised, batches of 64, 2 "
        "worker processes. Paths alone move the batches and drop them; the others take a training "
        "step with a net of three strided convolutions (fused Adam). First pass: from the call "
        "that opens the folder to the end of the first epoch, per training image; later: the "
        "median of the epochs after it."
    ),
    config={
        "images": 2000,
        "size_px": 128,
        "batch": 64,
        "rate": 1e-3,
        "epochs": 4,
        "workers": 2,
        "threads": 2,
    },
    quick={"images": 200, "epochs": 3},
    arms=(
        Arm("tilth", OURS, "path", "tilth"),
        Arm("tilth, streamed", OURS, "path_streamed", "tilth", "as a set too large for memory"),
        Arm("tilth, all its changes", OURS, "path_default", "tilth", "rotate, zoom, warp, light"),
        Arm("torchvision and DataLoader", LOADER, "path", "hand", "workers kept between epochs"),
        Arm("fastai", FASTAI, "path", "peer"),
        Arm("tilth, training", OURS, "train", "tilth"),
        Arm("torchvision and DataLoader, training", LOADER, "train", "hand"),
        Arm("fastai, training", FASTAI, "train", "peer"),
    ),
    metrics=(
        Metric(FIRST, "first pass, images/s", short="first"),
        Metric(LATER, "later passes, images/s", short="later"),
        Metric("open_seconds", "until the first batch, s", "less", 2),
    ),
    compared=(FIRST, LATER),
    bars=(
        Bar("first epoch", FIRST, "tilth", ("torchvision and DataLoader",), at_least=1.0),
        Bar("epochs from the second on", LATER, "tilth", ("torchvision and DataLoader",), 3.0),
        Bar(
            "first epoch with training",
            FIRST,
            "tilth, training",
            ("torchvision and DataLoader, training",),
            at_least=1.0,
        ),
        Bar(
            "epochs from the second on with training",
            LATER,
            "tilth, training",
            ("torchvision and DataLoader, training",),
            at_least=1.0,
        ),
    ),
)

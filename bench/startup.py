"""Seconds until a library is imported or the command line has printed its help."""

from bench.plan import Arm, Bench, Limit, Metric

MODULE = "bench.start_process"

BENCH = Bench(
    name="startup",
    title="Start",
    work=(
        "A new Python process that does one import or prints one help page and ends; the whole "
        "process is timed, the interpreter's own start included, after one run that warms the "
        "disk."
    ),
    config={"processes": 1, "threads": 2},
    quick={},
    arms=(
        Arm("import tilth", MODULE, "tilth", "tilth"),
        Arm("tilth --help", MODULE, "help", "tilth"),
        Arm("python alone", MODULE, "nothing", "hand"),
        Arm("import torch", MODULE, "torch", "aside"),
        Arm("import fastai.vision.all", MODULE, "fastai.vision.all", "peer"),
        Arm("import lightning", MODULE, "lightning", "peer"),
        Arm("import keras (jax)", MODULE, "keras", "peer"),
        Arm("import skorch", MODULE, "skorch", "peer"),
    ),
    metrics=(
        Metric("seconds", "s", "less", 3),
        Metric("modules", "modules", "neither"),
        Metric("torch_loaded", "torch loaded", "neither"),
    ),
    limits=(
        Limit("whole process", "seconds", "import tilth", 0.1),
        Limit("leaves torch alone", "torch_loaded", "import tilth", 0),
        Limit("whole process", "seconds", "tilth --help", 0.3),
    ),
)

"""Per-step overhead: a net whose arithmetic is nothing, so that the loop around it is timed."""

from bench.plan import Arm, Bar, Bench, Metric

ARMS = (
    Arm("tilth", "bench.ours", "default", "tilth", "clip, one-cycle, finite check"),
    Arm("bare loop", "bench.hand", "guarded", "hand", "clip, one-cycle, finite check"),
    Arm("lean loop", "bench.hand", "lean", "aside", "no clip, no schedule, no check"),
    Arm("compiled step", "bench.compiled_step", "compiled", "aside", "torch.compile of all of it"),
    Arm("fastai", "bench.peers.with_fastai", "default", "peer", "clip, one-cycle, NaN check"),
    Arm("Lightning", "bench.peers.with_lightning", "default", "peer", "clip, one-cycle"),
    Arm("skorch", "bench.peers.with_skorch", "default", "peer", "clip, one-cycle"),
    Arm("Keras torch", "bench.peers.with_keras", "torch", "peer", "clip, cosine"),
    Arm("Keras jax", "bench.peers.with_keras", "jax", "peer", "clip, cosine, NaN check"),
)
COST, PROCESSOR = "microseconds_per_step", "processor_microseconds"

BENCH = Bench(
    name="overhead",
    title="Overhead per step",
    work=(
        "32 inputs, one hidden layer of 32 with relu, 10 classes; batch 32, one thread, fused "
        "AdamW that decays weights and not biases, gradient norm clipped to 1, a rate and momentum "
        "that change every step, and a check of the loss for NaN and infinity that stays a tensor "
        "and is read every 50 steps. "
        "Peers do what of that they offer (beside their name). Microseconds per step over 10,000 "
        "steps, batch making included; processor time beside it, which hardly notices other load."
    ),
    config={
        "steps": 10_000,
        "warm_steps": 100,
        "batch": 32,
        "rate": 3e-3,
        "check_every": 50,
        "threads": 1,
    },
    quick={"steps": 300, "warm_steps": 50},
    arms=ARMS,
    metrics=(
        Metric(COST, "us/step", "less"),
        Metric(PROCESSOR, "processor us/step", "less", short="processor"),
        Metric("accuracy", "training accuracy, %", digits=1, scale=100),
        Metric("compile_seconds", "compiling, s", "less", 1),
    ),
    bars=(
        Bar("the bare loop with the same duties", COST, "tilth", ("bare loop",), at_most=1.15),
        Bar(
            "the bare loop, processor time",
            PROCESSOR,
            "tilth",
            ("bare loop",),
            at_most=1.15,
        ),
        Bar(
            "against the lightest peer that runs eagerly",
            COST,
            "tilth",
            ("fastai", "Lightning", "skorch", "Keras torch"),
            at_most=1.0,
        ),
    ),
    compared=(COST, PROCESSOR),
    threads=1,
    repeats=7,
    turn_seconds=0.1,
)

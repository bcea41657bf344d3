"""tilth's arm in worlds: the flow's own PPO, its loop alone, then 100 episodes."""

from __future__ import annotations

from dataclasses import replace

import tilth as tl
from bench.arm import Clock, Config, Result, main, wait_for_start


def learner_of(world: str, seed: int) -> tl.Learner:
    return tl.Learner(
        tl.world(world),
        task_arguments={"method": "ppo"},
        seed=seed,
        threads=1,
        quiet=True,
    )


def ppo(variant: str, config: Config, seed: int) -> Result:
    """Train for the frames that are asked for, without looks at valid, as in the peer's arm."""
    name = str(config["world"])
    usual = learner_of(name, seed)
    usual.measure_numerics()
    method = usual.task.method(usual.data)
    rollout = method.steps * method.copies
    frames = int(config["frames"]) // rollout * rollout
    steps = frames // rollout * method.minibatches * method.passes
    warm = usual.loop(replace(usual.plan, total_steps=method.minibatches * method.passes))
    warm.fit()
    learner = learner_of(name, seed)
    learner.measure_numerics()  # remembered
    loop = learner.loop(replace(learner.plan, total_steps=steps))
    wait_for_start()
    clock = Clock()
    loop.fit()
    seconds = clock.lap()
    assert loop.source.frames == frames
    return {
        "frames_per_second": frames / seconds,
        "processor_rate": frames / clock.processor,
        "return": learner.scores("test", learner.model)["return"],
    }


if __name__ == "__main__":
    main({"worlds": ppo, "pixels": ppo})

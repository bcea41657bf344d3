"""Learning to act from numbers: PPO on CartPole-v1, frames per second and what was learned."""

from bench.plan import Arm, Bar, Bench, Metric

RATE = "frames_per_second"
PPO_METRICS = (
    Metric(RATE, "frames/s while learning"),
    Metric("processor_rate", "frames per processor second", short="processor"),
    Metric("return", "mean return of 100 episodes", digits=1),
)

BENCH = Bench(
    name="worlds",
    title="Learning to act: CartPole",
    work=(
        "PPO on CartPole-v1 with 8 copies, the settings of the RL Zoo with half its passes: "
        "rollouts of 32 steps, learned from whole 10 times, Adam 1e-3 falling to 0, discount "
        "0.98, trace 0.8, clip 0.2, no entropy term, two hidden layers of 64 (tanh) for policy "
        "and values each. A frame is a step of one copy; acting and learning are timed "
        "together. The third arm has the Zoo's 20 passes. Afterwards 100 episodes are played "
        "without exploring, with the last weights."
    ),
    config={"world": "CartPole-v1", "frames": 99_840, "threads": 1},
    quick={"frames": 5_120},
    arms=(
        Arm("tilth", "bench.ours_worlds", "ppo", "tilth"),
        Arm("Stable-Baselines3", "bench.peers.with_sb3", "ppo", "peer"),
        Arm("Stable-Baselines3, Zoo", "bench.peers.with_sb3", "zoo", "peer", "20 passes"),
    ),
    metrics=PPO_METRICS,
    bars=(
        Bar("frames per second", RATE, "tilth", ("Stable-Baselines3",), at_least=2.0),
        Bar("the same", RATE, "tilth", ("Stable-Baselines3, Zoo",), at_least=2.0),
    ),
    compared=(RATE, "processor_rate"),
    threads=1,
    repeats=5,
    turn_seconds=0.5,
)

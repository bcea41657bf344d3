"""Learning to act from pictures: PPO on MiniPong, frames per second and what was learned."""

from bench.plan import Arm, Bar, Bench
from bench.worlds import PPO_METRICS, RATE

BENCH = Bench(
    name="pixels",
    title="Learning to act: MiniPong from pixels",
    work=(
        "PPO on MiniPong (two pictures of 42 x 42), the same world in both arms, 32 copies: "
        "rollouts of 64 steps, 4 passes of 8 minibatches, Adam 3e-4 falling to 0, discount 0.98, "
        "trace 0.95, clip 0.2, entropy weight 0.01, one layer of 512 (ReLU) shared by policy "
        "and values. A frame is a step of one copy; acting and learning are timed together. "
        "Afterwards 100 games of 5 points are played without exploring: all lost is -5, all won 5."
    ),
    config={"world": "MiniPong", "frames": 204_800, "threads": 1},
    quick={"frames": 4_096},
    arms=(
        Arm("tilth", "bench.ours_worlds", "ppo", "tilth", "numerics by its own measurement"),
        Arm("Stable-Baselines3", "bench.peers.with_sb3", "ppo", "peer"),
    ),
    metrics=PPO_METRICS,
    bars=(Bar("frames per second", RATE, "tilth", ("Stable-Baselines3",), at_least=2.0),),
    compared=(RATE, "processor_rate"),
    threads=1,
    repeats=3,
    turn_seconds=0.5,
)

"""The settings of each method: measured for worlds of numbers and small pictures, else published.

MiniPong stands for small pictures. For large ones those of PQN and PPO are CleanRL's for Atari
(Huang et al. 2022). DQN's are not: three steps, double and 64 rows a batch, as where it was
measured (docs/log.md); 100,000 frames of memory and 10,000 of warm-up, a tenth and an eighth of
CleanRL's, so that a common machine holds them; Huber's loss as in Mnih et al. (2015), and gradients
clipped to 10 as in Wang et al. (2016).
"""

from __future__ import annotations

from tilth.data.world import World
from tilth.errors import UserError
from tilth.nn.observation_encoder import SMALLEST
from tilth.tasks._method import Method
from tilth.tasks._off_policy import QLearningMethod, SoftMethod
from tilth.tasks._on_policy import ParallelQMethod, ProximalMethod, ReinforceMethod
from tilth.tasks._tabular import DynaMethod, TabularMethod

METHODS: dict[str, Method] = {
    "pqn": ParallelQMethod(
        copies=16, discount=0.99, steps=32, minibatches=4, passes=4, trace=0.9, epochs=20
    ),
    "ppo": ProximalMethod(copies=8, discount=0.98, steps=32, minibatches=1, passes=10, trace=0.8),
    "reinforce": ReinforceMethod(copies=4, discount=0.99, lr=1e-2, epochs=5),
    "dqn": QLearningMethod(
        copies=8, discount=0.99, capacity=50_000, updates_per_frame=0.5, warm_up=1000, epochs=5
    ),
    "sac": SoftMethod(
        copies=4, discount=0.99, capacity=20_000, updates_per_frame=1.0, warm_up=1000, epochs=1
    ),
    "q_learning": TabularMethod(copies=1, discount=0.99, lr=0.5),
    "dyna_q": DynaMethod(
        copies=1, discount=0.99, lr=0.5, explored=0.0, rest=0.1, epoch_frames=1000, epochs=5
    ),
}
SMALL_PICTURES: dict[str, Method] = {
    **METHODS,
    "pqn": ParallelQMethod(
        copies=64,
        discount=0.96,
        steps=32,
        minibatches=16,
        passes=2,
        trace=0.9,
        explored=0.3,
        rest=0.02,
        epoch_frames=51_200,
        epochs=24,
        network={"layers": [128, 128]},
    ),
    "ppo": ProximalMethod(
        copies=32,
        discount=0.98,
        lr=3e-4,
        steps=64,
        minibatches=8,
        passes=4,
        trace=0.95,
        entropy=0.01,
        epoch_frames=51_200,
    ),
    "dqn": QLearningMethod(
        copies=8,
        discount=0.96,
        capacity=50_000,
        updates_per_frame=0.25,
        warm_up=1000,
        target_every=500,
        epoch_frames=20_000,
    ),
}
LARGE_PICTURES: dict[str, Method] = {
    **METHODS,
    "pqn": ParallelQMethod(
        copies=8,
        discount=0.99,
        lr=2.5e-4,
        steps=128,
        minibatches=4,
        passes=4,
        trace=0.65,
        explored=0.1,
        rest=0.01,
        epoch_frames=100_000,
        epochs=100,
        network={"layers": [512]},
    ),
    "ppo": ProximalMethod(
        copies=8,
        discount=0.99,
        lr=2.5e-4,
        steps=128,
        minibatches=4,
        passes=4,
        trace=0.95,
        reach=0.1,
        entropy=0.01,
        epoch_frames=100_000,
        epochs=100,
    ),
    "dqn": QLearningMethod(
        copies=8,
        discount=0.99,
        lr=1e-4,
        capacity=100_000,
        updates_per_frame=0.25,
        warm_up=10_000,
        saved=False,  # 0.7 GB
        target_every=250,
        explored=0.1,
        rest=0.01,
        epoch_frames=100_000,
        epochs=100,
        network={"layers": [512], "norm": False},
    ),
}


def method_for(name: str | None, world: World) -> Method:
    """Return a method with the settings for such a world; name: None for the usual one.

    The usual one is Q-learning in a table where what is seen is a numbered state and actions are
    choices, else PQN where they are choices; where they are numbers it is SAC, or PPO where what
    is seen is large pictures. Raises UserError where they are small.

    >>> from tilth.data.world import open_world
    >>> method_for(None, open_world("CartPole-v1")).name
    'pqn'
    """
    sides = world.observation.shape[1:]
    table = METHODS
    if len(sides) == 2:
        table = SMALL_PICTURES if min(sides) < SMALLEST else LARGE_PICTURES
    usual = "sac" if table is METHODS else "ppo"
    if world.action.is_choice:
        usual = "q_learning" if world.observation.is_choice else "pqn"
    if name is None and table is SMALL_PICTURES and usual == "ppo":
        raise UserError(
            f"{world.name} without a method",
            rule="to learn numbers from small pictures by reward alone there is no usual way",
            fix='do as a driver shows (task="imitate"), or name a method (method="ppo")',
        )
    return table[name or usual]

"""Two players against what is known of them: optimal critics, saturation, Dirac-GANs."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from scipy import integrate, stats
from torch import nn

from tests.stop_at import StopAt
from tilth.contracts import BaseSource, Batch, Context, Player
from tilth.data.noise import NoisyBatch, WithNoise
from tilth.errors import UserError
from tilth.models.mlp_gan import mlp_gan
from tilth.nn.generator_critic import GeneratorCritic
from tilth.objectives.adversarial import LOSSES, CriticObjective, GeneratorObjective
from tilth.objectives.penalties import slopes
from tilth.train.loop import Loop

ROWS = 12


def batch(dtype=torch.float32):
    stream = torch.Generator().manual_seed(0)
    noise = {
        "latent": torch.randn(ROWS, 3, generator=stream).to(dtype),
        "mix_uniform": torch.rand(ROWS, generator=stream).to(dtype),
    }
    inputs = torch.randn(ROWS, 2, generator=stream).to(dtype)
    return NoisyBatch(inputs, torch.arange(ROWS) % 3, torch.arange(ROWS), noise)


def net(classes=0, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return mlp_gan(features=2, latent=3, classes=classes, width=8, depth=1)


def critic_case(loss="non_saturating", classes=0, **more):
    return lambda: (CriticObjective(loss, conditional=classes > 0, **more), net(classes), batch())


def generator_case(loss="non_saturating", classes=0, **more):
    objective = GeneratorObjective
    return lambda: (objective(loss, conditional=classes > 0, **more), net(classes), batch())


CASES = {
    "CriticObjective": {
        **{loss: critic_case(loss) for loss in LOSSES},
        "gradient penalty": critic_case("wasserstein", gradient_penalty=10.0),
        "R1": critic_case(r1=10.0),
        "clipped": critic_case("wasserstein", clip=0.5),
        "conditional": critic_case("hinge", classes=3, gradient_penalty=1.0, r1=1.0),
    },
    "GeneratorObjective": {
        **{loss: generator_case(loss) for loss in LOSSES},
        "conditional": generator_case("hinge", classes=3),
        "without average": generator_case(average_decay=None),
    },
}


def context(step=0, total=10):
    stream = torch.Generator().manual_seed(0)
    return Context(step, step / total, 0, stream, torch.device("cpu"))


def value(loss):
    """Return what the loop would minimise."""
    return sum(term.weight * term.total / term.count for term in loss.parts.values())


def test_losses_are_those_of_the_papers():
    """In probabilities, as Goodfellow et al. and Miyato et al. write them."""
    scores = torch.linspace(-4, 4, 33, dtype=torch.float64)
    chance = 1 / (1 + torch.exp(-scores))
    zero = torch.zeros(33, dtype=torch.float64)
    wanted = {
        "saturating": (-chance.log(), -(1 - chance).log(), (1 - chance).log()),
        "non_saturating": (-chance.log(), -(1 - chance).log(), -chance.log()),
        "hinge": (-torch.minimum(zero, scores - 1), -torch.minimum(zero, -scores - 1), -scores),
        "wasserstein": (-scores, scores, -scores),
    }
    assert wanted.keys() == LOSSES.keys()
    for name, functions in wanted.items():
        for function, expected in zip(LOSSES[name], functions, strict=True):
            torch.testing.assert_close(function(scores), expected)


def test_what_the_critic_pays_written_out():
    """Hinge, gradient penalty and R1, each by its formula, with labels told to both nets."""
    model, rows = net(3).double(), batch(torch.float64)
    latent, mix, labels = rows.noise["latent"], rows.noise["mix_uniform"][:, None], rows.targets
    fake = model.generator(latent, labels).detach()
    between = (mix * rows.inputs + (1 - mix) * fake).requires_grad_()
    real = rows.inputs.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.critic(between, labels).sum(), between)
    (at_real,) = torch.autograd.grad(model.critic(real, labels).sum(), real)
    wanted = F.relu(1 - model.critic(real, labels)).mean()
    wanted = wanted + F.relu(1 + model.critic(fake, labels)).mean()
    wanted = wanted + 10 * ((slope.square().sum(1).sqrt() - 1) ** 2).mean()
    wanted = wanted + 0.5 * 3 * at_real.square().sum(1).mean()
    objective = CriticObjective("hinge", gradient_penalty=10.0, r1=3.0, conditional=True)
    torch.testing.assert_close(value(objective(model, rows, context())), wanted)


def test_r1_that_is_lazy_costs_as_much_over_a_cycle():
    eager, lazy = CriticObjective(r1=10.0), CriticObjective(r1=10.0, r1_every=4)
    always = value(eager(net(), batch(), context())) - value(
        CriticObjective()(net(), batch(), context())
    )
    parts = [lazy(net(), batch(), context(step)).parts for step in range(8)]
    assert ["r1" in part for part in parts] == [True, False, False, False] * 2
    paid = sum(p["r1"].weight * p["r1"].total / p["r1"].count for p in parts if "r1" in p)
    torch.testing.assert_close(paid / 8, always)


def test_a_map_of_scores_counts_as_its_mean():
    """A critic of patches: every row pays the mean over its patches."""
    patches = nn.Sequential(nn.Unflatten(1, (1, 1, 2)), nn.Conv2d(1, 4, 1))
    flat = GeneratorCritic(nn.Linear(3, 2), nn.Linear(2, 1), latent=3)
    model = GeneratorCritic(flat.generator, patches, latent=3)
    found = GeneratorObjective()(model, batch(), context()).parts["generated"]
    scores = patches(flat.generator(batch().noise["latent"])).reshape(ROWS, 8)
    torch.testing.assert_close(found.total, F.softplus(-scores).mean(1).sum())


def test_short_scores_are_paid_for_in_float32():
    model = net().to(torch.bfloat16)
    loss = GeneratorObjective()(model, batch(torch.bfloat16), context())
    assert loss.parts["generated"].total.dtype == torch.float32


def test_missing_noise_and_unknown_losses_are_told():
    rows = batch()
    with pytest.raises(UserError, match=r"without 'latent'.*WithNoise"):
        GeneratorObjective()(net(), Batch(rows.inputs, rows.targets, rows.rows), context())
    objective = CriticObjective(gradient_penalty=10.0)
    with pytest.raises(UserError, match=r"mix_uniform"):
        objective(net(), rows._replace(noise={"latent": rows.noise["latent"]}), context())
    with pytest.raises(UserError, match="hing"):
        CriticObjective("hing")


@pytest.mark.parametrize("steps", [1, 3])
def test_the_generator_steps_at_the_last_of_the_critics_steps(steps):
    objective = GeneratorObjective(critic_steps=steps)
    due = [objective.due(context(step)) for step in range(6)]
    assert due == [step % steps == steps - 1 for step in range(6)]


def test_the_average_moves_with_the_generators_steps_only():
    model, objective = net(), GeneratorObjective(critic_steps=3)
    for step in range(6):
        objective.after_step(model, context(step))
    assert objective.average.updates == 2
    other = objective.averaged(model)
    assert other is not model.generator
    plain = GeneratorObjective(average_decay=None)
    plain.after_step(model, context())
    assert plain.averaged(model) is model.generator


@pytest.mark.parametrize("depth", [2, 6, 9])
def test_a_sure_critic_leaves_a_saturating_generator_without_gradient(depth):
    """By the score s, log(1 - D) falls by D and -log D by 1 - D: the ratio is exp(-s)."""
    model, rows = net().double(), batch(torch.float64)
    sure = nn.Linear(2, 1).double()
    nn.init.zeros_(sure.weight)
    with torch.no_grad():
        sure.weight += 1e-6  # so little slope that every score is the bias
        sure.bias.fill_(-depth)
    pair = GeneratorCritic(model.generator, sure, latent=3)
    norms = {}
    for name in ("saturating", "non_saturating"):
        loss = value(GeneratorObjective(name)(pair, rows, context()))
        found = torch.autograd.grad(loss, list(model.generator.parameters()))
        norms[name] = math.sqrt(sum(float(g.square().sum()) for g in found))
    ratio = norms["non_saturating"] / norms["saturating"]
    assert ratio == pytest.approx(math.exp(depth), rel=1e-4)
    assert (ratio >= 100) == (depth >= 5)


class TwoGaussians(BaseSource):
    """Real points of N(-1, 1); the generator of ``Known`` makes those of N(0.5, 0.7)."""

    def __init__(self):
        self.stream = torch.Generator().manual_seed(5)

    def next(self, model, context):
        real = torch.randn(4096, 1, generator=self.stream) - 1
        return Batch(real, torch.zeros(4096), torch.arange(4096))


class Known(nn.Module):
    """A fixed generator and the smallest critic that can be right: log p / q is quadratic."""

    def __init__(self):
        super().__init__()
        self.generator = nn.Linear(1, 1)
        nn.init.constant_(self.generator.weight, 0.7)
        nn.init.constant_(self.generator.bias, 0.5)
        self.coefficients = nn.Linear(2, 1)

    def critic(self, samples):
        return self.coefficients(torch.cat([samples, samples**2], 1)).squeeze(1)


def test_a_trained_critic_is_p_over_p_plus_q_and_its_value_the_divergence():
    """Goodfellow et al. 2014, proposition 1 and theorem 1: V* = -log 4 + 2 JSD."""
    torch.manual_seed(0)
    model, frozen = Known(), {k: v.clone() for k, v in Known().generator.state_dict().items()}
    trained = list(model.coefficients.parameters())
    player = Player(trained, torch.optim.Adam(trained, 0.05), lambda at: (1 - at, None))
    source = WithNoise(TwoGaussians(), {"latent": (1,)})
    Loop(model, [CriticObjective()], source, {"critic": player}, total_steps=500).fit()
    assert all(torch.equal(frozen[k], v) for k, v in model.generator.state_dict().items())
    p, q = stats.norm(-1, 1).pdf, stats.norm(0.5, 0.7).pdf
    grid = torch.linspace(-3.5, 2.2, 115)  # beyond lies 1 % of either
    best = torch.from_numpy(p(grid.numpy()) / (p(grid.numpy()) + q(grid.numpy())))
    found = torch.sigmoid(model.critic(grid[:, None]).detach().double())
    assert float((found - best).abs().max()) <= 0.02

    def divergence(x):
        middle = (p(x) + q(x)) / 2
        return (p(x) * math.log(p(x) / middle) + q(x) * math.log(q(x) / middle)) / 2

    wanted = -math.log(4) + 2 * integrate.quad(divergence, -8, 8)[0]
    stream = torch.Generator().manual_seed(9)
    real = torch.randn(400_000, 1, generator=stream) - 1
    rows = NoisyBatch(
        real,
        torch.zeros(len(real)),
        torch.arange(len(real)),
        {"latent": torch.randn(len(real), 1, generator=stream)},
    )
    reached = -float(value(CriticObjective()(model, rows, context())).detach())
    assert reached == pytest.approx(wanted, abs=0.005)


class Dirac(nn.Module):
    """Mescheder et al. 2018, definition 2.1: one point at theta, a linear critic psi * x."""

    def __init__(self, theta=1.0, psi=1.0):
        super().__init__()
        self.generator, self.critic = Point(theta), Slope(psi)


class Point(nn.Module):
    def __init__(self, theta):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta, dtype=torch.float64))

    def forward(self, latent):
        return self.theta.expand(len(latent), 1)


class Slope(nn.Module):
    def __init__(self, psi):
        super().__init__()
        self.psi = nn.Parameter(torch.tensor(psi, dtype=torch.float64))

    def forward(self, samples):
        return (self.psi * samples).squeeze(1)


class Zero(BaseSource):
    """The real point, at zero."""

    def next(self, model, context):
        return at_zero()


def at_zero():
    noise = {"latent": torch.zeros(1, 1), "mix_uniform": torch.full((1,), 0.5).double()}
    return NoisyBatch(torch.zeros(1, 1).double(), torch.zeros(1), torch.arange(1), noise)


def field(theta, psi, critic, generator):
    """Return minus the gradients of both players, (v_theta, v_psi)."""
    model = Dirac(theta, psi)
    at = model.generator.theta, model.critic.psi
    (by_psi,) = torch.autograd.grad(value(critic(model, at_zero(), context())), at[1])
    (by_theta,) = torch.autograd.grad(value(generator(model, at_zero(), context())), at[0])
    return -float(by_theta), -float(by_psi)


def eigenvalues(critic, generator, tiny=1e-5):
    """Return those of the vector field's Jacobian at the equilibrium, by finite differences."""
    columns = []
    for step in ((tiny, 0.0), (0.0, tiny)):
        ahead = field(*step, critic, generator)
        behind = field(-step[0], -step[1], critic, generator)
        columns.append([(a - b) / (2 * tiny) for a, b in zip(ahead, behind, strict=True)])
    found = torch.linalg.eigvals(torch.tensor(columns, dtype=torch.float64).T)
    return sorted((round(float(e.real), 6), round(float(e.imag), 6)) for e in found)


@pytest.mark.parametrize("loss", ["saturating", "non_saturating"])
def test_dirac_gan_without_regularisation_only_turns(loss):
    """Lemma 2.3: +- f'(0) i, and f'(0) = 1/2 for f(t) = -log(1 + exp(-t))."""
    found = eigenvalues(CriticObjective(loss), GeneratorObjective(loss))
    assert found == [(0.0, -0.5), (0.0, 0.5)]


@pytest.mark.parametrize("gamma", [0.3, 1.0, 3.0])
def test_dirac_gan_with_r1_is_drawn_in(gamma):
    """Lemma 4.1: -gamma / 2 +- sqrt(gamma^2 / 4 - f'(0)^2)."""
    found = eigenvalues(CriticObjective(r1=gamma), GeneratorObjective())
    root = complex(gamma**2 / 4 - 0.25) ** 0.5
    wanted = [-gamma / 2 + root, -gamma / 2 - root]
    wanted = sorted((round(e.real, 6), round(e.imag, 6)) for e in wanted)
    torch.testing.assert_close(torch.tensor(found), torch.tensor(wanted), rtol=0, atol=2e-6)


class Radius(StopAt):
    """Writes down how far both players are from the equilibrium."""

    def __init__(self):
        self.seen = []

    def after_step(self, loop):
        place = loop.model.generator.theta.detach(), loop.model.critic.psi.detach()
        self.seen.append(math.hypot(*map(float, place)))


def radii(critic, generator, steps=400, rate=0.1):
    model, hook = Dirac(), Radius()
    players = {
        name: Player(list(part.parameters()), torch.optim.SGD(part.parameters(), rate))
        for name, part in model.named_children()
    }
    objectives = [generator, critic]  # so that the generator meets clipped weights
    Loop(model, objectives, Zero(), players, total_steps=steps, hooks=[hook]).fit()
    return hook.seen


def test_simultaneous_steps_without_regularisation_move_away():
    """A zero-sum field is at right angles to the radius, so every step of finite size adds."""
    theta, psi, seen = 1.0, 1.0, []
    players = CriticObjective("saturating"), GeneratorObjective("saturating")
    for _ in range(300):
        down = field(theta, psi, *players)
        theta, psi = theta + 0.1 * down[0], psi + 0.1 * down[1]
        seen.append(math.hypot(theta, psi))
    assert all(after >= before for before, after in itertools.pairwise(seen))
    assert seen[-1] > 1.2 * seen[0]


def test_in_the_loop_r1_arrives_and_the_others_do_not():
    """Mescheder et al. 2018, figures 3 and 5; section 3 for WGAN with clipping and with GP."""
    start = math.sqrt(2)
    bare = radii(CriticObjective("saturating"), GeneratorObjective("saturating"))
    drawn_in = radii(CriticObjective(r1=1.0), GeneratorObjective())
    clipped = radii(CriticObjective("wasserstein", clip=1.0), GeneratorObjective("wasserstein"))
    penalised = CriticObjective("wasserstein", gradient_penalty=10.0)
    with_penalty = radii(penalised, GeneratorObjective("wasserstein"), rate=0.05, steps=400)
    assert min(bare) > 0.9 * start
    assert drawn_in[-1] < 1e-2
    assert min(clipped[-200:]) > 0.2
    assert min(with_penalty[-200:]) > 0.2


def test_clipped_weights_are_within_the_bound_after_every_step():
    model = net()
    player = Player(
        list(model.critic.parameters()), torch.optim.SGD(model.critic.parameters(), 5.0)
    )
    objective = CriticObjective("wasserstein", clip=0.01)
    source = WithNoise(Points(), {"latent": (3,)})
    before = [p.detach().clone() for p in model.generator.parameters()]
    Loop(model, [objective], source, {"critic": player}, total_steps=3).fit()
    weights = torch.cat([p.detach().flatten() for p in model.critic.parameters()])
    assert float(weights.abs().max()) == pytest.approx(0.01)
    assert float((weights.abs() < 0.01).float().mean()) < 1.0
    assert all(map(torch.equal, before, model.generator.parameters()))


class Points(BaseSource):
    def next(self, model, context):
        return Batch(batch().inputs, batch().targets, batch().rows)


class OnTheLine(BaseSource):
    """Real points of N(2, 0.5), always the same 256."""

    def next(self, model, context):
        real = torch.randn(256, 1, generator=torch.Generator().manual_seed(1)) * 0.5 + 2
        return Batch(real, torch.zeros(256), torch.arange(256))


def test_a_wasserstein_critic_finds_the_distance_on_the_line():
    """Against scipy's sorting, up to the slope that a penalty of finite weight lets pass."""
    torch.manual_seed(0)
    model = mlp_gan(features=1, latent=1, width=32, depth=2)
    model.generator = nn.Linear(1, 1)
    source = WithNoise(OnTheLine(), {"latent": (1,), "mix_uniform": ()})
    trained = list(model.critic.parameters())
    player = Player(trained, torch.optim.Adam(trained, 3e-3, betas=(0.0, 0.9)))
    objective = CriticObjective("wasserstein", gradient_penalty=10.0)
    Loop(model, [objective], source, {"critic": player}, total_steps=300).fit()
    rows = source.next(model, context())
    with torch.no_grad():
        fake = model(rows.noise["latent"])
        estimate = float(model.critic(rows.inputs).mean() - model.critic(fake).mean())
    share = rows.noise["mix_uniform"][:, None]
    between = (share * rows.inputs + (1 - share) * fake).requires_grad_()
    slope = float(slopes(model.critic(between), between).detach().abs().mean())
    assert 1.0 < slope < 1.3
    exact = stats.wasserstein_distance(rows.inputs.flatten().numpy(), fake.flatten().numpy())
    assert estimate / slope == pytest.approx(exact, rel=0.1)

"""Claims about numbers at the presets' own settings: the ends and bases that users get, both precisions.

The chapters test them where they are easy to see; here they are tested where they are used."""
import math
import pytest, torch
from ndm_nb.bridges import log_prob_bridge, sample_bridge
from ndm_nb.continuous import continuous_bound
from ndm_nb.discrete import discrete_bound, sample_ancestral
from ndm_nb.likelihood import log_prob_ode
from ndm_nb.model import GaussianDecoder, GaussianOracle, NeuralDiffusion, ReverseVariance
from ndm_nb.paths import LinearForward
from ndm_nb.presets import bases, build, settings
from ndm_nb.sampling import sample_ode, sample_sde
from ndm_nb.times import time_samplers
from ndm_nb.volatility import MarkovVolatility

ends = sorted({row.get('gamma', (-7., 4.)) for row in settings.values()})
generating = [name for name, row in bases.items() if row.task == 'generation']
both = pytest.mark.parametrize('dtype', (torch.float32, torch.float64))
m, s = torch.tensor([.7]).double(), torch.tensor([.4]).double()

def everywhere(test):
    "On each base, with the ends of all settings, in both precisions."
    for mark in (pytest.mark.parametrize('base', generating), pytest.mark.parametrize('gamma', ends), both):
        test = mark(test)
    return test

def oracle(base, gamma, dtype):
    "The exact predictor of Gaussian data on a preset's base."
    schedule = bases[base].schedule(*gamma)
    parts = LinearForward(schedule), GaussianOracle(m, s, schedule), MarkovVolatility(schedule)
    return NeuralDiffusion(*parts, GaussianDecoder(schedule)).to(dtype)

def of_ode(model):
    "What the ODE of the oracle makes of N(0, I)."
    alpha, sigma = model.forward_process.schedule.double()(torch.tensor([0., 1.]).double())
    v = alpha[:, None]**2*s**2 + sigma[:, None]**2
    r = (v[0]/v[1]).sqrt()
    return torch.distributions.Normal(m - r*alpha[1]*m/alpha[0], r/alpha[0])

@everywhere
def test_likelihood(base, gamma, dtype):
    "At the defaults of `log_prob_ode`, and by a solver that chooses its steps."
    torch.manual_seed(0)
    q = of_ode(oracle(base, gamma, torch.float64))
    x, model = q.sample((32,)), oracle(base, gamma, dtype)
    want = q.log_prob(x).sum(1)
    for options, most in (({}, 1e-4), (dict(solver='dopri5'), 5e-3)):
        assert (log_prob_ode(model, x.to(dtype), **options).double() - want).abs().max() < most

@everywhere
def test_samples(base, gamma, dtype):
    "The same noise is led to the same place as in closed form, by a hundred even steps of rk4."
    torch.manual_seed(0)
    q, noise = of_ode(oracle(base, gamma, torch.float64)), torch.randn(32, 1).double()
    x = sample_ode(oracle(base, gamma, dtype), noise.to(dtype), 100, 'rk4')
    assert (x.double() - q.mean - q.stddev*noise).abs().max() < 1e-4

def entropy(model):
    "Of the exact model, nats: with the noise of its decoder, and with the prior that is not quite its own."
    alpha, sigma = model.forward_process.schedule.double()(torch.tensor([0., 1.]).double())
    wide = torch.distributions.Normal(m, (s**2 + (sigma[0]/alpha[0])**2).sqrt())
    end = torch.distributions.Normal(alpha[1]*m, (alpha[1]**2*s**2 + sigma[1]**2).sqrt())
    prior = torch.distributions.Normal(torch.zeros(1).double(), 1.)
    return (wide.entropy() + torch.distributions.kl_divergence(end, prior)).sum().item()

def data(n, dtype):
    torch.manual_seed(0)
    return (m + s*torch.randn(n, 1)).to(dtype)

def agrees(values, want, most):
    "Is it the mean, within four standard errors, and are these small enough to say so?"
    error = values.double().std().item()/len(values)**.5
    return abs(values.double().mean().item() - want) < 4*error < most

@everywhere
@pytest.mark.parametrize('times', time_samplers)
def test_continuous_bound(base, gamma, times, dtype):
    "Of the exact predictor it is the entropy, however times are drawn; also after they have been learned."
    model, x, sampler = oracle(base, gamma, dtype), data(4000, dtype), time_samplers[times]()
    with torch.no_grad():
        for _ in range(4): total = continuous_bound(model.train(), x, sampler=sampler).total
    assert agrees(total, entropy(model), 8.)            # of terms that are 10 nats, and on `ot` far more

class Watched(ReverseVariance):
    "The posterior's variance, and the steps that were drawn."
    def update(self, z, s, t, q, p): self.s, self.t = s, t

@everywhere
@pytest.mark.parametrize('T', (2, 3, 10, 1000))
def test_steps_that_are_drawn(base, gamma, T, dtype):
    "Each step as often as every other, and their mean is that over all steps."
    model, n = oracle(base, gamma, dtype).train(), 4000
    model.variance, x = Watched(), data(n, dtype)
    with torch.no_grad(): drawn = discrete_bound(model, x, T).total
    step = (model.variance.t*T).round().long()
    assert torch.allclose(model.variance.t - model.variance.s, torch.tensor(1/T, dtype=dtype), atol=1e-5)
    assert ((step.bincount(minlength=T + 1)[1:] - n/T).abs() <= 1).all() and len(step.bincount()) == T + 1
    if T > 10: return
    steps = [torch.full((n,), t/T, dtype=dtype) for t in range(1, T + 1)]
    with torch.no_grad(): whole = sum(discrete_bound(model, x, T, t).total.mean().item() for t in steps)/T
    assert agrees(drawn, whole, .6*whole)

class Target(torch.nn.Module):
    "The posterior mean of the target of a bridge, with the source given."
    condition = 'the source'
    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule

    def forward(self, z, t, c):
        u, sigma = t[:, None], self.schedule(t)[1][:, None]
        gain = ((1 - u)*s**2/((1 - u)**2*s**2 + sigma**2)).to(z)
        return torch.stack([m.to(z) + gain*(z - u*c - (1 - u)*m.to(z)), c], 1)

@both
@pytest.mark.parametrize('gamma', ends)
def test_likelihood_of_a_bridge(gamma, dtype):
    "By default, with the noise at the ends that the presets have."
    torch.manual_seed(0)
    built = build('brownian_bridge', (1,), gamma=gamma, width=8, depth=1).to(dtype)
    schedule = built.forward_process.schedule
    model = NeuralDiffusion(built.forward_process, Target(schedule), None, GaussianDecoder(schedule))
    q = torch.distributions.Normal(m, (s**2 + math.exp(gamma[0])).sqrt())
    x0, x1 = q.sample((32,)), torch.randn(32, 1).double()
    found = log_prob_bridge(model.to(dtype), x0.to(dtype), x1.to(dtype)).double()
    off = (found - q.log_prob(x0).sum(1)).abs()
    most = 5e-3 if dtype == torch.float64 else .02             # the ends are narrow: it is rounding
    if dtype == torch.float32 and gamma[0] < -13: most = .05   # .004 to .029 for six seeds; by the machine
    assert off.max() < most and off.mean() < most/2

def spread(x, mean, std):
    "By how much mean and standard deviation of samples are off, in standard deviations."
    return max((x.mean() - mean).abs().item(), (x.std() - std).abs().item())/std.item()

@pytest.mark.parametrize('solver', ('euler_maruyama', 'stochastic_heun', 'dopri5'))
@pytest.mark.parametrize('gamma', ends)
def test_samples_of_a_bridge(gamma, solver):
    "By default, from one source: all of the target, with the noise that the presets leave at its end."
    torch.manual_seed(0)
    built = build('brownian_bridge', (1,), gamma=gamma, width=8, depth=1)
    schedule = built.forward_process.schedule
    parts = built.forward_process, Target(schedule), built.volatility, GaussianDecoder(schedule)
    model = NeuralDiffusion(*parts)
    x = sample_bridge(model, torch.full((4000, 1), 2.), solver=solver)
    assert spread(x, m, (s**2 + schedule.delta**2).sqrt()) < .08

@pytest.mark.parametrize('solver', ('euler_maruyama', 'stochastic_heun'))
@pytest.mark.parametrize('gamma', ends)
@pytest.mark.parametrize('base', [name for name in generating if name != 'ot_half'])     # ends elsewhere
def test_samples_with_noise(base, gamma, solver):
    "Solvers of the SDE with the volatility of the base, and ancestral steps, have the spread of the data."
    torch.manual_seed(0)
    model, noise = oracle(base, gamma, torch.float32), torch.randn(4000, 1)
    model.volatility = bases[base].volatility(model.forward_process.schedule)
    for x in (sample_sde(model, noise, 200, solver), sample_ancestral(model, noise, 200)):
        assert spread(x, m, s[0]) < .08

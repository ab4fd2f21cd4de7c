"The same numbers as other libraries, where both can do the same."
import pytest
import torch
from torch import nn
from ndm_nb.model import DataPredictor, GaussianDecoder, NeuralDiffusion, Predictor
from ndm_nb.networks import MLP
from ndm_nb.objectives import objective_for
from ndm_nb.paths import LinearForward
from ndm_nb.sampling import sample_ode, time_grid
from ndm_nb.schedules import LinearGamma, OTSchedule
from ndm_nb.transport import paired_noise
from ndm_nb.volatility import MarkovVolatility


def a_model(schedule):
    "With a network that says something."
    torch.manual_seed(0)
    net = MLP((2,), width=32, depth=1)
    nn.init.normal_(net.head.weight, std=.5)
    return NeuralDiffusion(LinearForward(schedule), DataPredictor(net), MarkovVolatility(schedule),
                           GaussianDecoder(schedule)).double()


@pytest.mark.parametrize('grid', ['uniform', 'quadratic', 'karras'])
@pytest.mark.parametrize('solver', ['ddim', 'dpmpp_2m'])
def test_samples_are_those_of_diffusers(solver, grid):
    diffusers = pytest.importorskip('diffusers')
    schedule, steps = LinearGamma(-7, 4), 12
    model, z = a_model(schedule), torch.randn(50, 2).double()
    times = time_grid(steps, grid, schedule, z)
    peer = diffusers.DPMSolverMultistepScheduler(
        algorithm_type='dpmsolver++', solver_order=1 if solver == 'ddim' else 2, prediction_type='sample',
        euler_at_final=True, final_sigmas_type='sigma_min')
    peer.set_timesteps(steps)
    peer.sigmas = torch.exp(schedule.gamma(times)/2)                 # its own schedule is another one
    with torch.no_grad():
        at = z
        for t, name in zip(times, peer.timesteps):
            guess = model.predictor(at, t.repeat(len(z)))
            at = peer.step(guess, name, at).prev_sample
        ours = sample_ode(model, z, steps, solver, grid)
    alpha_0 = schedule(torch.zeros(1).double())[0]
    torch.testing.assert_close(ours, at/alpha_0, atol=1e-5, rtol=1e-5)
    assert (ours - z).abs().mean() > .1


def test_the_karras_grid_is_that_of_diffusers():
    diffusers = pytest.importorskip('diffusers')
    schedule = LinearGamma(-7, 4)
    ours = torch.exp(schedule.gamma(time_grid(9, 'karras', schedule, torch.zeros(1).double()))/2)
    theirs = diffusers.DPMSolverMultistepScheduler()._convert_to_karras(ours[[0, -1]].numpy(), 10)
    torch.testing.assert_close(ours, torch.as_tensor(theirs), atol=1e-5, rtol=1e-5)


class FromVelocity(Predictor):
    "From the velocity of a line to where it began."
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, z, t): return z - t[:, None]*self.net(z, t)


def test_velocity_matching_is_the_loss_of_torchcfm():
    torchcfm = pytest.importorskip('torchcfm')
    model = a_model(OTSchedule(0.))
    model.predictor = FromVelocity(model.predictor.net)
    x, noise, t = torch.randn(64, 2).double(), torch.randn(64, 2).double(), torch.rand(64).double()*.9 + .05
    matcher = torchcfm.ConditionalFlowMatcher(sigma=0.)
    _, there, velocity = matcher.sample_location_and_conditional_flow(noise, x, t=1 - t)
    wanted = ((model.predictor.net(there, t) + velocity)**2).sum(1)          # time runs the other way there
    q = model.path(x).flow(t)
    ours = objective_for('velocity')(model, q, q.sample(noise), t, torch.ones(64).double()).objective
    torch.testing.assert_close(ours, wanted, atol=1e-9, rtol=1e-9)


def test_paired_noise_is_that_of_torchcfm():
    sampler = pytest.importorskip('torchcfm.optimal_transport').OTPlanSampler('exact')
    x = torch.randn(64, 2)
    torch.manual_seed(1)
    pairs = paired_noise(x)
    torch.manual_seed(1)
    plan = sampler.get_map(torch.randn(64, 2), x)
    theirs = torch.as_tensor(plan.argmax(0))                        # which noise goes to which data
    torch.manual_seed(1)
    torch.testing.assert_close(pairs, torch.randn(64, 2)[theirs])

"""What presets are made of: each part, by its kind."""
import math
import pytest, torch
from ndm_nb.bridges import AffineBridge
from ndm_nb.nfdm import AffineForward, FlowForward
from ndm_nb.paths import LinearForward, NeuralForward
from ndm_nb.presets import build
from ndm_nb.transforms import NetTransform, SeparableTransform
from ndm_nb.variance import NetVariance, OptimalVariance
from ndm_nb.volatility import ConstantVolatility, LearnedVolatility, MarkovVolatility

# forward process, what is inside it, schedule, volatility, predictor
parts = dict(
    ddpm            = (LinearForward, None, 'LinearGamma', MarkovVolatility, 'Velocity'),
    vdm             = (LinearForward, None, 'LearnedGamma', MarkovVolatility, 'Velocity'),
    flow_matching   = (LinearForward, None, 'OTSchedule', MarkovVolatility, 'Velocity'),
    ndm             = (NeuralForward, SeparableTransform, 'LinearGamma', MarkovVolatility, 'Velocity'),
    ndm_full        = (NeuralForward, NetTransform, 'LinearGamma', MarkovVolatility, 'Velocity'),
    nfdm            = (AffineForward, None, 'LinearGamma', LearnedVolatility, 'Velocity'),
    nfdm_flow       = (FlowForward, AffineForward, 'LinearGamma', LearnedVolatility, 'Velocity'),
    nfdm_ot         = (AffineForward, None, 'OTSchedule', LearnedVolatility, 'Velocity'),
    nfdm_paper      = (AffineForward, None, 'GeometricSchedule', LearnedVolatility, 'Residual'),
    brownian_bridge = (AffineBridge, None, 'BridgeSchedule', ConstantVolatility, 'Ends'),
    bridge          = (AffineBridge, None, 'BridgeSchedule', ConstantVolatility, 'Ends'),
    bridge_flow     = (FlowForward, AffineBridge, 'BridgeSchedule', ConstantVolatility, 'Ends'))

def made(preset, **options):
    torch.manual_seed(0)
    return build(preset, (4,), width=8, depth=1, **options)

@pytest.mark.parametrize('preset', parts)
def test_parts(preset):
    process, inner, schedule, volatility, predictor = parts[preset]
    model = made(preset)
    found = model.forward_process
    assert type(found) is process and type(model.volatility) is volatility
    assert type(found.schedule).__name__ == schedule
    assert type(model.predictor).__name__ == f'{predictor}Predictor'
    if inner: assert type(getattr(found, 'base', None) or found.transform) is inner
    if process is FlowForward: assert len(found.coupling.nets) == 2

@pytest.mark.parametrize('preset', [name for name in parts if 'bridge' not in name])
def test_the_predictor_starts_the_same(preset):
    own = [p for p in made(preset, predictor='data').predictor.parameters()]
    for p, q in zip(own, made('ddpm', predictor='data').predictor.parameters()): assert torch.equal(p, q)

def test_noise_at_the_ends():
    for preset in ('flow_matching', 'nfdm_ot', 'nfdm_paper', 'bridge'):
        _, sigma = made(preset, gamma=(-6., 4.)).forward_process.schedule(torch.zeros(1))
        assert math.isclose(sigma, math.exp(-3), rel_tol=.01)
    end, _ = made('nfdm_ot').forward_process.schedule(torch.ones(1))
    assert math.isclose(end, .5, rel_tol=.05)
    for name in ('brownian_bridge', 'bridge'):
        assert math.isclose(made(name).volatility(torch.rand(1)), 1.)

def test_terms_of_mean_and_spread():
    process = made('nfdm', terms=4).forward_process
    assert process.net.outputs == 8

def test_variances():
    kinds = dict(step=(OptimalVariance, (5,)), pixel=(OptimalVariance, (5, 4)))
    for name, (kind, shape) in kinds.items():
        variance = made('ndm', variance=name, rows=5).variance
        assert type(variance) is kind and variance.excess.shape == shape
    assert type(made('ndm', variance='network').variance) is NetVariance

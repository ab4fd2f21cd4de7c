"The same numbers on a GPU as on the CPU, and a training run that stays there."
import pytest, torch
from ndm_nb.bridges import BridgeBound, log_prob_bridge, pair_up, pairings, path_cost, sample_bridge
from ndm_nb.continuous import generative_drift
from ndm_nb.core import InputError
from ndm_nb.data import dataset
from ndm_nb.discrete import reverse_step, sample_ancestral
from ndm_nb.evaluation import bound_for, evaluate
from ndm_nb.likelihood import log_prob_ode
from ndm_nb.presets import build, presets, variances
from ndm_nb.sampling import sample_ode, sample_sde
from ndm_nb.times import ImportanceTime, time_samplers
from ndm_nb.train import configure, prepare
from ndm_nb.training import Trainer
from ndm_nb.variance import optimal_variance
from ndm_nb.volatility import OptimalVolatility

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')

def built(preset, **options):
    "A model for the digits in double precision, in which every weight matters."
    digits = dataset('digits')
    torch.manual_seed(0)
    model = build(preset, digits.event, digits.levels, width=64, **options).double()
    for p in model.parameters(): torch.nn.init.normal_(p, std=.05)
    return model

def agree(model, results, *inputs):
    "Are the results on the GPU those on the CPU?"
    expected = results(*inputs)
    model.cuda()
    for a, b in zip(expected, results(*(v.cuda() for v in inputs))):
        torch.testing.assert_close(b.cpu(), a, rtol=1e-6, atol=1e-6)

@pytest.mark.parametrize('preset', [name for name, row in presets.items() if row.task == 'generation'])
def test_gpu_agrees_with_cpu(preset):
    model = built(preset)
    z, t = torch.randn(32, *model.config['event']).double(), torch.rand(32).double()
    def results(z, t, g):
        return (generative_drift(model, z, t, g), sample_ancestral(model, z, 5, eta=0.),
                sample_ode(model, z, 3), sample_ode(model, z, 3, 'rk4', 'logsnr'),
                log_prob_ode(model, z[:4], probes=0, solver='midpoint', steps=2))
    agree(model, results, z, t, torch.ones_like(t))

@pytest.mark.parametrize('preset', [name for name, row in presets.items() if row.task == 'translation'])
@pytest.mark.parametrize('predictor', ['ends', 'target'])
def test_bridge_on_gpu_agrees_with_cpu(preset, predictor):
    model = built(preset, predictor=predictor)
    def results(x0, x1, noise):
        return (sample_bridge(model, x1, 3, 'heun', noise),
                log_prob_bridge(model, x0[:4], x1[:4], probes=0, solver='midpoint', steps=2))
    agree(model, results, *torch.randn(3, 16, *model.config['event']).double())

@pytest.mark.parametrize('times', time_samplers)
def test_what_learns_along_follows_to_the_gpu(times):
    digits = dataset('digits')
    model = build('nfdm', digits.event, digits.levels, width=64)
    model.volatility = OptimalVolatility(model.volatility)
    Trainer(model, bound_for(None, times), digits.train, digits.valid,
            iterations=10, every=5, device='cuda').fit(progress=False)
    assert model.volatility.score.device.type == 'cuda' and (model.volatility.score > 0).any()
    assert sample_sde(model, torch.randn(4, *digits.event, device='cuda'), 3).device.type == 'cuda'

@pytest.mark.parametrize('preset, steps', [('ndm', 10), ('nfdm', None)])
def test_training_on_gpu(preset, steps):
    digits, bound = dataset('digits'), bound_for(steps)
    model = build(preset, digits.event, digits.levels, width=64)
    before = evaluate(model.cuda(), bound, digits.test.cuda())
    Trainer(model, bound, digits.train, digits.valid,
            iterations=50, ema=.8, every=25, device='cuda').fit(progress=False)
    assert next(model.parameters()).device.type == 'cuda'
    assert evaluate(model, bound, digits.test.cuda())['total'] < before['total'] - .1

def losses(folder, preset, **options):
    "Of a short training run of the digits, at each validation."
    options = dict(preset=preset, data='digits', width=64, iterations=20, every=10, batch=64) | options
    config = configure(options).configuration
    trainer = prepare(config, config.task.splits(), folder, options.get('device', 'cuda')).trainer
    history = trainer.fit(progress=False)
    return torch.tensor([[entry['train'], entry['valid']] for entry in history])

@pytest.mark.parametrize('preset, options', [
    ('ddpm', {}), ('ndm', dict(variance='network')), ('ndm', dict(conditional=True, drop=.3)),
    ('vdm', dict(T='inf')), ('nfdm', dict(times='importance')), ('nfdm_flow', {}),
    ('ndm_full', dict(T='inf')), ('flow_matching', {}), ('nfdm_ot', dict(curvature_share=.5, ramp=.5)),
    ('lsgm_nfdm', dict(latent=4, prior_width=32))],
    ids=str)
def test_a_replayed_step_gives_the_same_numbers(preset, options, tmp_path):
    replayed, usual = (losses(tmp_path/str(graph), preset, graph=graph, **options) for graph in (True, False))
    torch.testing.assert_close(replayed, usual, rtol=1e-3, atol=1e-3)

@pytest.mark.parametrize('preset, options', [('flow_matching', dict(pairing='optimal')),
                                             ('nfdm', dict(times='learned'))])
def test_a_step_that_waits_for_the_cpu_cannot_be_replayed(preset, options, tmp_path):
    with pytest.raises(InputError, match='cannot be recorded'):
        losses(tmp_path, preset, graph=True, **options)

@pytest.mark.parametrize('compile', [False, True], ids=['eager', 'compiled'])
def test_unet_in_bfloat16_on_gpu(compile):
    "Data stay on the CPU as bytes, networks run in bfloat16, weights stay in float32; the loss goes down."
    torch.manual_seed(0)
    x = (torch.rand(256, 3, 1, 1)*255).byte().expand(256, 3, 16, 16).contiguous()
    sizes = dict(network='unet', width=16, depth=1, multipliers=(1, 2), attention=(8,))
    model = build('ndm_full', (3, 16, 16), 256, **sizes)
    trainer = Trainer(model, bound_for(None), x, x[:16], iterations=40, every=10, batch=64, flip=True,
                      precision='bf16', compile=compile, device='cuda')
    history = trainer.fit(progress=False)
    assert trainer.train.device.type == 'cpu'
    assert all(p.dtype == torch.float32 and p.is_cuda for p in model.parameters())
    assert history[-1]['train'] < history[0]['train'] - .5

@pytest.mark.parametrize('pairing', pairings.values(), ids=list(pairings))
def test_training_a_bridge_on_gpu(pairing):
    digits = dataset('digits')
    model = build('bridge', digits.event, digits.levels, width=64)
    pairs, bound = pair_up(digits.train, digits.train, seed=1), BridgeBound(ImportanceTime(), pairing)
    trainer = Trainer(model, bound, pairs, pairs[:64], penalty=path_cost(energy=.1, pairing=pairing),
                      iterations=40, every=10, ema=.8, device='cuda')
    history = trainer.fit(progress=False)
    assert history[-1]['valid'] < history[0]['valid']

@pytest.mark.parametrize('variance', variances)
def test_variance_of_a_step_on_gpu_agrees_with_cpu(variance):
    digits = dataset('digits')
    torch.manual_seed(0)
    model = build('ndm', digits.event, digits.levels, width=64, variance=variance).double()
    for p in model.parameters(): torch.nn.init.normal_(p, std=.05)
    z, t = torch.randn(32, *digits.event).double(), torch.randint(1, 11, (32,)).double()/10
    def results(z, t):
        p = reverse_step(model, z, t - .1, t)
        return p.mean, p.std.expand_as(p.mean), model.variance(z, t - .1, t)
    agree(model, results, z, t)
    Trainer(model.cpu().float(), bound_for(10), digits.train, digits.valid,
            iterations=10, every=5, device='cuda').fit(progress=False)
    for name, v in model.variance.named_buffers(): assert v.device.type == 'cuda' and v.isfinite().all(), name
    assert sample_ancestral(model, torch.randn(4, *digits.event, device='cuda'), 7).isfinite().all()
    best = optimal_variance(model, digits.train.cuda(), 4)
    assert best.excess.device.type == 'cuda' and (best.weight > 0).all()

"The same numbers on a GPU as on the CPU, and a training that stays there."
import pytest, torch
from ndm_nb.continuous import generative_drift
from ndm_nb.data import dataset
from ndm_nb.discrete import sample_ancestral
from ndm_nb.presets import build
from ndm_nb.training import Trainer, bound_for, evaluate

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')

@pytest.mark.parametrize('preset', ['ddpm', 'vdm', 'ndm'])
def test_gpu_agrees_with_cpu(preset):
    digits = dataset('digits')
    torch.manual_seed(0)
    model = build(preset, digits.event, digits.levels, width=64).double()
    for p in model.parameters(): torch.nn.init.normal_(p, std=.05)
    z, t, g = torch.randn(32, *digits.event).double(), torch.rand(32).double(), torch.ones(32).double()
    expected = generative_drift(model, z, t, g), sample_ancestral(model, z.shape, 5, eta=0., noise=z)
    model.cuda()
    found = generative_drift(model, z.cuda(), t.cuda(), g.cuda()), sample_ancestral(model, z.shape, 5, eta=0., noise=z.cuda())
    for a, b in zip(expected, found): torch.testing.assert_close(b.cpu(), a, rtol=1e-6, atol=1e-6)

@pytest.mark.parametrize('steps', [10, None])
def test_training_on_gpu(steps):
    digits, bound = dataset('digits'), bound_for(steps)
    model = build('ndm', digits.event, digits.levels, width=64)
    before = evaluate(model.cuda(), bound, digits.test.cuda())
    Trainer(model, bound, digits.train, digits.valid, iterations=50, ema=.8, every=25, device='cuda').fit(progress=False)
    assert next(model.parameters()).device.type == 'cuda'
    assert evaluate(model, bound, digits.test.cuda())['total'] < before['total'] - .1

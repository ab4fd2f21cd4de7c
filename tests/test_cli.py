"What the commands hand on: which images are compared, guidance, and what is kept."
import math
import pytest, torch
from torch import nn
from ndm_nb import cli
from ndm_nb.cli import ndm_eval, ndm_sample, ndm_train
from ndm_nb.data import as_float, dataset
from ndm_nb.metrics import Statistics
from ndm_nb.runs import load_run, sample_many
from ndm_nb.transport import normal_end

small = dict(compare='none', width=8, depth=1, iterations=2, batch=16, valid=10, test=10, test_repeats=1)

class Rows(nn.Module):
    "In place of Inception: the means of the rows of a picture. Keeps what it sees."
    def __init__(self):
        super().__init__()
        self.weight, self.seen = nn.Parameter(torch.ones(1)), []
        Rows.last = self

    def forward(self, x):
        self.seen.append(x.cpu())
        return x.mean((1, 3))*self.weight

@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, 'Inception', Rows)
    def train(preset, **options): return ndm_train(preset, out=str(tmp_path), name='run', **small | options)
    return train, str(tmp_path/'run')

def rows(x): return as_float(x).mean((1, 3))

@pytest.mark.filterwarnings('ignore:FID of')
def test_samples_are_compared_with_training_images(run, tmp_path):
    train, folder = run
    train('ddpm')
    result = ndm_eval(folder, fid=True, n=12, reference=20, stats=str(tmp_path/'real.npz'))
    images = dataset('digits').train[:20]
    assert torch.equal(torch.cat(Rows.last.seen[-1:]), images)
    kept, real = Statistics.load(tmp_path/'real.npz'), Statistics.of(rows(images))
    assert torch.allclose(kept.mu, real.mu) and torch.allclose(kept.sigma, real.sigma)
    assert result['kid'] > 0 and (result['n'], result['reference']) == (12, 20)

@pytest.mark.filterwarnings('ignore:FID of')
def test_fid_of_samples_from_a_start(run):
    train, folder = run
    train('ddpm')
    def drawn(start):
        ndm_eval(folder, fid=True, n=12, reference=20, start=start)
        return Rows.last.seen[1]
    model, config = load_run(folder)
    seen, end = drawn('normal'), normal_end(model, config.task.splits().train)
    x, _ = sample_many(model, config, 12, 10, 'ancestral', start=end)
    assert torch.allclose(seen, x.clamp(-1, 1), atol=1e-3)
    assert not torch.allclose(seen, drawn('noise'), atol=.1)

@pytest.mark.filterwarnings('ignore:FID of')
def test_how_far_a_bridge_moves(run):
    train, folder = run
    train('brownian_bridge', data0='digits', data1='digits')
    result = ndm_eval(folder, fid=True, n=12, reference=20, steps=4)
    _, x, _, source = Rows.last.seen
    assert x.shape == source.shape == (12, 1, 8, 8)
    assert math.isclose(result['moved'], (x - source).square().mean().sqrt(), rel_tol=1e-4)

def test_guidance_is_two_evaluations_for_each_step(run, capsys):
    train, folder = run
    train('ddpm', conditional=True)
    for guidance, evaluations in ((0., 10), (2., 20)):
        capsys.readouterr()
        ndm_sample(folder, n=10, guidance=guidance)
        assert capsys.readouterr().out.startswith(f'{evaluations} function evaluations')

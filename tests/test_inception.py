"""The features of the FID Inception network against those of the original.

    NDM_REFERENCE=inception_reference.npz NDM_DATA=folder pytest tests/test_inception.py

NDM_DATA holds cifar-10-batches-bin/ and pt_inception-2015-12-05.pth (or NDM_INCEPTION names the latter),
NDM_REFERENCE the features of the first 32 test images of CIFAR-10 under `pytorch_fid`. What is missing is
skipped, with its reason. The last test needs a GPU.
"""
import os
from pathlib import Path
import numpy as np
import pytest, torch
from ndm_nb.metrics import Inception, Statistics, features, fid, kid

def needs(name, what): return pytest.mark.skipif(name not in os.environ, reason=f'{name} is not set: {what}')

needs_data = needs('NDM_DATA', 'the folder with CIFAR-10 and the weights')

def cifar10(name, n=None):
    "Images of one file of CIFAR-10's binary version, in [-1, 1]."
    path = Path(os.environ['NDM_DATA'])/'cifar-10-batches-bin'/f'{name}.bin'
    raw = np.fromfile(path, np.uint8).reshape(-1, 3073)[:n, 1:]
    return torch.from_numpy(raw).reshape(-1, 3, 32, 32).float()/127.5 - 1

@pytest.fixture(scope='module')
def ours(once): return torch.tensor(once('inception', features_of_some))

def features_of_some(): return features(Inception(), cifar10('test_batch', 32), batch=16).tolist()

def relative(a, b): return ((a - b).norm(dim=1)/b.norm(dim=1)).max().item()

@needs_data
@needs('NDM_REFERENCE', 'the path of inception_reference.npz')
def test_features_are_those_of_the_original(ours):
    with np.load(os.environ['NDM_REFERENCE']) as file:
        reference = {name: torch.from_numpy(file[name]) for name in file}
    error = relative(ours, reference['pytorch_fid'])
    print(f'largest relative error of an image {error:.2%}')
    assert error < .01
    assert relative(ours, reference['nvidia_tf']) > .05     # another way to resize is another number

@needs_data
def test_features_are_those_of_pytorch_fid(ours, monkeypatch):
    theirs = pytest.importorskip('pytorch_fid.inception', reason='pytorch-fid is not installed')
    path = os.environ.get('NDM_INCEPTION') or Path(os.environ['NDM_DATA'])/'pt_inception-2015-12-05.pth'
    load = lambda *args, **kwargs: torch.load(path, weights_only=True)
    monkeypatch.setattr(theirs, 'load_state_dict_from_url', load)
    net = theirs.InceptionV3().eval()
    with torch.no_grad(): expected = net((cifar10('test_batch', 16) + 1)/2)[0].flatten(1)
    error = relative(ours[:16], expected)
    print(f'largest relative error of an image {error:.1e}')
    assert error < 1e-4

@needs_data
def test_the_command(tmp_path, monkeypatch):
    "`ndm_eval --fid` on a model that is hardly trained; statistics of training images are kept in a file."
    from ndm_nb.cli import ndm_eval, ndm_train
    monkeypatch.chdir(tmp_path)
    small = dict(iterations=1, width=8, depth=1, valid=10, test=10, repeats=1, test_repeats=1)
    ndm_train(data='cifar10:cat', T='4', compare='none', **small)
    options = dict(run='runs/cifar10-cat-ndm-T4', fid=True, n=12, stats='cats.npz')
    first, again = ndm_eval(reference=24, **options), ndm_eval(**options, solver='heun', steps=2)
    assert first['fid'] > 100 and first['nfe'] == 4 and first['reference'] == 24 and first['kid'] > 0
    assert again['nfe'] == 3 and 'kid' not in again
    assert Statistics.load('cats.npz').mu.shape == (2048,)
    assert ndm_eval(**options)['fid'] == pytest.approx(first['fid'], rel=1e-3)

@needs_data
@pytest.mark.skipif(not torch.cuda.is_available(), reason='60,000 images through Inception need a GPU')
def test_fid_of_cifar10_train_and_test():
    net = Inception().cuda()
    def of(*names): return torch.cat([features(net, cifar10(name), 500) for name in names])
    train, test = of(*(f'data_batch_{i}' for i in range(1, 6))), of('test_batch')
    value, (mean, std) = fid(Statistics.of(train), Statistics.of(test)), kid(train, test)
    print(f'FID {value:.3f}, KID {mean:.5f} ± {std:.5f}')
    assert abs(value - 3.15) < .1 and abs(mean) < 5e-4

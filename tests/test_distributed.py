"""Two processes train as one: the same losses at the same global batch.

`accelerate launch --cpu --num_processes 2` silently starts a single process, in the versions of accelerate
that were tried (1.15). `--multi_gpu` starts as many as were asked for, on the CPU too where there is no
GPU.
"""
import json, os, subprocess, sys
from collections.abc import Callable
from typing import NamedTuple
import pytest, torch
from ndm_nb.conditions import ConditionalBound
from ndm_nb.data import dataset
from ndm_nb.evaluation import bound_for
from ndm_nb.latent import LatentBound
from ndm_nb.model import CategoricalDecoder, NeuralDiffusion, NoisePredictor
from ndm_nb.networks import MLP
from ndm_nb.nfdm import AffineForward
from ndm_nb.paths import NeuralForward
from ndm_nb.presets import build
from ndm_nb.schedules import LinearGamma
from ndm_nb.training import Trainer
from ndm_nb.transforms import NetTransform, SeparableTransform
from ndm_nb.variance import OptimalVariance
from ndm_nb.volatility import LearnedVolatility, MarkovVolatility, OptimalVolatility

digits, schedule = dataset('digits'), LinearGamma(-7, 4)

def net(**options): return MLP(digits.event, width=16, depth=1, **options)
def separable(): return NeuralForward(schedule, SeparableTransform(net(outputs=5, time=False)))
def full(): return NeuralForward(schedule, NetTransform(net()))                     # its derivative is a JVP
def affine(): return AffineForward(schedule, net(outputs=10, time=False), 5)
def by_pixel(): return OptimalVariance(schedule, 10, digits.event)

sizes = dict(width=16, depth=1)

class Rows:
    "Stands for a tensor, of which samples are read when they are asked for."
    def __init__(self, x): self.x, self.shape, self.dtype, self.device = x, x.shape, x.dtype, x.device
    def __len__(self): return len(self.x)
    def __getitem__(self, index): return self.x[index]

class Stream:
    "The samples of a tensor, one after another, for ever."
    def __init__(self, x): self.x, self.shape, self.dtype = x, (None, *x.shape[1:]), x.dtype
    def batches(self, batch, place=(0, 0), part=(0, 1)):
        read = place[1]
        while True:
            yield self.x[torch.arange(read, read + batch)[part[0]::part[1]] % len(self.x)], (0, read + batch)
            read += batch

class Case(NamedTuple):
    "What is trained."
    forward:Callable # makes a forward process
    steps:int|None=None # None for continuous time
    times:str='antithetic' # how times are drawn
    data:Callable=lambda x: x # a tensor to training data
    options:dict={} # of the trainer
    variance:Callable=lambda: None # makes the variance of a step
    volatility:type=LearnedVolatility # of the Markov one
    latent:bool=False # black and white, by an autoencoder with a prior over its latents?
    conditional:bool=False # told the labels?
    moves:float=.3 # by how much the losses change at least, bits/dim; of black and white there are fewer

    def model(self):
        if self.conditional: return build('nfdm', digits.event, 17, predictor='noise', classes=10, **sizes)
        if self.latent: return build('lsgm_ndm', digits.event, levels=2, latent=3, prior_width=8, **sizes)
        volatility = self.volatility(MarkovVolatility(schedule))
        forward, predictor = self.forward(), NoisePredictor(net(), schedule)
        return NeuralDiffusion(forward, predictor, volatility, CategoricalDecoder(17, schedule),
                               variance=self.variance())

cases = {'separable, T = 10': Case(separable, 10),
         'variance of each pixel, T = 10': Case(separable, 10, variance=by_pixel),
         'full in t, continuous': Case(full),
         'spread, unused volatility, T = 10': Case(affine, 10),
         'importance': Case(full, times='importance'),
         'independent times': Case(full, times='uniform'),
         'best volatility': Case(full, volatility=OptimalVolatility),
         'learned times': Case(full, times='learned'),
         'learned times, in parts': Case(full, times='learned', options=dict(accumulate=2)),
         'data that are read': Case(separable, 10, data=Rows, options=dict(workers=1)),
         'endless data, in parts': Case(separable, 10, data=Stream, options=dict(workers=1, accumulate=2)),
         'labels': Case(separable, conditional=True),
         'latents': Case(separable, times='importance', latent=True, moves=.1,
                         options=dict(workers=1, kl_warmup=.5, lr=.02))}

def losses(name, **options):
    "The losses of some iterations, wakened so that the forward process matters from the start."
    torch.set_num_threads(1)
    torch.manual_seed(0)
    case = cases[name]
    model, bound = case.model(), bound_for(case.steps, case.times)
    for p in model.parameters(): p.data += .05*torch.randn_like(p)
    data = dataset('digits', binary=case.latent, labels=case.conditional)
    bound = LatentBound(bound) if case.latent else ConditionalBound(bound, .3) if case.conditional else bound
    trainer = Trainer(model, bound, case.data(data.train), data.valid[:20], iterations=12, every=1,
                      batch=64, flip=True, **case.options | options)
    history = trainer.fit(progress=False)
    return [h['train'] for h in history] + [h['valid'] for h in history], trainer.accelerator

def main():
    found = {name: losses(name) for name in cases}
    accelerator = found['importance'][1]
    values = {name: values for name, (values, _) in found.items()}
    result = dict(processes=accelerator.num_processes, losses=values)
    if accelerator.is_main_process: print(json.dumps(result))

# --- as tests ---

def launch():
    "Train all cases on two processes."
    accelerate = [sys.executable, *'-m accelerate.commands.launch --multi_gpu --num_processes 2'.split()]
    env = os.environ | dict(OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    done = subprocess.run([*accelerate, __file__], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])

@pytest.fixture(scope='module')
def two(once):
    result = once('distributed', launch)
    assert result['processes'] == 2
    return result['losses']

def far(a, b): return (torch.tensor(a) - torch.tensor(b)).abs().max().item()

@pytest.mark.parametrize('name', cases)
def test_two_processes_train_as_one(name, two):
    one, _ = losses(name)
    print(f'{name}: largest difference {far(one, two[name]):.1e} bits/dim')
    assert far(one, two[name]) < 1e-4
    assert max(one) - min(one) > cases[name].moves                   # the losses move
    assert far(one, losses(name, seed=1)[0]) > .01                   # and with another seed they are others

@pytest.mark.parametrize('name', [name for name in cases if 'in parts' not in name])
def test_parts_of_a_batch_train_as_the_whole(name):
    "Whatever learns from batches, too: times, variance, volatility."
    assert far(losses(name, accumulate=1)[0], losses(name, accumulate=4)[0]) < 1e-4

if __name__ == '__main__': main()

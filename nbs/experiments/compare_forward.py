"""Ordinary diffusion, flow matching, NDM, NFDM: what does each step of the family buy? In continuous time.

    python nbs/experiments/compare_forward.py                        # the digits: an hour on two CPU cores
    python nbs/experiments/compare_forward.py --data checkerboard    # half an hour; so is eight_gaussians
    python nbs/experiments/compare_forward.py --show                 # the table from the committed results

At equal iterations and at equal seconds: the nearest rivals also get as many iterations as fit into the time
that `nfdm` needs for its own, by the cost of a training step, which is measured first. Points in the plane
are also judged by the exact likelihood of the generative ODE. `vdm, fixed γ` is the preset `ddpm` in
continuous time, with γ a straight line; `vdm, learned γ` is the preset `vdm`.
"""
import math, os
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import NamedTuple
import torch
from torch import nn
from ndm_nb.data import dataset, toy
from ndm_nb.evaluation import bound_for, evaluate
from ndm_nb.likelihood import evaluate_ode
from ndm_nb.presets import build
from ndm_nb.training import Trainer
from harness import Experiment, markdown, origin, parameters, step_cost

class Model(NamedTuple):
    "What is compared."
    options:dict # of `build`
    longer:bool=False # is it also trained for as many seconds as the yardstick?
    times:str='antithetic' # how its times are drawn
    still:bool=False # is the mean of its forward process left as it is?

class Suite(NamedTuple):
    "A data set, and what is compared on it."
    models:dict # name to `Model`; costs are in units of the first
    iterations:int
    batch:int
    entropy:Callable|None=None # for points in the plane: of the data in nats, the least that can be reached

def entropy_of_ring():
    "The entropy of the eight Gaussians: their density at samples of them."
    x = toy('eight_gaussians', 400_000).double()
    angle = torch.arange(8)*math.pi/4
    centre = torch.stack([angle.cos(), angle.sin()], 1).double()*4/math.sqrt(2)
    log_p = -((x[:, None] - centre)**2).sum(2)/(2*.125) - math.log(2*math.pi*.125)
    return -(log_p.logsumexp(1) - math.log(8)).mean().item()

yardstick = 'nfdm'
noise, points = dict(predictor='noise'), dict(width=128, gamma=(-10, 5))
images = {
    'vdm, fixed γ': Model(dict(preset='ddpm', **noise), longer=True),
    'vdm, wide': Model(dict(preset='ddpm', width=374, **noise), longer=True),
    'vdm, learned γ': Model(dict(preset='vdm', **noise)),
    'ndm': Model(dict(preset='ndm', **noise), longer=True),
    'spread alone': Model(dict(preset='nfdm', **noise), still=True),
    'nfdm': Model(dict(preset='nfdm', **noise)),
    'nfdm, geometric base': Model(dict(preset='nfdm', base='geometric')),
    'flow matching': Model(dict(preset='flow_matching')),
    'flow matching, importance': Model(dict(preset='flow_matching'), times='importance'),
    'nfdm, ot base': Model(dict(preset='nfdm', base='ot'))}
plane = {
    'vdm, fixed γ': Model(dict(preset='ddpm', **points), longer=True),
    'flow matching': Model(dict(preset='flow_matching', **points), longer=True),
    'ndm': Model(dict(preset='ndm', **points), longer=True),
    'nfdm': Model(dict(preset='nfdm', **points)),
    'nfdm_flow': Model(dict(preset='nfdm_flow', **points), longer=True),
    'flow matching, importance': Model(dict(preset='flow_matching', **points), times='importance')}
suites = dict(
    digits          = Suite(images, iterations=2500, batch=128),
    checkerboard    = Suite(plane, iterations=1500, batch=256, entropy=lambda: math.log(8)),
    eight_gaussians = Suite(plane, iterations=1500, batch=256, entropy=entropy_of_ring))

class Spread(nn.Module):
    "The network of an AffineForward without its first half: the mean stays that of the base."
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        mean, spread = self.net(x).unflatten(1, (-1, 2)).unbind(2)
        return torch.stack([0*mean, spread], 2).flatten(1, 2)

def make(model, data, splits, seed=0, **options):
    "A trainer, with the model it trains."
    suite, chosen = suites[data], suites[data].models[model]
    torch.manual_seed(seed)
    net = build(event=splits.event, levels=splits.levels, **chosen.options)
    if chosen.still: net.forward_process.net = Spread(net.forward_process.net)
    bound = bound_for(None, chosen.times)
    return Trainer(net, bound, splits.train, splits.valid, batch=suite.batch, seed=seed, **options)

forward = Experiment('forward_{data}', key=('model', 'equal', 'seed'), processes=os.cpu_count())

@forward.fact
def cost(data):
    "Of a training step of each model, in units of the first."
    splits = dataset(data)
    short = partial(make, data=data, splits=splits._replace(valid=splits.valid[:2]), iterations=25, every=25)
    names = list(suites[data].models)
    return {name: step_cost(short, name, names[0]) for name in names}

@forward.override
def jobs(data, models, seeds, record):
    "At equal iterations all of them, at equal seconds the nearest rivals."
    suite, step = suites[data], record['cost']
    for seed, name in product(seeds, suite.models):
        if name not in models: continue
        yield dict(model=name, equal='iterations', seed=seed, iterations=suite.iterations)
        fitting = round(suite.iterations*step[yardstick]/step[name])
        if suite.models[name].longer: yield dict(model=name, equal='seconds', seed=seed, iterations=fitting)

@forward.measure
def run(data, model, seed, iterations):
    "Train one model; its held-out metrics."
    splits = dataset(data)
    trainer = make(model, data, splits, seed, iterations=iterations)
    history = trainer.fit(progress=False)
    result = dict(iterations=iterations, seconds=history[-1]['seconds'], valid=trainer.best,
                  parameters=parameters(trainer.model), **evaluate(trainer.model, trainer.bound, splits.test))
    if not suites[data].entropy: return result
    ode = evaluate_ode(trainer.model, splits.test[:2000], probes=0, steps=25)
    return result | dict(nll=ode['nats'], nll_stderr=ode['stderr_nats'])

def at_equal(record, name, equal):
    "The runs of a model; those of the yardstick belong to both."
    return record['runs'].of(model=name, equal='iterations' if name == yardstick else equal)

@forward.table
def table(record, data):
    "Mean and spread over seeds: bits/dim for the digits, nats for points."
    for equal in ('iterations', 'seconds'):
        for name in suites[data].models:
            mine = at_equal(record, name, equal)
            if not mine: continue
            row = {'at equal': equal, 'model': name, 'iterations': f"{mine[0]['iterations']:,}"}
            row['seconds'] = f"{mine.mean('seconds'):.0f}"
            if suites[data].entropy:
                row['bound, nats'] = mine.pm('total', unit=2*math.log(2))
                row['exact NLL, nats'] = mine.pm('nll')
            else:
                row['bound, bits/dim'] = mine.pm('total')
                row |= {term: f'{mine.mean(term):.3f}' for term in ('reconstruction', 'diffusion', 'prior')}
            yield row | dict(parameters=f"{mine[0]['parameters']:,}")

@forward.override
def report(record, data):
    "With the cost of a step, and with what cannot be undercut."
    costs = ', '.join(f'{name} {ratio:.2f}' for name, ratio in record['cost'].items())
    entropy = suites[data].entropy
    least = f'\nthe entropy of the data is {entropy():.3f} nats' if entropy else ''
    return origin(record), table(record, data), f'a training step, in units of the first: {costs}{least}'

def summary(record, names):
    "Bits/dim of some models at equal iterations and at equal seconds; a short Markdown table."
    def row(name):
        bits = {f'at equal {e}': at_equal(record, name, e).pm('total') for e in ('iterations', 'seconds')}
        return dict(model=name) | bits | {'a training step costs': f"{record['cost'][name]:.1f}"}
    return markdown(map(row, names))

if __name__ == '__main__': forward.main(data=suites, models=tuple(images | plane), seeds=(0, 1, 2))

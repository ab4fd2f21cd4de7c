"""Does learning the forward process pay? At equal iterations, equal seconds, equal parameters.

    python nbs/experiments/equal_compute.py                      # digits: hours; goes on where it stopped
    python nbs/experiments/equal_compute.py --data checkerboard  # points in the plane
    python nbs/experiments/equal_compute.py --costs              # only what a step and sampling cost
    python nbs/experiments/equal_compute.py --show               # the tables from the committed results

Every model, with every variance of its steps, for T = 2, 4, 10, 50 and in continuous time. All have the same
predictor network, data, noise and settings. `wide` is an ordinary diffusion with as many parameters as the
NDM. Seconds are not taken from a clock while several runs share a machine: the costs of a training step are
measured first, in turns in one quiet process, and at equal seconds each model gets as many iterations as fit
into the time of the yardstick, an NDM with a variance for each pixel.

Samples are judged by the Fréchet distance of the features of a small classifier (digits) or by the sliced
Wasserstein distance (points), from the data that nothing was trained on.
"""
import os, time
from functools import cache
from itertools import product
from typing import NamedTuple
import torch
from torch import nn
from ndm_nb.core import repeatable
from ndm_nb.data import dataset
from ndm_nb.discrete import sample_ancestral
from ndm_nb.evaluation import bound_for, evaluate
from ndm_nb.metrics import sliced_wasserstein
from ndm_nb.model import ReverseVariance
from ndm_nb.presets import build
from ndm_nb.sampling import sample_ode
from ndm_nb.training import Trainer
from harness import Experiment, least, markdown, origin, parameters, pm
from images import Judge

class Suite(NamedTuple):
    "A data set, and how models are trained on it."
    options:dict # of `build`, for all models
    wide:int # width of an ordinary diffusion with as many parameters as the NDM
    training:dict # of `Trainer`, at equal iterations

suites = dict(
    digits       = Suite(dict(predictor='noise'), 316, dict(iterations=2500)),
    checkerboard = Suite(dict(predictor='noise', width=128, gamma=(-10., 5.)), 158,
                         dict(iterations=1500, batch=256)))

class Model(NamedTuple):
    "What is compared."
    preset:str
    wide:bool=False # as many parameters as the NDM?
    options:dict={} # of `build`
    training:dict={} # of `Trainer`
    after:str|None=None # for half of the seconds it is this model, and goes on from there without a jump

models = {'ddpm': Model('ddpm'), 'ddpm, wide': Model('ddpm', wide=True), 'vdm': Model('vdm'),
          'ndm': Model('ndm'), 'nfdm': Model('nfdm')}
changes = {'ddpm, lr 4e-3': Model('ddpm', training=dict(lr=4e-3))}
for name in ('ndm', 'nfdm'):
    changes |= {f'{name}, lr 4e-3': Model(name, training=dict(lr=4e-3)),
                f'{name}, F half as wide': Model(name, options=dict(transform_width=128)),
                f'{name}, one term': Model(name, options=dict(terms=1)),
                f'{name}, unlocked half-way': Model(name, after='ddpm')}
known = models | changes
yardstick, variances = ('ndm', 'pixel'), ('posterior', 'step', 'pixel', 'network')
rounds, sampled = 5, 2000                      # of measuring a cost; samples to be judged
equal = Experiment('equal_{data}', key=('model', 'variance', 'T', 'equal', 'seed'))

def make(data, model, variance, T, seed=0, splits=None, **options):
    "A trainer, with the model it trains."
    suite, splits, chosen = suites[data], splits or dataset(data), known[model]
    width = dict(width=suite.wide) if chosen.wide else {}
    torch.manual_seed(seed)
    net = build(chosen.preset, splits.event, splits.levels, variance=variance, rows=T or 1,
                **suite.options | width | chosen.options)
    options = suite.training | chosen.training | options
    return Trainer(net, bound_for(T), splits.train, splits.valid, seed=seed, **options)

def kinds():
    "Models and variances; in continuous time there is no variance to choose."
    for model, variance in product(models, variances):
        if model != 'vdm': yield model, variance, 10
    for model in models: yield model, 'posterior', None

def key(model, variance, T): return f'{model}, {variance}' if T else f'{model}, continuous'

unit = 'ddpm', 'posterior', 10

def relative(seconds):
    "By name, in units of `ddpm` with the posterior's variance."
    return {key(*kind): round(value/seconds[unit], 3) for kind, value in seconds.items()}

def costs_of(data, kinds):
    "Of a training step, in turns."
    splits = dataset(data)
    splits = splits._replace(valid=splits.valid[:2])
    def seconds(kind):
        "Of the process, for some steps."
        trainer = make(data, *kind, splits=splits, iterations=30, every=30)
        start = time.process_time()
        trainer.fit(progress=False)
        return time.process_time() - start
    return relative(least(seconds, [unit, *kinds], rounds))

@equal.fact
def cost(data): return costs_of(data, kinds())

@equal.fact
def cost_of_changes(data):
    if data != 'digits': return {}
    own = [(name, 'network', 10) for name, model in changes.items() if not (model.after or model.training)]
    return costs_of(data, own)

@equal.fact
def sampling_cost(data):
    "Of ten ancestral steps for 1000 samples."
    noise = torch.randn(1000, *dataset(data).event)
    nets = {kind: make(data, *kind).model for kind in kinds() if kind[2]}
    def seconds(kind):
        start = time.perf_counter()
        sample_ancestral(nets[kind], noise, 10)
        return time.perf_counter() - start
    return relative(least(seconds, nets, rounds))

@equal.override
def jobs(data, models, variances, Ts, seeds, costs, record):
    "At equal seconds, as many iterations as fit into those of the yardstick. All variances at T = 10."
    n, some = suites[data].training['iterations'], ('pixel', 'network')
    step = record['cost_of_changes'] | record['cost']
    def fitting(model):
        "How many iterations fit; of one that is another model first, into half of the seconds."
        chosen = known[model]
        same = model if key(model, variance, T) in step else chosen.preset
        each = round(n*step[key(*yardstick, 10)]/step[key(same, variance, T)])
        return each//2 if chosen.after else each
    for seed, T, model, variance in product(seeds, Ts, models, variances):
        if costs or model == 'vdm' and T or variance != ('posterior' if T is None else variance): continue
        if T not in (10, None) and variance not in some: continue
        job = dict(model=model, variance=variance, T=T, seed=seed)
        if model in changes:
            if (T, variance) != (10, 'network'): continue
            earlier = changes[model].after
            yield job | dict(equal='seconds', iterations=fitting(model),
                             first=fitting(earlier)//2 if earlier else 0)
            continue
        yield job | dict(equal='iterations', iterations=n)
        if (model, variance) != yardstick or T is None:
            yield job | dict(equal='seconds', iterations=fitting(model))

@cache
def reader():
    "A small classifier of the digits without its last layer, and the share of the test images that it reads."
    from sklearn.datasets import load_digits
    images, labels = load_digits(return_X_y=True)
    x, y = torch.from_numpy(images).float()/8 - 1, torch.from_numpy(labels)
    test = {image.numpy().tobytes() for image in dataset('digits').test.flatten(1)}
    held = torch.tensor([image.numpy().tobytes() in test for image in x])
    with repeatable(0, 'cpu'):
        net = nn.Sequential(nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 32), nn.SiLU(), nn.Linear(32, 10))
        optimiser = torch.optim.Adam(net.parameters(), lr=.01, weight_decay=1e-4)
        for _ in range(300):
            loss = nn.functional.cross_entropy(net(x[~held]), y[~held])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    net.requires_grad_(False)
    return net[:-1], (net(x[held]).argmax(1) == y[held]).double().mean().item()

@cache
def judge(data):
    "A function of samples, their distance from the held-out data."
    splits = dataset(data)
    real = torch.cat([splits.valid, splits.test])
    if data == 'digits': return Judge(nn.Sequential(nn.Flatten(), *reader()[0]), real).distance
    def distance(x):
        "Along directions that are always the same."
        return sliced_wasserstein(x, real, generator=torch.Generator().manual_seed(0)).item()
    return distance

@equal.fact
def floor(data):
    "The distance of training data from held-out data: what perfect samples would reach."
    return judge(data)(dataset(data).train[:sampled])

@equal.fact
def accuracy(data): return reader()[1] if data == 'digits' else None

def few_steps(model, noise, steps, distance):
    "Distances of samples, by sampler and number of evaluations: the same noise for all."
    found, own = {}, model.variance
    def add(name, n, sample):
        "In parts, for the memory."
        found[f'{name}, {n}'] = distance(torch.cat([sample(part).cpu() for part in noise.split(500)]))
    for n in steps:
        add('ancestral', n, lambda noise: sample_ancestral(model, noise, n))
        model.variance = ReverseVariance()
        add('ancestral, c = 1', n, lambda noise: sample_ancestral(model, noise, n))
        model.variance = own
        add('DDIM', n, lambda noise: sample_ancestral(model, noise, n, eta=0))
        if n > 2: add('Heun', n, lambda noise: sample_ode(model, noise, n//2, solver='heun'))
    return found

@equal.measure
def run(data, model, variance, T, seed, iterations, first=0):
    "Train one model; its held-out metrics, and how far its samples are from the data."
    splits, chosen, before = dataset(data), known[model], None
    if chosen.after:
        before = make(data, chosen.after, variance, T, seed, splits, iterations=first)
        before.fit(progress=False)
    trainer = make(data, model, variance, T, seed, splits, iterations=iterations)
    if before: trainer.model.load_state_dict(before.model.state_dict(), strict=False)
    history = trainer.fit(progress=False)
    figures = evaluate(trainer.model, trainer.bound, splits.test)
    torch.manual_seed(1000 + seed)
    steps = (T,) if T else (2, 4, 10, 50)
    found = few_steps(trainer.model, torch.randn(sampled, *splits.event), steps, judge(data))
    return figures | dict(valid=trainer.best, iterations=iterations, seconds=history[-1]['seconds'],
                          parameters=parameters(trainer.model), distances=found)

def tried(record):
    "What was changed where the learned process is not ahead, at equal seconds; a table of T = 10, a network."
    def rows():
        for name in ('ddpm', *(name for name in changes if name.startswith('ddpm')), 'ndm', 'nfdm',
                     *(name for name in changes if not name.startswith('ddpm'))):
            mine = record['runs'].of(model=name, variance='network', T=10, equal='seconds')
            if mine: yield {'model': name, 'bits/dim': mine.pm('total'), 'in validation': mine.pm('valid'),
                            'seeds': len(mine)}
    return markdown(rows())

def steps_name(T): return 'continuous' if T is None else f'T = {T}'

def at_equal(runs, model, variance, how):
    "The runs of a model; those of the yardstick belong to both."
    mine = runs.of(model=model, variance=variance)
    if (model, variance) == yardstick: return mine.of(equal='iterations')
    return mine.of(equal=how)

@equal.table
def table(record, how='iterations'):
    "A row for each model and variance, a column for each number of steps: held-out bits/dim."
    for model, variance in product(models, variances):
        row = dict(model=model, variance=variance)
        for T, runs in record['runs'].by('T', (2, 4, 10, 50, None)).items():
            mine = at_equal(runs, model, variance, how)
            row[steps_name(T)] = mine.pm('total') if mine else ''
        if not any(row[steps_name(T)] for T in record['runs'].by('T')): continue
        costs = [record['cost'].get(key(model, variance, T)) for T in (10, None)]
        yield row | {'a step costs': f'{next(filter(None, costs)):.2f}'}

def short(record, names=('ddpm', 'ndm', 'nfdm'), how='seconds'):
    "Bits/dim of some models with each variance, a column for each number of steps; a Markdown table."
    def rows():
        for variance, model in product((*variances, None), names):
            row = {'variance of a step': words[variance], 'model': model}
            for T in (2, 10, None):
                mine = at_equal(record['runs'].of(T=T), model, variance or 'posterior', how)
                if (T is None) != (variance is None): mine = []
                row[steps_name(T)] = mine.pm('total') if mine else ''
            yield row
    return markdown(rows())

words = {'posterior': "the posterior's", 'step': 'best of each step', 'pixel': 'best of each pixel',
         'network': 'a network', None: 'there is none'}

def gain(record, T, variance, model, how='seconds'):
    "How far a model is below `ddpm` with the same variance, seed by seed, bits/dim."
    runs = record['runs'].of(T=T)
    ddpm, mine = (at_equal(runs, name, variance, how) for name in ('ddpm', model))
    ddpm = {r['seed']: r['total'] for r in ddpm}
    return [ddpm[r['seed']] - r['total'] for r in mine if r['seed'] in ddpm]

def sampling(record, names=('ddpm', 'ndm', 'nfdm')):
    "Distances of samples of the models with a variance for each pixel, at equal iterations; a table."
    def rows():
        for model, kind in product(names, ('ancestral', 'ancestral, c = 1', 'DDIM', 'Heun')):
            row = {'model': model, 'sampler': kind}
            for T in (2, 4, 10, 50):
                mine = record['runs'].of(T=T, model=model, variance='pixel', equal='iterations')
                values = [r['distances'][f'{kind}, {T}'] for r in mine if f'{kind}, {T}' in r['distances']]
                row[f'T = {T}'] = pm(values, '.1f') if values else ''
            yield row
    return markdown(rows())

@equal.override
def report(record):
    "At equal iterations and at equal seconds."
    yield f"{origin(record)}; floor of the distance {record['floor']:.3f}"
    for how in ('iterations', 'seconds'): yield f'At equal {how}\n\n{table(record, how)}'
    yield f'Changes that were tried, at equal seconds\n\n{tried(record)}'

if __name__ == '__main__':
    equal.main(data=suites, models=tuple(known), variances=variances, Ts=(10, 2, 4, 50, None),
               seeds=(0, 1, 2), costs=False, processes=os.cpu_count())

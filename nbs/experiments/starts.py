"""Where samples start: N(0, I), or where the training data end. Models of MNIST that come with the library.

    python nbs/experiments/starts.py            # half an hour of one CPU core
    python nbs/experiments/starts.py --steps 50 --models 'ddpm, told labels' --seeds 0   # as long again
    python nbs/experiments/starts.py --show     # the tables from the committed results

A learned forward process decides for itself what is left of the data at t = 1. Samples of few steps from
four starts: N(0, I); the normal distribution and the mixture of normals that are fitted to the ends of all
training images but --n; and the ends of these. They are judged by the Fréchet distance of the features of a
small classifier (images.py), which compares with itself only. The models were not trained for equally long;
each is compared with itself. The DDPM is one that knows labels: it is told those of the same images, or
none, which it has practised in a tenth of its training. NDM_DATA is the folder in which MNIST lies (or
--data_root).
"""
from itertools import product
from statistics import mean
from typing import NamedTuple
import torch
from ndm_nb.cli import starts
from ndm_nb.conditions import given
from ndm_nb.core import repeatable
from ndm_nb.data import as_float, dataset
from ndm_nb.discrete import sample_ancestral
from ndm_nb.evaluation import as_input
from ndm_nb.presets import BuiltModel, build
from images import judges, nats_saved, starting
from harness import Experiment, markdown, origin, pm

class Model(NamedTuple):
    "What is compared."
    trained:str # its name in the library
    told:bool=False # the labels of the images whose ends samples start from, if it knows labels?

models = {'ddpm, told labels': Model('mnist-labels', told=True), 'ddpm, told none': Model('mnist-labels'),
          'ndm': Model('mnist-ndm'), 'nfdm': Model('mnist-nfdm')}
samplers = dict(ancestral=1., DDIM=0.) # names of steps, and how much of DDPM's noise there is in them
from_starts = Experiment('starts', key=('model', 'steps', 'seed'))

@from_starts.override
def settings(n): return dict(n=n)

@from_starts.fact
def floor(data_root, n):
    "The distance of other real images."
    judge = judges['mnist'](data_root, 'cpu')
    return judge.distance(judge.others[:n])

@from_starts.fact
def brightness(data_root, n):
    "Of the images whose ends samples start from: the mean of their values."
    return as_float(judges['mnist'](data_root, 'cpu').others[-n:]).mean().item()

@from_starts.override
def jobs(models, steps, seeds):
    for seed, number, model in product(seeds, steps, models): yield dict(model=model, steps=number, seed=seed)

@from_starts.measure
@torch.no_grad()
def run(model, seed, n, steps, data_root):
    "How far samples are from real images, and how bright; nats that a fitted start saves."
    chosen, judge = models[model], judges['mnist'](data_root, 'cpu')
    process = net = BuiltModel.from_pretrained(chosen.trained)
    if 'classes' in net.config:
        process = build(**{k: v for k, v in net.config.items() if k not in ('classes', 'condition')})
        labels = dataset('mnist', data_root or None, labels=True).train.c[-n:]
        net = given(net, labels if chosen.told else torch.full((n,), -1))
    images = [as_input(process, part) for part in judge.others.tensor_split([-n])]
    with repeatable(seed, 'cpu'):
        ends = process.path(images[1]).end(torch.ones(n)).sample()
        noise = torch.randn_like(ends)
        fitted = {name: fit(process, images[0]) for name, fit in starts.items()}
        begun = dict(noise=noise) | {name: end(noise) for name, end in fitted.items()} | dict(data=ends)
        samples = {sampler: {start: sample_ancestral(net, z, steps, eta) for start, z in begun.items()}
                   for sampler, eta in samplers.items()}
    def of_samples(f): return {sampler: {k: f(x) for k, x in xs.items()} for sampler, xs in samples.items()}
    return dict(distance=of_samples(judge.distance), brightness=of_samples(lambda x: x.mean().item()),
                saved=nats_saved(fitted, ends))

def rows(record, what, form):
    "A row for each model and sampler, with its runs: what was found from each start."
    for model, every in record['runs'].by('model', models).items():
        for (steps, runs), sampler in product(every.by('steps').items(), samplers):
            found = {name: pm([r[what][sampler][k] for r in runs], form) for k, name in starting.items()}
            yield dict(model=model, steps=steps, sampler=sampler) | found, runs

@from_starts.table
def table(record):
    "The distances, and what the fitted starts save."
    for row, runs in rows(record, 'distance', '.1f'):
        saved = {name: mean(r['saved'][name] for r in runs) for name in starts}
        yield row | {f'{starting[name]} saves, nats': f'{value:.1f}' for name, value in saved.items()}

def by_brightness(record):
    "How bright samples are."
    return markdown(row for row, _ in rows(record, 'brightness', '.3f'))

@from_starts.override
def report(record):
    "With what it is about."
    yield f"{origin(record)}; {record['n']} samples of each kind"
    yield f"Other real images are at {record['floor']:.1f}."
    yield table(record)
    yield f"The mean of all values of the samples; of the images it is {record['brightness']:.3f}."
    yield by_brightness(record)

if __name__ == '__main__':
    from_starts.main(models=tuple(models), steps=(10,), seeds=(0, 1), n=500, data_root='')

"""Where samples start: N(0, I), or where the training data end. Models of MNIST that come with the library.

    python nbs/experiments/starts.py            # a quarter of an hour of one CPU core
    python nbs/experiments/starts.py --show     # the tables from the committed results

A learned forward process decides for itself what is left of the data at t = 1. Samples of ten steps from
four starts: N(0, I); the normal distribution and the mixture of normals that are fitted to the ends of all
training images but --n; and the ends of these. They are judged by the Fréchet distance of the features of a
small classifier (images.py), which compares with itself only. The models were not trained for equally long;
each is compared with itself. The DDPM is one that knows labels, and is told none. NDM_DATA is the folder in
which MNIST lies (or --data_root).
"""
from statistics import mean
import torch
from ndm_nb.cli import starts
from ndm_nb.conditions import given
from ndm_nb.core import repeatable
from ndm_nb.discrete import sample_ancestral
from ndm_nb.evaluation import as_input
from ndm_nb.presets import BuiltModel, build
from images import judges, nats_saved, starting
from harness import Experiment, origin, pm

models = {'ddpm': 'mnist-labels', 'ndm': 'mnist-ndm', 'nfdm': 'mnist-nfdm'}
samplers = dict(ancestral=1., DDIM=0.) # names of ten steps, and how much of DDPM's noise there is in them
from_starts = Experiment('starts', key=('model', 'seed'))

@from_starts.override
def settings(n, steps): return dict(n=n, steps=steps)

@from_starts.fact
def floor(data_root, n):
    "The distance of other real images."
    judge = judges['mnist'](data_root, 'cpu')
    return judge.distance(judge.others[:n])

@from_starts.override
def jobs(models, seeds):
    for seed in seeds:
        for model in models: yield dict(model=model, seed=seed)

@from_starts.measure
@torch.no_grad()
def run(model, seed, n, steps, data_root):
    "How far samples are from real images, by sampler and start; nats that a fitted start saves."
    net, judge = BuiltModel.from_pretrained(models[model]), judges['mnist'](data_root, 'cpu')
    process = net
    if 'classes' in net.config:
        unconditional = {k: v for k, v in net.config.items() if k not in ('classes', 'condition')}
        process, net = build(**unconditional), given(net, torch.full((n,), -1))
    images = [as_input(process, part) for part in judge.others.tensor_split([-n])]
    with repeatable(seed, 'cpu'):
        ends = process.path(images[1]).end(torch.ones(n)).sample()
        noise = torch.randn_like(ends)
        fitted = {name: fit(process, images[0]) for name, fit in starts.items()}
        begun = dict(noise=noise) | {name: end(noise) for name, end in fitted.items()} | dict(data=ends)
        def distances(eta):
            "By start."
            return {start: judge.distance(sample_ancestral(net, z, steps, eta)) for start, z in begun.items()}
        found = {sampler: distances(eta) for sampler, eta in samplers.items()}
    return dict(distance=found, saved=nats_saved(fitted, ends))

@from_starts.table
def table(record):
    "A row for each model and sampler: the distance from each start, and what the fitted ones save."
    for model, runs in record['runs'].by('model', models).items():
        saved = {name: mean(r['saved'][name] for r in runs) for name in starts}
        saved = {f'{starting[name]} saves, nats': f'{value:.1f}' for name, value in saved.items()}
        for sampler in samplers:
            found = {start: pm([r['distance'][sampler][start] for r in runs], '.1f') for start in starting}
            yield dict(model=model, sampler=sampler) | {starting[k]: v for k, v in found.items()} | saved

@from_starts.override
def report(record):
    "With what it is about."
    yield f"{origin(record)}; {record['n']} samples of {record['steps']} steps"
    yield f"Other real images are at {record['floor']:.1f}."
    yield table(record)

if __name__ == '__main__':
    from_starts.main(models=tuple(models), seeds=(0, 1), n=500, steps=10, data_root='')

"""Does it pay to tell the forward process the label, too? And do samples show the label they were asked for?

    python nbs/experiments/labels.py            # digits: half an hour of one CPU core
    python nbs/experiments/labels.py --data mnist --seeds 1 --models "not told" told "ddpm, told"
    python nbs/experiments/labels.py --show     # the table from the committed results

An NDM of ten steps, told nothing; told the label in predictor and F; in the predictor alone, with an F that
is wider, so that it has as many parameters; and a DDPM, told nothing and told the label. (Of MNIST an hour
for each.) A classifier that has learned from the real training images reads the samples: of the digits a
support vector machine, of MNIST the small network of images.py. The samples' Fréchet distance from held-out
images is that of the features of a small network that reads digits (equal_compute.py, images.py): of all
samples together, and the mean over the labels of that of the samples of one label from the images of that
label; samples that were asked for nothing count for the label that is read.
NDM_DATA is the folder in which MNIST lies (or --data_root).
"""
from functools import cache
from typing import NamedTuple
import torch
from torch import nn
from ndm_nb.conditions import given, label_bounds
from ndm_nb.data import as_float, dataset
from ndm_nb.discrete import DiscreteBound, sample_ancestral
import equal_compute
from harness import Experiment, origin
from images import Judge, load, options, read, reader, train

class Suite(NamedTuple):
    "A data set, and what is measured with it."
    iterations:int # of each run, unless others are asked for
    as_many:int # the width of F with which the predictor alone is told
    samples:int # for each guidance
    classified:int # test images
    repeats:int # of their bounds for each label

suites = dict(digits=Suite(2500, 287, 2000, 300, 20), mnist=Suite(10_040, 8, 1000, 500, 4))
models = {'not told': lambda suite: dict(preset='ndm'),
          'told': lambda suite: dict(preset='ndm', conditional=True),
          'told, the predictor alone':
              lambda suite: dict(preset='ndm', conditional=True, condition='predictor',
                                 transform_width=suite.as_many),
          'ddpm, not told': lambda suite: dict(preset='ddpm'),
          'ddpm, told': lambda suite: dict(preset='ddpm', conditional=True)}
guidances = 0., 1., 2.
labels = Experiment('labels_{data}', key=('model', 'seed'))

@labels.override
def settings(data, iterations): return dict(iterations=iterations or suites[data].iterations)

@cache
def splits_of(data, data_root): return dataset(data, data_root or None, labels=True)

@cache
def classifier(data, data_root):
    "A function from images to the labels that are read; and a network whose features are compared."
    if data == 'mnist':
        better = reader(data_root, 'cpu', passes=5)[0]
        return lambda x: read(better, x), reader(data_root, 'cpu')[0][:-1]
    from sklearn.svm import SVC
    real = splits_of(data, data_root).train
    svm = SVC(C=10).fit(real.x.flatten(1), real.c)
    features = nn.Sequential(nn.Flatten(), *equal_compute.reader()[0])
    return lambda x: torch.from_numpy(svm.predict(x.flatten(1))), features

@cache
def held(data, data_root):
    "The images that nothing was trained on, and their labels."
    _, valid, test, *_ = splits_of(data, data_root)
    parts = (valid, test) if data == 'digits' else (test,)          # of MNIST the test part has enough
    return as_float(torch.cat([part.x for part in parts])), torch.cat([part.c for part in parts])

@labels.fact
def accuracy(data, data_root):
    "The share of the test images that the machine reads correctly."
    test = splits_of(data, data_root).test
    return (classifier(data, data_root)[0](as_float(test.x)) == test.c).double().mean().item()

def of_samples(data, data_root, x, c=None):
    "What is measured of samples, and of the labels that they were to show; without any, those that are read."
    (real, digits), (read_label, net) = held(data, data_root), classifier(data, data_root)
    seen = read_label(x)
    found = dict(distance=Judge(net, real).distance(x))
    if c is not None: found |= dict(right=(seen == c).double().mean().item())
    own = seen if c is None else c
    each = [Judge(net, real[digits == label]).distance(x[own == label]) for label in range(10)]
    return found | dict(distance_of_label=sum(each)/len(each))

@labels.measure
def run(data, model, seed, iterations, data_root, out, device, job):
    "Train one model; its bound, and its samples with each guidance."
    suite = suites[data]
    how = models[model](suite)
    name = f'labels-{data}-{model.replace(", ", "-").replace(" ", "-")}-seed{seed}'
    figures = train(name=name, job=job, data=data, T=10, iterations=iterations or suite.iterations, **how)
    net = load(name, out, device)[0]
    torch.manual_seed(1000 + seed)
    noise, c = torch.randn(suite.samples, *net.config['event']), torch.arange(suite.samples) % 10
    def measured(told=lambda part: net, c=None):
        "In parts, for the memory."
        parts = torch.arange(suite.samples).split(250)
        x = torch.cat([sample_ancestral(told(part), noise[part], 10) for part in parts])
        return of_samples(data, data_root, x, c)
    if 'conditional' not in how: return figures | dict(samples={'0': measured()})
    test = splits_of(data, data_root).test[:suite.classified]
    bounds = [label_bounds(net, DiscreteBound(10), as_float(part.x), repeats=suite.repeats)
              for part in test.split(100)]
    samples = {f'{w:g}': measured(lambda part: given(net, c[part], w), c) for w in guidances}
    right = torch.cat(bounds).argmin(1) == test.c
    return figures | dict(samples=samples, classified=right.double().mean().item())

@labels.table
def table(record):
    "A row for each model and guidance: mean ± standard deviation over seeds."
    for model, runs in record['runs'].by('model', models).items():
        for w in runs[0]['samples']:
            first = w == '0'
            row = {'model': model, 'bound, bits/dim': runs.pm('total') if first else '', 'guidance': w}
            of = type(runs)(r['samples'][w] for r in runs)
            row |= {'read as asked, %': of.pm('right', '.1f', 100) if 'right' in of[0] else '',
                    'distance': of.pm('distance', '.1f'), 'of one label': of.pm('distance_of_label', '.1f')}
            if first and 'classified' in runs[0]: row |= {'classified, %': runs.pm('classified', '.1f', 100)}
            if first: row |= {'parameters': f"{runs.mean('parameters'):,.0f}", 'seeds': len(runs)}
            yield row

@labels.override
def report(record):
    "With what the machine reads of real images."
    yield f"{origin(record)}; of the real test images {record['accuracy']:.1%} are read correctly"
    yield table(record)

if __name__ == '__main__':
    shared = {name: value for name, value in options.items() if name != 'seed'}
    labels.main(data=suites, models=tuple(models), seeds=(0, 1, 2), iterations=0, processes=1, **shared)

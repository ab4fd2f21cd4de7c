"""Does it pay to tell the forward process the label, too? And do samples show the label they were asked for?

    python nbs/experiments/labels.py           # digits: twenty minutes of one CPU core
    python nbs/experiments/labels.py --show    # the table from the committed results

An NDM of ten steps on the digits, told nothing; told the label in predictor and F; in the predictor alone,
with an F that is wider, so that it has as many parameters. A support vector machine that has learned from
the real training images reads the samples. Their Fréchet distance is that of the features of the small
classifier of equal_compute.py, from held-out images: of all samples together, and the mean over the labels of
that of the samples of one label from the images of that label, of which there are about fifty.
"""
from functools import cache
import torch
from ndm_nb.conditions import ConditionalBound, given, label_bounds
from ndm_nb.data import dataset
from ndm_nb.discrete import DiscreteBound, sample_ancestral
from ndm_nb.evaluation import evaluate
from ndm_nb.presets import build
from ndm_nb.training import Trainer
from equal_compute import reader
from harness import Experiment, origin, parameters
from images import Judge

models = {'not told': {}, 'told': dict(classes=10),
          'told, the predictor alone': dict(classes=10, condition='predictor', transform_width=287)}
guidances = 0., 1., 2.
labels = Experiment('labels', key=('model', 'seed'))

@labels.override
def settings(iterations): return dict(iterations=iterations)

@cache
def svm():
    from sklearn.svm import SVC
    train = dataset('digits', labels=True).train
    return SVC(C=10).fit(train.x.flatten(1), train.c)

@cache
def held():
    "The images that nothing was trained on, their labels, and the network whose features are compared."
    _, valid, test, *_ = dataset('digits', labels=True)
    net = torch.nn.Sequential(torch.nn.Flatten(), *reader()[0])
    return torch.cat([valid.x, test.x]), torch.cat([valid.c, test.c]), net

@labels.fact
def accuracy():
    "The share of the test images that the machine reads correctly."
    test = dataset('digits', labels=True).test
    return svm().score(test.x.flatten(1), test.c)

def of_samples(x, c):
    "What is measured of samples, and of the labels that they were to show."
    real, digits, net = held()
    found = dict(distance=Judge(net, real).distance(x))
    if c is None: return found
    right = torch.from_numpy(svm().predict(x.flatten(1))) == c
    each = [Judge(net, real[digits == label]).distance(x[c == label]) for label in range(10)]
    return found | dict(right=right.double().mean().item(), distance_of_label=sum(each)/len(each))

@labels.measure
def run(model, seed, iterations):
    "Train one model; its bound, and its samples with each guidance."
    told = 'classes' in models[model]
    splits = dataset('digits', labels=told)
    torch.manual_seed(seed)
    net = build('ndm', splits.event, splits.levels, predictor='noise', variance='pixel', **models[model])
    bound = ConditionalBound(DiscreteBound(10)) if told else DiscreteBound(10)
    trainer = Trainer(net, bound, splits.train, splits.valid, seed=seed, iterations=iterations)
    trainer.fit(progress=False)
    figures = evaluate(net, bound, splits.test) | dict(valid=trainer.best, parameters=parameters(net))
    torch.manual_seed(1000 + seed)
    noise, c = torch.randn(2000, *splits.event), torch.arange(2000) % 10
    if not told: return figures | dict(samples={'0': of_samples(sample_ancestral(net, noise, 10), None)})
    found = label_bounds(net, DiscreteBound(10), splits.test.x, repeats=20).argmin(1)
    samples = {f'{w:g}': of_samples(sample_ancestral(given(net, c, w), noise, 10), c) for w in guidances}
    return figures | dict(samples=samples, classified=(found == splits.test.c).double().mean().item())

@labels.table
def table(record):
    "A row for each model and guidance: mean ± standard deviation over seeds."
    for model, runs in record['runs'].by('model', models).items():
        for w in runs[0]['samples']:
            first = w == '0'
            row = {'model': model, 'bound, bits/dim': runs.pm('total') if first else '', 'guidance': w}
            of = type(runs)(r['samples'][w] for r in runs)
            if 'right' in of[0]: row |= {'read as asked, %': of.pm('right', '.1f', 100)}
            row |= {'distance': of.pm('distance', '.1f')}
            if 'right' in of[0]: row |= {'of one label': of.pm('distance_of_label', '.1f')}
            if first and 'classified' in runs[0]: row |= {'classified, %': runs.pm('classified', '.1f', 100)}
            if first: row |= {'parameters': f"{runs.mean('parameters'):,.0f}", 'seeds': len(runs)}
            yield row

@labels.override
def report(record):
    "With what the machine reads of real images."
    yield f"{origin(record)}; of the real test images {record['accuracy']:.1%} are read correctly"
    yield table(record)

if __name__ == '__main__': labels.main(models=tuple(models), seeds=(0, 1, 2), iterations=2500, processes=1)

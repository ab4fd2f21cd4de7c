"""Twos into sevens: a bridge between two classes of images, judged by a classifier.

    python nbs/experiments/bridge_images.py                         # MNIST 2 -> 7: 20 minutes on a CPU
    python nbs/experiments/bridge_images.py --show                  # the table from the committed results
    python nbs/experiments/bridge_images.py --data0 cifar10:cat --data1 cifar10:dog --device cuda   # FID

Both presets get equal minutes. For digits, a small classifier that was trained on all of MNIST (images.py)
says which share of the translated test images it reads as the target, beside the share of real ones; for
colour images it is FID to the training images of the target, of results and of sources. Each result is also
compared with its own source: the root mean square distance of pixels, beside that from the sources of others,
and the linear correlation. NDM_DATA is the folder in which the data lie (or --data_root). Runs are left in
--out.
"""
from functools import cache
import matplotlib.pyplot as plt
import torch
from ndm_nb.bridges import pair_splits
from ndm_nb.cli import plot_strips
from ndm_nb.data import as_float, dataset, plot_samples
from ndm_nb.metrics import Inception
from ndm_nb.runs import parse_device, sample_run
from images import Judge, at_hand, bits, load, options, read, reader, sampled, train
from harness import Experiment, origin

solvers = dict(heun=10, stochastic_heun=50)
bridge = Experiment('bridge_{data1}_{data0}', key=('preset',))

def run_name(preset, data0, data1): return f'{data1}-to-{data0}-{preset}'.replace(':', '_')

@cache
def pairs(data0, data1, data_root):
    return pair_splits(dataset(data0, data_root or None), dataset(data1, data_root or None))

class ByReader:
    "The share of images that the classifier takes for the target."
    key, title, form = 'share', 'read as the target digit', '.1%'
    def __init__(self, data0, data1, data_root, device):
        self.digit = int(data0.partition(':')[2])
        self.net, self.right = reader(data_root, device)

    def about(self): return dict(classifier=self.right)
    def __call__(self, x): return dict(share=(read(self.net, x) == self.digit).double().mean().item())

class ByFID:
    "FID to the training images of the target."
    key, title, form = 'fid', 'FID', '.1f'
    def __init__(self, data0, data1, data_root, device):
        splits = pairs(data0, data1, data_root)
        self.judge = Judge(Inception().to(parse_device(device)), splits.train[:, 0])

    def about(self): return {}
    def __call__(self, x): return dict(fid=self.judge.distance(x))

def kind_of(data0): return dict(mnist=ByReader).get(data0.partition(':')[0], ByFID)

@cache
def judge(data0, data1, data_root, device): return kind_of(data0)(data0, data1, data_root, device)

@bridge.override
def settings(data0, data1, n, minutes, seed):
    return dict(data0=data0, data1=data1, n=n, minutes_each=minutes, seed=seed)

@bridge.fact
def real(data0, data1, data_root, device):
    "What is measured of real images."
    judged = judge(data0, data1, data_root, device)
    target, source = as_float(pairs(data0, data1, data_root).test).unbind(1)
    return judged.about() | dict(targets=judged(target), sources=judged(source))

def kept(x, source):
    "How much of its source is left in each image: distances, and the correlation of pixels over the set."
    def distance(other): return (x - other).square().mean().sqrt().item()
    a, b = x - x.mean(0), source - source.mean(0)
    correlation = (a*b).mean()/(a.square().mean()*b.square().mean()).sqrt()
    return dict(own=distance(source), others=distance(source.roll(1, 0)), correlation=correlation.item())

def sources(data0, data1, data_root, n): return as_float(pairs(data0, data1, data_root).test[:n, 1])

@bridge.measure
def run(preset, data0, data1, minutes, n, seed, data_root, out, device, job):
    "Train one bridge; its figures, and what is measured of its results."
    name, found = run_name(preset, data0, data1), {}
    figures = train(preset, name, job, data0=data0, data1=data1, times='importance', minutes=minutes)
    judged, source = judge(data0, data1, data_root, device), sources(data0, data1, data_root, n)
    for solver, steps in solvers.items():
        x, nfe = sampled(name, out, device, n, steps, solver, seed)
        found[solver] = dict(steps=steps, nfe=nfe) | judged(x) | kept(x, source)
    return figures | dict(energy=load(name, out, device)[1].objective.energy or 0., solvers=found)

@bridge.override
def pictures(record, data0, data1, n, seed, data_root, out, device):
    "Sources and what became of them, a column for each; and how some change on the way."
    rows, path = dict(source=sources(data0, data1, data_root, n)), bridge.path(data0=data0, data1=data1).stem
    names = {preset: run_name(preset, data0, data1) for preset in record['runs'].by('preset')}
    if not at_hand(names.values(), out): return
    for preset, name in names.items():
        for solver, steps in solvers.items():
            rows[f'{preset}, {solver}'] = sampled(name, out, device, n, steps, solver, seed)[0]
    fig, ax = plt.subplots(figsize=(12, .75*len(rows)), layout='constrained')
    plot_samples(torch.cat([x[:16] for x in rows.values()]), ax=ax, columns=min(16, n))
    side = rows['source'].shape[-1] + 1
    ax.axis('on')
    ax.set(xticks=[], yticks=[side*(i + .5) for i in range(len(rows))], yticklabels=list(rows))
    ax.tick_params(length=0)
    fig.savefig(bridge.picture(f'{path}.png'), dpi=180)
    fig, ax = plt.subplots(figsize=(7, 6), layout='constrained')
    source = rows['source'][:8]
    model, config = load(name, out, device)
    x, way, _ = sample_run(model, config, 8, solvers['stochastic_heun'], 'stochastic_heun', source=source)
    plot_strips(torch.cat([source[None].to(way.z), way.z]), x, ax)
    fig.savefig(bridge.picture(f'{path}_strips.png'), dpi=180)
    plt.close('all')

@bridge.table
def table(record):
    "A row for each preset and solver, and for real images."
    judged = kind_of(record['data0'])
    def show(found): return {judged.title: f'{found[judged.key]:{judged.form}}'}
    for r in record['runs']:
        last = bits(r) | {'iterations': f"{r['iterations']:,}"}
        for solver, s in r['solvers'].items():
            row = {'': r['preset'], 'solver, evaluations': f"{solver}, {s['nfe']}"} | show(s)
            yield row | {'distance to its source': f"{s['own']:.3f}", "to others'": f"{s['others']:.3f}",
                         'correlation': f"{s['correlation']:.2f}"} | last
            last = {}
    for name in ('targets', 'sources'): yield {'': f'*real {name}*'} | show(record['real'][name])

@bridge.override
def report(record):
    "With what it is about."
    budget = f"{record['minutes_each']:g} minutes of training each, {record['minutes']} in all"
    yield f"{record['data1']} -> {record['data0']}; {origin(record)}; {budget}"
    yield table(record)

if __name__ == '__main__':
    presets = 'brownian_bridge', 'bridge'
    bridge.main(data0='mnist:7', data1='mnist:2', presets=presets, minutes=6., n=300, **options)

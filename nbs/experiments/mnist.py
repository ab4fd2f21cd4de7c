"""NDM against DDPM on MNIST, with the same predictor: bound, distance of the samples from the data, samples.

    python nbs/experiments/mnist.py                              # T = 10, about 16 minutes on two CPU cores
    python nbs/experiments/mnist.py --T 10 1000 --minutes 10     # on a GPU, for ten minutes each
    python nbs/experiments/mnist.py --show                       # the table from the committed results

NDM_DATA is the folder in which MNIST lies (or --data_root). The distance is the Fréchet distance of FID, but
of the 64 features of a small classifier that is trained on MNIST first (images.py): it compares with itself
only. Without --minutes or --iterations, runs are as long as the settings `mnist` have it. They are left in
--out.
"""
import os
from images import at_hand, draw_grids, judges, options, reader, sampled, train
from harness import Experiment, origin

models = 'ddpm', 'ndm'
mnist = Experiment('mnist', key=('model', 'T'), threads=os.cpu_count())

def run_name(model, T): return f'mnist-T{T}-{model}'

@mnist.override
def settings(n): return dict(n=n)

@mnist.fact
def accuracy(data_root, device): return reader(data_root, device)[1]

@mnist.fact
def floor(data_root, device, n):
    "The distance of other real images."
    judge = judges['mnist'](data_root, device)
    return judge.distance(judge.others[:n])

@mnist.measure
def run(model, T, iterations, minutes, n, seed, data_root, out, device, job):
    "Train one model; the distance of its samples, and its figures."
    budget, name = dict(iterations=iterations or None, minutes=minutes or None), run_name(model, T)
    figures = train(model, name, job, data='mnist', T=T, **budget)
    x, nfe = sampled(name, out, device, n, T, 'ancestral', seed)
    return dict(seed=seed, distance=judges['mnist'](data_root, device).distance(x), nfe=nfe, **figures)

@mnist.override
def pictures(record, n, seed, out, device):
    "The same noise for both models."
    for T, runs in record['runs'].by('T').items():
        names = {f'{model}, T = {T}': run_name(model, T) for model in runs.by('model', models)}
        if not at_hand(names.values(), out): continue
        def grid(name): return sampled(name, out, device, n, T, 'ancestral', seed)[0]
        draw_grids({title: grid(name) for title, name in names.items()}, mnist.picture(f'mnist_T{T}.png'))

@mnist.table
def table(record):
    "A row for each run."
    for r in record['runs']:
        row = dict(T=r['T'], model=r['model'])
        row |= {term: f'{r[term]:.3f}' for term in ('reconstruction', 'diffusion', 'prior')}
        row['total, bits/dim'] = f"{r['total']:.3f} ± {r['stderr']:.3f}"
        row |= dict(distance=f"{r['distance']:.1f}", parameters=f"{r['parameters']:,}")
        yield row | dict(iterations=r['iterations'], seconds=f"{r['seconds']:.0f}")

@mnist.override
def report(record):
    "With the floor, below which no distance can be expected."
    yield f"{origin(record)}, {record['minutes']} minutes; floor of the distance {record['floor']:.2f}"
    yield table(record)

if __name__ == '__main__': mnist.main(T=(10,), models=models, iterations=0, minutes=0., n=1000, **options)

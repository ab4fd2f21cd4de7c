"""NDM and NFDM against ordinary diffusions on MNIST at equal compute: bound, distance of the samples, samples.

    python nbs/experiments/mnist.py --costs                      # what a training step costs, on a quiet machine
    python nbs/experiments/mnist.py                              # one core for an hour each; it goes on
    python nbs/experiments/mnist.py --device cuda --processes 8  # on a GPU, which several runs share
    python nbs/experiments/mnist.py --show                       # the tables from the committed results

T = 10 steps with the best variance for each pixel of a step, and continuous time. All models have the same
predictor network; `wide` is an ordinary diffusion with as many parameters as the NDM. Each model is trained for
as many iterations as fit into --hours of one core of the machine that the costs were measured on, wherever it
runs; the settings are those of `mnist`. NDM_DATA is the folder in which MNIST lies (or --data_root). The
distance is the Fréchet distance of FID, but of the 64 features of a small classifier that is trained on MNIST
first (images.py): it compares with itself only.
"""
import time
from itertools import product
import torch
from images import at_hand, draw_grids, judges, load, options, reader, train
from ndm_nb.data import dataset
from ndm_nb.discrete import sample_ancestral
from ndm_nb.evaluation import bound_for
from ndm_nb.presets import build, settings_for
from ndm_nb.training import Trainer, TrainingOptions
from equal_compute import few_steps, steps_name
from harness import Experiment, markdown, origin, pm

models = {'ddpm': dict(preset='ddpm'), 'ddpm, wide': dict(preset='ddpm', width=20), 'vdm': dict(preset='vdm'),
          'ndm': dict(preset='ndm'), 'nfdm': dict(preset='nfdm')}
wanted = {10: ('ddpm', 'ddpm, wide', 'ndm', 'nfdm'), None: ('ddpm', 'vdm', 'ndm', 'nfdm')}
mnist = Experiment('mnist', key=('model', 'T', 'seed'))

def run_name(model, T, seed): return f'mnist-{model.replace(", ", "-")}-T{T or "inf"}-seed{seed}'

@mnist.override
def settings(hours, n): return dict(hours=hours, n=n)

@mnist.fact
def accuracy(data_root, device): return reader(data_root, device)[1]

@mnist.fact
def floor(data_root, device, n):
    "The distance of other real images."
    judge = judges['mnist'](data_root, device)
    return judge.distance(judge.others[:n])

@mnist.fact
def seconds(data_root):
    "Of a training step of each model on one core: the best of several rounds in which they take turns."
    splits, own = dataset('mnist', data_root or None), settings_for('mnist')
    training = {name: value for name, value in own.items() if name in TrainingOptions.__dataclass_fields__}
    sizes = {name: own[name] for name in ('network', 'width', 'depth', 'multipliers', 'attention', 'gamma')}
    kinds, best = [(T, model) for T, names in wanted.items() for model in names], {}
    trainers = {}
    for T, model in kinds:
        net = build(event=splits.event, levels=splits.levels, rows=T or 1,
                    **sizes | dict(variance='pixel' if T else 'posterior') | models[model])
        trainers[T, model] = Trainer(net, bound_for(T), splits.train, splits.valid[:2], **training)
    for _ in range(3):
        for (T, model), trainer in trainers.items():
            trainer.step()                                                 # to warm up
            start = time.perf_counter()
            for _ in range(3): trainer.step()
            each, name = (time.perf_counter() - start)/3, f'{model}, {steps_name(T)}'
            best[name] = min(best.get(name, each), each)
    return {name: round(each, 4) for name, each in best.items()}

@mnist.override
def jobs(Ts, models, seeds, hours, costs, record):
    "As many iterations as fit."
    for seed, T, model in product(seeds, Ts, models):
        if model not in wanted[T] or costs: continue
        yield dict(model=model, T=T, seed=seed,
                   iterations=round(3600*hours/record['seconds'][f'{model}, {steps_name(T)}']))

@mnist.measure
def run(model, T, seed, iterations, n, data_root, out, device, job):
    "Train one model; its figures, and the distances of its samples."
    name = run_name(model, T, seed)
    figures = train(name=name, job=job, data='mnist', T=T or 'inf', iterations=iterations, **models[model])
    net, judge = load(name, out, device)[0], judges['mnist'](data_root, device)
    torch.manual_seed(1000 + seed)
    noise = torch.randn(n, *net.config['event']).to(next(net.parameters()).device)
    return figures | dict(distances=few_steps(net, noise, (2, 4, 10, 20, 50), judge.distance))

@mnist.override
def pictures(record, out, device):
    "Samples of ten steps from the same noise, of the first seed."
    names = {model: run_name(model, 10, 0) for model in wanted[10]}
    if not at_hand(names.values(), out): return
    def grid(name):
        torch.manual_seed(0)
        net = load(name, out, device)[0]
        noise = torch.randn(64, *net.config['event']).to(next(net.parameters()).device)
        return sample_ancestral(net, noise, 10).cpu()
    draw_grids({title: grid(name) for title, name in names.items()}, mnist.picture('mnist_T10.png'))

@mnist.table
def table(record):
    "A row for each model."
    for T, at in record['runs'].by('T').items():
        for model, mine in at.by('model', models).items():
            row = {'': steps_name(T), 'model': model}
            row |= {term: f'{mine.mean(term):.3f}' for term in ('reconstruction', 'diffusion', 'prior')}
            row['total, bits/dim'] = mine.pm('total')
            row['iterations'] = f"{mine.mean('iterations'):,.0f}"
            yield row | dict(parameters=f"{mine.mean('parameters'):,.0f}", seeds=len(mine))

@mnist.override
def report(record):
    "With the floor, below which no distance can be expected."
    costs = ', '.join(f'{name} {each:.3f}' for name, each in record['seconds'].items())
    yield f"{origin(record)}; floor of the distance {record['floor']:.2f}; seconds of a step: {costs}"
    yield table(record)
    yield distances(record)

def distances(record):
    "Of samples, a column for each number of evaluations."
    rows = []
    for T, at in record['runs'].by('T').items():
        for model, mine in at.by('model', models).items():
            names = dict.fromkeys(name.rsplit(', ', 1)[0] for name in mine[0]['distances'])
            for solver in names:
                row = {'': steps_name(T), 'model': model, 'sampler': solver}
                for n in (2, 4, 10, 20, 50):
                    values = [r['distances'][f'{solver}, {n}'] for r in mine if f'{solver}, {n}' in r['distances']]
                    row[str(n)] = pm(values, '.1f') if values else ''
                rows.append(row)
    return markdown(rows)

if __name__ == '__main__':
    mnist.main(Ts=(10, None), models=tuple(models), seeds=(0,), hours=1., n=5000, costs=False, processes=1, **options)

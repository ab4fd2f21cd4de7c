"""Does learning the forward process pay on images? At equal compute: bound, distance of the samples, samples.

    python nbs/experiments/equal_images.py                             # MNIST: an hour of one core each
    python nbs/experiments/equal_images.py --device cuda --minutes 1   # a minute of a GPU each
    python nbs/experiments/equal_images.py --data cifar10 --device cuda --minutes 1 --precision bf16
    python nbs/experiments/equal_images.py --costs                     # only what a training step costs
    python nbs/experiments/equal_images.py --show                      # the tables from the committed results

Ten steps with the best variance for each pixel of a step, and continuous time. All models have the same
predictor network; `wide` is an ordinary diffusion with as many parameters as the NDM. First it is measured,
in turns and on a quiet machine, how long a training step of each takes. Then each gets as many iterations as
fit into --minutes, so that several runs may share the machine, with --processes, without a clock that looks
on. The rest is as in the settings `mnist` and `cifar10_small`. NDM_DATA is the folder in which the images lie
(or --data_root).

Samples are judged by the Fréchet distance of FID; of MNIST by the 64 features of a small classifier that is
trained first (images.py), which compares with itself only; of CIFAR-10 by those of FID's Inception network,
if it is there.
"""
from itertools import product
import torch
from images import at_hand, costs, draw_grids, judges, load, options, train
from ndm_nb.core import InputError
from ndm_nb.discrete import sample_ancestral
from equal_compute import few_steps, steps_name
from harness import Experiment, markdown, origin, pm

plain = {'ddpm': dict(preset='ddpm'), 'vdm': dict(preset='vdm'), 'ndm': dict(preset='ndm'),
         'nfdm': dict(preset='nfdm')}
kinds = dict(mnist   = plain | {'ddpm, wide': dict(preset='ddpm', width=20)},
             cifar10 = plain)
wanted = dict(mnist   = {10: ('ddpm', 'ddpm, wide', 'ndm', 'nfdm'), None: ('ddpm', 'vdm', 'ndm', 'nfdm')},
              cifar10 = {10: ('ddpm', 'ndm'), None: ('ddpm', 'nfdm')})
evaluations = dict(mnist=(2, 4, 10, 20, 50), cifar10=(4, 10, 20))
images = Experiment('equal_{data}', key=('model', 'T', 'seed'))

def run_name(data, model, T, seed): return f'{data}-{model.replace(", ", "-")}-T{T or "inf"}-seed{seed}'

@images.override
def settings(minutes, n, batch): return dict(budget_minutes=minutes, samples=n, batch=batch)

@images.fact
def floor(data, data_root, device, n):
    "The distance of other real images; None without a judge."
    try: judge = judges[data](data_root, device)
    except InputError: return None
    return judge.distance(judge.others[:n])

@images.fact
def seconds(data, batch, options):
    "Of a training step of each model."
    how = dict(batch=batch) if batch else {}
    return costs({f'{model}, {steps_name(T)}': kinds[data][model] | dict(T=T or 'inf') | how
                  for T, names in wanted[data].items() for model in names}, options, n=5)

@images.override
def jobs(data, Ts, models, seeds, minutes, costs, record):
    "As many iterations as fit."
    for seed, T in product(seeds, Ts):
        for model in (name for name in models if name in wanted[data][T]):
            fitting = round(60*minutes/record['seconds'][f'{model}, {steps_name(T)}'])
            if not costs: yield dict(model=model, T=T, seed=seed, iterations=fitting)

@images.measure
def run(data, model, T, seed, iterations, n, batch, data_root, out, device, job):
    "Train one model; its figures, and the distances of its samples."
    name = run_name(data, model, T, seed)
    figures = train(name=name, job=job, data=data, T=T or 'inf', iterations=iterations,
                    batch=batch or None, **kinds[data][model])
    net = load(name, out, device)[0]
    torch.manual_seed(1000 + seed)
    noise = torch.randn(n, *net.config['event']).to(next(net.parameters()).device)
    try: judge = judges[data](data_root, device)
    except InputError: return figures
    return figures | dict(distances=few_steps(net, noise, evaluations[data], judge.distance))

@images.override
def pictures(record, data, out, device):
    "Samples of ten steps from the same noise, of the first run of each model that is at hand."
    runs = [(r['model'], run_name(data, r['model'], 10, r['seed'])) for r in record['runs'].of(T=10)]
    names = {model: name for model, name in reversed(sorted(runs)) if at_hand([name], out)}
    names = {model: names[model] for model in wanted[data][10] if model in names}
    if not names: return
    def grid(name):
        torch.manual_seed(0)
        net = load(name, out, device)[0]
        noise = torch.randn(64, *net.config['event']).to(next(net.parameters()).device)
        return sample_ancestral(net, noise, 10).cpu()
    draw_grids({title: grid(name) for title, name in names.items()}, images.picture(f'{data}_T10.png'))

@images.table
def table(record):
    "A row for each model."
    for T, at in record['runs'].by('T').items():
        for model, mine in at.by('model').items():
            row = {'': steps_name(T), 'model': model}
            row |= {term: f'{mine.mean(term):.3f}' for term in ('reconstruction', 'diffusion', 'prior')}
            row |= {'total, bits/dim': mine.pm('total'), 'iterations': f"{mine.mean('iterations'):,.0f}"}
            each = record['seconds'][f'{model}, {steps_name(T)}']
            row |= dict(parameters=f"{mine.mean('parameters'):,.0f}", seeds=len(mine))
            yield row | {'ms a step': f'{1000*each:.1f}'}

def distances(record):
    "Of samples, a column for each number of evaluations."
    def rows():
        for T, at in record['runs'].by('T').items():
            for model, mine in at.by('model').items():
                found = [r.get('distances', {}) for r in mine]
                for sampler in dict.fromkeys(name.rsplit(', ', 1)[0] for name in found[0]):
                    row = {'': steps_name(T), 'model': model, 'sampler': sampler}
                    for n in sorted({int(name.rsplit(', ', 1)[1]) for d in found for name in d}):
                        values = [d[f'{sampler}, {n}'] for d in found if f'{sampler}, {n}' in d]
                        row[str(n)] = pm(values, '.1f') if values else ''
                    yield row
    return markdown(rows())

@images.override
def report(record):
    "With the floor, below which no distance can be expected."
    known = f"floor of the distance {record['floor']:.2f}" if record['floor'] else 'no judge of samples'
    yield f"{origin(record)}; {record['budget_minutes']:g} minutes each; {known}"
    yield table(record)
    if record['floor']: yield distances(record)

if __name__ == '__main__':
    images.main(data=kinds, Ts=(10, None), models=tuple(kinds['mnist']), seeds=(0,), minutes=60., n=5000,
                batch=0, costs=False, processes=1, **options)

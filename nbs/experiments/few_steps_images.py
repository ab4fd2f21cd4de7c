"""Few steps on images: flow matching, with minibatch OT, NFDM and NFDM-OT after equal seconds of training.

    python nbs/experiments/few_steps_images.py                     # MNIST: an hour of one CPU core each
    python nbs/experiments/few_steps_images.py --data cifar10 --device cuda --minutes 10   # with FID
    python nbs/experiments/few_steps_images.py --show              # from the committed results

All start from straight lines and have the same U-Net as predictor, which is trained by velocity matching.
First it is measured, in turns and on a quiet machine, how long a training step of each takes; then each gets
as many iterations as fit into --minutes. Samples from the same noise are judged by the best of Euler,
midpoint, Heun, DDIM and DPM-Solver++ at an equal number of evaluations. For MNIST the distance is the
Fréchet distance of the features of a small classifier (images.py): it compares with itself only. For
CIFAR-10 it is FID to the training images. NDM_DATA is the folder in which the data lie (or --data_root).
Runs are left in --out.
"""
import math, re
from functools import partial
import torch
from ndm_nb.cli import starts
from ndm_nb.core import repeatable
from ndm_nb.evaluation import as_input
from ndm_nb.sampling import sample_ode, solvers_at
from images import at_hand, costs, draw_grids, jobs, judges, load, nats_saved, options, sampled, starting
from images import train
from harness import Experiment, bold, markdown, origin, pm

models = {'flow matching': dict(preset='flow_matching'),
          'minibatch OT': dict(preset='flow_matching', pairing='optimal'),
          'nfdm': dict(preset='nfdm', base='ot', objective='velocity'),
          'nfdm-ot': dict(preset='nfdm_ot', ramp=.3, curvature=.2),
          'nfdm-ot, weight .02': dict(preset='nfdm_ot', ramp=.3, curvature=.02),
          'nfdm-ot, weight .002': dict(preset='nfdm_ot', ramp=.3, curvature=.002),
          'nfdm-ot, later': dict(preset='nfdm_ot', ramp=.9, curvature=.2),
          'nfdm-ot, weight .2, end fixed': dict(preset='nfdm_ot', base='ot', ramp=.3, curvature=.2)}
pictured = 'flow matching', 'nfdm-ot, weight .02'
few_steps = Experiment('few_steps_{data}', key=('model', 'seed'))

def run_name(data, model, seed): return f'few-steps-{data}-{re.sub("[, ]+", "-", model)}-seed{seed}'

def solvers(nfe): return solvers_at(nfe) | dict(ddim=nfe, dpmpp_2m=nfe)

@few_steps.override
def settings(data, n, minutes): return dict(data=data, n=n, minutes_each=minutes)

@few_steps.fact
def floor(data, data_root, device, n):
    "The distance of other real images."
    judge = judges[data](data_root, device)
    return judge.distance(judge.others[:n])

@few_steps.fact
def seconds(options):
    "Of a training step of each model, with some that have a penalty."
    return costs(models, options, n=32)

few_steps.override(jobs)

@few_steps.measure
def run(model, data, seed, iterations, nfes, n, data_root, out, device, job):
    "Train one model; its figures, and the distances of its samples."
    name, judge = run_name(data, model, seed), judges[data](data_root, device)
    figures = train(name=name, job=job, data=data, iterations=iterations, **models[model])
    def distances(nfe, sample):
        return {solver: judge.distance(sample(steps, solver)) for solver, steps in solvers(nfe).items()}
    def from_noise(steps, solver): return sampled(name, out, device, n, steps, solver, seed)[0]
    return figures | dict(distance={str(nfe): distances(nfe, from_noise) for nfe in nfes},
                          **elsewhere(load(name, out, device)[0], judge.others, n, distances))

@torch.no_grad()
def elsewhere(net, images, n, distances):
    """Of samples from a normal or a mixture fitted to where all but n images end, and from where the n end.

    And the bits/dim that each saves on the n; nothing for a process whose end is fixed."""
    ends = [as_input(net, part) for part in images.tensor_split([-n])]
    if not net.path(ends[1]).schedule.open_end: return {}
    with repeatable(0, ends[1].device):
        data = net.path(ends[1]).end(torch.ones_like(ends[1].flatten(1)[:, 0])).sample()
        found = {name: fit(net, ends[0]) for name, fit in starts.items()}
        begun = {name: end(torch.randn_like(data)) for name, end in found.items()} | dict(data=data)
    saved = {name: nats/(data[0].numel()*math.log(2)) for name, nats in nats_saved(found, data).items()}
    few = {name: {str(nfe): distances(nfe, partial(sample_ode, net, z)) for nfe in (1, 2, 4)}
           for name, z in begun.items()}
    return dict(saved=saved, start=few)

def best(runs, nfe):
    "The solver with the lowest mean distance over seeds, and its distances."
    found = [r['distance'][nfe] for r in runs]
    values = {solver: [each[solver] for each in found] for solver in found[0]}
    return min(values.items(), key=lambda item: sum(item[1]))

def columns(runs, nfes):
    "Of a table: the distance by the best solver on the mean, for each number of evaluations."
    for nfe in nfes:
        solver, values = best(runs, nfe)
        yield f'distance, {nfe} evaluation{"s"*(nfe != "1")}', f"{pm(values, '.1f')} ({solver})"

@few_steps.override
def pictures(record, data, data_root, out, device):
    "From the same noise: flow matching with two and four evaluations, NFDM-OT with two from two starts."
    names = {model: run_name(data, model, 0) for model in pictured}
    if not at_hand(names.values(), out): return
    plain, other = (load(name, out, device)[0] for name in names.values())
    train = as_input(other, judges[data](data_root, device).others)
    with repeatable(0, train.device):
        noise = torch.randn_like(train[:64])
        start = starts['mixture'](other, train)(noise)
    def grid(net, z, nfe, solver): return sample_ode(net, z, solvers(nfe)[solver], solver).cpu()
    draw_grids({'flow matching, 2 evaluations': grid(plain, noise, 2, 'midpoint'),
                'flow matching, 4 evaluations': grid(plain, noise, 4, 'midpoint'),
                'NFDM-OT, 2, from N(0, I)': grid(other, noise, 2, 'euler'),
                'NFDM-OT, 2, from its mixture': grid(other, start, 2, 'euler')},
               few_steps.picture(f'few_steps_{data}.png'))

@few_steps.table
def table(record):
    "A row for each model, the best distances in bold."
    return bold(rows(record), 'distance')

def rows(record):
    "A row for each model."
    for model, runs in record['runs'].by('model').items():
        row = dict(model=model) | dict(columns(runs, runs[0]['distance']))
        yield row | {'bound, bits/dim': runs.pm('total'), 'iterations': f"{runs.mean('iterations'):,.0f}",
                     'seeds': len(runs)}

def by_start(record):
    "Distances from several starts, of the models with a learned coupling."
    def rows():
        for model, runs in record['runs'].by('model').items():
            free = [r for r in runs if 'start' in r]
            for start, name in starting.items():
                found = [dict(distance=(r['start'] | dict(noise=r['distance']))[start]) for r in free
                         if start == 'noise' or start in r['start']]
                if not found: continue
                yield dict(model=model, start=name) | dict(columns(found, free[0]['start']['normal'])) | dict(
                    seeds=len(found))
    return markdown(rows())

@few_steps.override
def report(record):
    "With the floor, below which no distance can be expected."
    budget = f"{record['minutes_each']:g} minutes of training each"
    yield f"{origin(record)}; {budget}; distance of other real images {record['floor']:.2f}"
    yield table(record)
    yield by_start(record)

if __name__ == '__main__':
    few_steps.main(data=judges, models=tuple(models), minutes=60., nfes=(1, 2, 4, 12), n=1000, seeds=(0,),
                   costs=False, processes=1, **options)

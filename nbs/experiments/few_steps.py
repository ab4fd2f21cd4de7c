"""How many steps does a sample need? After equal seconds of training.

    python nbs/experiments/few_steps.py           # three data sets, three seeds: 45 minutes on one CPU core
    python nbs/experiments/few_steps.py --show    # the tables from the committed results

Ordinary diffusion, flow matching with random and with matched pairs, and NFDM-OT. All have the same network
as predictor and are trained on the bound in continuous time, with times by importance. `minibatch OT` pairs
the data of a batch with its noise by the optimal assignment (arXiv 2302.00482), after which the loss is no
bound; the bound that is reported is that of the model it leaves. `nfdm-ot` adds the curvature of the
trajectories to the loss. Samples are judged against 10,000 test points (MMD: 1,000) by the best of Euler,
midpoint and Heun at an equal number of evaluations; a method that cannot spend them all spends fewer.

The budget is wall-clock time, so a busy machine changes how far a model comes; the number of iterations is in
the record. The penalty is computed in one batch of eight, so that a minute has more than twice as many steps
as with a penalty in each. Weight and share were chosen with seed 0 by two evaluations: first the weight 0.1
in every batch (from 0.03, 0.1 and 0.3, on the checkerboard, with a larger network); then, on eight Gaussians,
0.1 in one batch of four (also with a larger network for the forward process, or batches of 512), and 0.05 and
0.025 in one of eight; the last two on the checkerboard as well. 0.05 in one of eight was best on both.
"""
from typing import NamedTuple
import matplotlib.pyplot as plt
import torch
from ndm_nb.continuous import ContinuousBound, mismatch
from ndm_nb.core import expand, repeatable, sum_event
from ndm_nb.data import dataset, toy
from ndm_nb.evaluation import evaluate
from ndm_nb.metrics import mmd, sliced_wasserstein
from ndm_nb.model import Bound, boundary_terms
from ndm_nb.networks import MLP
from ndm_nb.presets import build
from ndm_nb.sampling import sample_ode, solvers_at, time_grid
from ndm_nb.times import ImportanceTime
from ndm_nb.training import Trainer
from ndm_nb.transport import curvature, curvature_penalty, few_step_error, match, optimal_transport_cost
from ndm_nb.transport import straightness, transport_cost
from harness import Experiment, mean, origin, parameters, pm, stdev

class PairedBound(ContinuousBound):
    "The integrand of the bound, with each x of a batch and its noise paired by the optimal assignment."
    def __call__(self, model, x):
        t, noise, path = self.sampler(len(x), x), torch.randn_like(x), model.path(x)
        q, g = path.flow(t), model.volatility(t)
        velocity, score = mismatch(model, q, q.sample(noise[match(x, noise)[0]]), t)
        diffusion = sum_event((velocity - expand(g**2, x)/2*score)**2) / (2*g**2)
        if model.training: self.sampler.update(t, diffusion)
        reconstruction, prior = boundary_terms(model, path)
        return Bound(reconstruction, diffusion/self.sampler.density(t), prior, x[0].numel())

class Model(NamedTuple):
    "What is compared."
    options:dict # of `build`
    bound:type=ContinuousBound
    weight:float=0. # of the curvature, nats per squared unit of the data
    small:bool=False # has the forward process a small network? A step with the curvature costs the most

predictor = dict(width=96, depth=2, gamma=(-7, 4))                  # the noise at t = 0 is e^(-7/2) = 0.03
training, share = dict(batch=128, lr=5e-3, every=500), 1/8          # share of the batches with a penalty
models = {
    'vp': Model(dict(preset='ddpm')),
    'flow matching': Model(dict(preset='flow_matching')),
    'minibatch OT': Model(dict(preset='flow_matching'), PairedBound),
    'nfdm-ot': Model(dict(preset='nfdm', base='ot', terms=2), weight=.05, small=True)}
sets, nfes = ('checkerboard', 'eight_gaussians', 'two_moons'), (1, 2, 4, 12)
ends = [[-1., -1.], [1., 1.]]                # where the pictured forward paths start: corners of squares
few_steps = Experiment('few_steps', key=('data', 'model', 'seed'))

@few_steps.override
def settings(seconds):
    "All of them, under one name."
    weights = {name: model.weight for name, model in models.items() if model.weight}
    options = {name: model.options for name, model in models.items()}
    told = dict(seconds=seconds, predictor=predictor, models=options, weights=weights, share=share)
    return dict(settings=training | told)

def distance(x, y):
    "Sliced Wasserstein, along directions that are always the same."
    return sliced_wasserstein(x, y, generator=torch.Generator().manual_seed(0)).item()

def floor_of(names):
    "The distance of two sets of 10,000 data points: what perfect samples would reach."
    def low(name, seed): return distance(toy(name, 10_000, seed), dataset(name).test)
    return {name: [low(name, seed) for seed in (100, 101, 102)] for name in names}

@few_steps.fact
def floor(): return floor_of(sets)

@few_steps.measure
def run(data, model, seed, seconds):
    "Train one model; what is measured of it."
    splits, kind = dataset(data), models[model]
    torch.manual_seed(seed)
    net = build(event=(2,), **predictor, **kind.options)
    if kind.small: net.forward_process.net = MLP((2,), 2*kind.options['terms'], width=64, depth=1, time=False)
    penalty = curvature(kind.weight, share=share) if kind.weight else None
    bound = kind.bound(ImportanceTime())
    trainer = Trainer(net, bound, splits.train, splits.valid, penalty=penalty, seed=seed, iterations=None,
                      minutes=seconds/60, **training)
    trainer.fit(progress=False)
    noise = torch.randn(10_000, 2, generator=torch.Generator().manual_seed(seed))
    result = dict(seconds=trainer.history[-1]['seconds'], iterations=trainer.iteration, weight=kind.weight,
                  parameters=parameters(net), **judge(net, splits.test, noise))
    return result | (pictured(net) if seed == 0 else {})

def judge(model, test, noise):
    "Everything that is measured of a trained model."
    def near(x): return dict(sw=distance(x, test), mmd=mmd(x[:1000], test[:1000]).item())
    samples = {str(nfe): {solver: near(sample_ode(model, noise, steps, solver))
                          for solver, steps in solvers_at(nfe).items()} for nfe in nfes}
    noise = noise[:1000]
    x, way = sample_ode(model, noise, 50, trajectory=True)
    cost = transport_cost(noise, x).item()
    with torch.no_grad(), repeatable(0, noise.device): bend = curvature_penalty(model, test).mean().item()
    return dict(bits_per_dim=evaluate(model, ContinuousBound(), test, repeats=2)['total'], samples=samples,
                curvature=bend, straightness=straightness(way).item(), transport_cost=cost,
                cost_ratio=cost/optimal_transport_cost(noise, x).item(),
                step_error=few_step_error(model, noise, fine=50))

def pictured_noise():
    "Noises for the pictures: of 30 trajectories, and of 8 forward paths from each point."
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 2, generator=generator) for n in (30, 8)]

@torch.no_grad()
def forward_paths(model):
    "First coordinates of z_t from each of `ends`, with the same 8 noises, at 21 times from 1 to 0."
    points, noise = torch.tensor(ends).repeat_interleave(8, 0), pictured_noise()[1].repeat(2, 1)
    path = model.forward_process(points)
    return torch.stack([path(t.repeat(16)).sample(noise)[:, 0] for t in time_grid(20)]).T

def pictured(model):
    "What the figures need: first coordinates of 30 trajectories, and of forward paths."
    ways = sample_ode(model, pictured_noise()[0], 100, trajectory=True)[1].z[::5, :, 0].T
    lines = dict(trajectories=ways, paths=forward_paths(model))
    return {name: [[round(v, 3) for v in way] for way in ways.tolist()] for name, ways in lines.items()}

def best(runs, nfe):
    "The solver with the lowest mean distance over seeds, and its distances."
    samples = [r['samples'][str(nfe)] for r in runs]
    values = {solver: [found[solver]['sw'] for found in samples] for solver in samples[0]}
    return min(values.items(), key=lambda item: sum(item[1]))

@few_steps.table
def table(record, data):
    "Mean ± standard deviation over seeds."
    for name, runs in record['runs'].of(data=data).by('model', models).items():
        row = dict(model=name)
        for nfe in nfes:
            solver, values = best(runs, nfe)
            row[f'SW, {nfe} evaluation{"s"*(nfe > 1)}'] = f'{pm(values)} ({solver})'
        yield row | {'curvature': runs.pm('curvature', '.2f'), 'straightness': runs.pm('straightness'),
                     'cost / optimal': runs.pm('cost_ratio'), 'bound, bits/dim': runs.pm('bits_per_dim'),
                     'iterations': f"{int(runs.mean('iterations')):,}"}

@few_steps.override
def report(record):
    "A table for each data set."
    yield f"{origin(record)}, {record['settings']['seconds']:.0f} seconds of training each"
    for data in record['runs'].by('data', sets):
        yield f"{data}; SW between sets of data {pm(record['floor'][data])}"
        yield table(record, data)

def panels(lines, color):
    "A panel for each name: lines over time, with the data on the left and the noise on the right."
    fig, axs = plt.subplots(1, len(lines), figsize=(2.8*len(lines), 2.8), layout='constrained', sharey=True)
    for ax, (name, ways) in zip(axs, lines.items()):
        for i, way in enumerate(ways): ax.plot([1 - k/20 for k in range(21)], way, color=color(i), lw=.7)
        ax.set(title=name, xlabel='time t: data 0, noise 1')
    axs[0].set_ylabel('first coordinate of z')
    return axs

def draw_trajectories(record, data):
    "Trajectories of the generative ODE from the same noise for all models; seed 0."
    lines = {r['model']: r['trajectories'] for r in record['runs'].of(data=data, seed=0)}
    panels(lines, lambda i: 'C0')

def draw_paths(record, data):
    "Forward paths from the points of `ends`: those of NFDM-OT from seed 0; the others are fixed."
    fixed = {name: build(event=(2,), **predictor, **models[name].options) for name in ('vp', 'flow matching')}
    lines = {name: forward_paths(model) for name, model in fixed.items()}
    lines['nfdm-ot'] = record['runs'].of(data=data, seed=0, model='nfdm-ot')[0]['paths']
    axs = panels(lines, lambda i: f'C{i//8}')
    for i, x in enumerate(ends): axs[0].plot([], [], color=f'C{i}', label=f'x = ({x[0]:g}, {x[1]:g})')
    axs[0].legend(fontsize=7)

def draw_quality(record):
    "Sliced Wasserstein distance against the number of evaluations, mean and standard deviation over seeds."
    measured = record['runs'].by('data', sets)
    fig, axs = plt.subplots(1, len(measured), figsize=(11, 3.2), layout='constrained')
    for ax, (data, mine) in zip(axs, measured.items()):
        for name, runs in mine.by('model', models).items():
            values = [best(runs, n)[1] for n in nfes]
            middle, spread = list(map(mean, values)), list(map(stdev, values))
            ax.errorbar(nfes, middle, spread, marker='o', ms=3, capsize=2, lw=1, label=name)
        ax.axhline(mean(record['floor'][data]), color='k', ls=':', lw=1, label='other data')
        ax.set(title=data, xscale='log', yscale='log', xlabel='evaluations', xticks=nfes, xticklabels=nfes)
        ax.minorticks_off()
    axs[0].set_ylabel('sliced Wasserstein distance')
    axs[0].legend(fontsize=7)

if __name__ == '__main__': few_steps.main(seeds=(0, 1, 2), data=sets, models=tuple(models), seconds=60.)

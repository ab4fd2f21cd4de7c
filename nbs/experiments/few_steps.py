"""How many steps does a sample need? After equal seconds of training.

    python nbs/experiments/few_steps.py           # 54 runs: three quarters of an hour on one CPU core
    python nbs/experiments/few_steps.py --show    # the tables from the committed results

Flow matching and NFDM-OT, both with the predictor trained by velocity matching (or by the bound, for
comparison), and with independent or with paired noise (minibatch OT, arXiv 2302.00482). All have the same
network as predictor. First it is measured, in turns and on a quiet machine, how long a training step of each
takes; then each gets as many iterations as fit into --seconds, so that runs may share the machine. Samples
are judged against 10,000 test points (MMD: 1,000) by the best of Euler, midpoint and Heun at an equal number
of evaluations; a method that cannot spend them all spends fewer. Those of a learned coupling start from a
mixture of normals, fitted to where training data end, and for comparison from N(0, I). The weights of the
curvature were chosen by few_steps_weights.py.
"""
from typing import NamedTuple
import matplotlib.pyplot as plt
import torch
from ndm_nb.continuous import ContinuousBound
from ndm_nb.core import repeatable
from ndm_nb.data import dataset, toy
from ndm_nb.evaluation import bound_for, evaluate
from ndm_nb.metrics import mmd, sliced_wasserstein
from ndm_nb.presets import build
from ndm_nb.sampling import sample_ode, solvers_at, time_grid
from ndm_nb.training import Trainer
from ndm_nb.transport import curvature, curvature_penalty, few_step_error, mixture_end
from ndm_nb.transport import optimal_transport_cost, paired_noise, straightness, transport_cost
import harness
from harness import Experiment, bold, mean, origin, parameters, pm, stdev

class Model(NamedTuple):
    "What is compared."
    options:dict # of `build`
    objective:str='velocity' # of the predictor
    noise:object=None # how noise is drawn in training
    weight:float=0. # of the curvature, nats per squared unit of the data

predictor = dict(width=96, depth=2, gamma=(-7, 4))                  # the noise at t = 0 is e^(-7/2) = 0.03
training = dict(batch=256, lr=2e-3, repeats=1)
# the penalty: in so many batches, by a difference over a step, rising in so much of the run
penalised = dict(share=1/16, step=.1, ramp=.3)
models = {
    'flow matching': Model(dict(preset='flow_matching')),
    'by the bound': Model(dict(preset='flow_matching'), 'bound'),
    'minibatch OT': Model(dict(preset='flow_matching'), noise=paired_noise),
    'nfdm-ot': Model(dict(preset='nfdm_ot'), weight=.2),
    'nfdm-ot, pinned': Model(dict(preset='nfdm', base='ot'), weight=.2),
    'nfdm-ot, pairs': Model(dict(preset='nfdm_ot'), noise=paired_noise, weight=.2)}
sets, nfes = ('checkerboard', 'eight_gaussians', 'two_moons'), (1, 2, 4, 12)
ends = [[-1., -1.], [1., 1.]]                # where the pictured forward paths start: corners of squares
few_steps = Experiment('few_steps', key=('data', 'model', 'seed'))

@few_steps.override
def settings(seconds):
    "All of them, under one name."
    chosen = {name: model.weight for name, model in models.items() if model.weight}
    options = {name: model.options for name, model in models.items()}
    told = dict(seconds=seconds, predictor=predictor, models=options, weights=chosen, penalised=penalised)
    return dict(settings=training | told)

def trainer_of(data, kind, seed, iterations):
    "A model about to be trained."
    splits = dataset(data)
    torch.manual_seed(seed)
    net = build(event=(2,), **predictor, **kind.options)
    how, penalty = {}, None
    if kind.weight:
        penalty = curvature(kind.weight, share=penalised['share'], step=penalised['step'], noise=kind.noise)
        how = dict(ramp=penalised['ramp'])
    bound = bound_for(None, objective=kind.objective, noise=kind.noise)
    return Trainer(net, bound, splits.train, splits.valid, penalty=penalty, seed=seed, iterations=iterations,
                   every=max(iterations//8, 1), **training, **how)

@few_steps.fact
def step_seconds():
    "Of a training step of each model."
    return harness.step_seconds({name: trainer_of('checkerboard', kind, 0, 10_000)
                                 for name, kind in models.items()}, n=256)

@few_steps.override
def jobs(data, models, seeds, seconds, record):
    "As many iterations as fit."
    def fitting(model): return round(seconds/record['step_seconds'][model])
    return [dict(data=d, model=m, seed=s, iterations=fitting(m)) for s in seeds for d in data for m in models]

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
def run(data, model, seed, iterations):
    "Train one model; what is measured of it."
    trainer, test = trainer_of(data, models[model], seed, iterations), dataset(data).test
    trainer.fit(progress=False)
    net, noise = trainer.model, torch.randn(10_000, 2, generator=torch.Generator().manual_seed(seed))
    result = dict(iterations=iterations, weight=models[model].weight, parameters=parameters(net))
    start = start_of(net, trainer.train, noise, seed)
    if start is not noise: result['from_noise'] = distances(net, test, noise)
    return result | judge(net, test, start) | (pictured(net) if seed == 0 else {})

def start_of(model, x, noise, seed):
    "What a model makes samples of: the noise, or with a learned coupling a mixture fitted to where x ends."
    if not model.path(x[:2]).schedule.open_end: return noise
    end = mixture_end(model, x)
    with repeatable(seed, noise.device): return end(noise)

def distances(model, test, start):
    "Of samples from the test points, by number of evaluations and solver."
    def near(x): return dict(sw=distance(x, test), mmd=mmd(x[:1000], test[:1000]).item())
    return {str(nfe): {solver: near(sample_ode(model, start, steps, solver))
                       for solver, steps in solvers_at(nfe).items()} for nfe in nfes}

def judge(model, test, start):
    "Everything that is measured of a trained model, whose samples start there."
    samples, start = distances(model, test, start), start[:1000]
    x, way = sample_ode(model, start, 50, trajectory=True)
    cost = transport_cost(start, x).item()
    with torch.no_grad(), repeatable(0, start.device): bend = curvature_penalty(model, test).mean().item()
    return dict(bits_per_dim=evaluate(model, ContinuousBound(), test, repeats=2)['total'], samples=samples,
                curvature=bend, straightness=straightness(way).item(), transport_cost=cost,
                cost_ratio=cost/optimal_transport_cost(start, x).item(),
                step_error=few_step_error(model, start, fine=50))

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

def best(runs, nfe, of='samples'):
    "The solver with the lowest mean distance over seeds, and its distances."
    samples = [r[of][str(nfe)] for r in runs]
    values = {solver: [found[solver]['sw'] for found in samples] for solver in samples[0]}
    return min(values.items(), key=lambda item: sum(item[1]))

def columns(name, runs, of):
    "The first ones of a row."
    row = dict(model=name)
    for nfe in nfes:
        solver, values = best(runs, nfe, of)
        row[f'SW, {nfe} evaluation{"s"*(nfe > 1)}'] = f'{pm(values)} ({solver})'
    return row

@few_steps.table
def table(record, data):
    "A row for each model, the best distances in bold."
    return bold(rows(record, data), 'SW')

def rows(record, data):
    "Mean ± standard deviation over seeds."
    for name, runs in record['runs'].of(data=data).by('model', models).items():
        yield columns(name, runs, 'samples') | {
                     'curvature': runs.pm('curvature', '.2f'), 'straightness': runs.pm('straightness'),
                     'cost / optimal': runs.pm('cost_ratio'), 'bound, bits/dim': runs.pm('bits_per_dim'),
                     'iterations': f"{int(runs.mean('iterations')):,}"}
        if 'from_noise' in runs[0]: yield columns(f'{name}, from N(0, I)', runs, 'from_noise')

def in_words(record, ours, theirs, at):
    "A line for each data set: how far one model is with some evaluations, and another with others."
    for data, runs in record['runs'].by('data', sets).items():
        mine, other = (best(runs.of(model=name), nfe)[1] for name, nfe in zip((ours, theirs), at))
        yield f"* {data.replace('_', ' ')}: {pm(mine)} against {pm(other)}"

@few_steps.override
def report(record):
    "A table for each data set."
    yield f"{origin(record)}, {record['settings']['seconds']:.0f} seconds of training each"
    for data in record['runs'].by('data', sets):
        yield f"{data}; SW between sets of data {pm(record['floor'][data])}"
        yield table(record, data)

def panels(lines, look):
    "A panel for each name: lines over time, with the data on the left and the noise on the right."
    fig, axs = plt.subplots(1, len(lines), figsize=(2.8*len(lines), 2.8), layout='constrained', sharey=True)
    for ax, (name, ways) in zip(axs, lines.items()):
        for i, way in enumerate(ways): ax.plot([1 - k/20 for k in range(21)], way, look(i), lw=.7)
        ax.set(title=name, xlabel='time t: data 0, noise 1')
    axs[0].set_ylabel('first coordinate of z')
    return axs

def draw_trajectories(record, data):
    "Trajectories of the generative ODE from the same noise for all models; seed 0."
    lines = {r['model']: r['trajectories'] for r in record['runs'].of(data=data, seed=0)}
    panels(lines, lambda i: 'C0-')

def draw_paths(record, data):
    "Forward paths from the points of `ends`: those of NFDM-OT from seed 0; the others are fixed."
    fixed = {name: build(event=(2,), **predictor, **models[name].options) for name in ('flow matching',)}
    lines = {name: forward_paths(model) for name, model in fixed.items()}
    lines['nfdm-ot'] = record['runs'].of(data=data, seed=0, model='nfdm-ot')[0]['paths']
    looks = 'C0-', 'C3--'
    axs = panels(lines, lambda i: looks[i//8])
    for look, x in zip(looks, ends): axs[0].plot([], [], look, label=f'x = ({x[0]:g}, {x[1]:g})')
    axs[0].legend()

def draw_quality(record):
    "Sliced Wasserstein distance against the number of evaluations, mean and standard deviation over seeds."
    measured = record['runs'].by('data', sets)
    fig, axs = plt.subplots(1, len(measured), figsize=(9, 3.6), layout='constrained')
    looks = 'o-', 's--', '^-.', 'D:', 'v-', 'x--'
    for ax, (data, mine) in zip(axs, measured.items()):
        for (name, runs), look in zip(mine.by('model', models).items(), looks):
            values = [best(runs, n)[1] for n in nfes]
            middle, spread = list(map(mean, values)), list(map(stdev, values))
            ax.errorbar(nfes, middle, spread, fmt=look, ms=3, capsize=2, lw=1, label=name)
        ax.axhline(mean(record['floor'][data]), color='k', ls=':', lw=1, label='other data')
        ax.set(title=data, xscale='log', yscale='log', xlabel='evaluations', xticks=nfes, xticklabels=nfes)
        ax.minorticks_off()
    axs[0].set_ylabel('sliced Wasserstein distance')
    fig.legend(*axs[0].get_legend_handles_labels(), loc='outside lower center', ncols=4)

if __name__ == '__main__':
    few_steps.main(seeds=(0, 1, 2), data=sets, models=tuple(models), seconds=30., processes=1)

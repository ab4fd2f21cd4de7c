"""How many steps does a sample need? Ordinary diffusion, flow matching with random and with matched pairs, and NFDM-OT, after equal seconds of training.

    python nbs/experiments/few_steps.py                # three data sets, three seeds: three quarters of an hour on one CPU core
    python nbs/experiments/few_steps.py --show         # only print the tables from the committed results

All have the same network as predictor and are trained on the bound in continuous time, with times by importance. `minibatch OT` pairs the data of a batch with its noise by the
optimal assignment (arXiv 2302.00482), after which the loss is no bound; the bound that is reported is that of the model it leaves. `nfdm-ot` adds the
curvature of the trajectories to the loss. Samples are judged against 10,000 test points (MMD: 1,000) by the best of Euler, midpoint and Heun at an
equal number of evaluations; a method that cannot spend them all spends fewer. What the record already holds is not run again; delete
nbs/experiments/results/few_steps.json to start afresh.

The budget is wall-clock time, so a busy machine changes how far a model comes; the number of iterations is in the record. The penalty is computed in one batch of eight,
so that a minute has more than twice as many steps as with a penalty in every one. Chosen with seed 0 by two evaluations: first the weight 0.1
in every batch (from 0.03, 0.1 and 0.3, on the checkerboard, with an earlier, larger network); then, on eight Gaussians, 0.1 in one batch of four (also with
a larger network for the forward process, or batches of 512), and 0.05 and 0.025 in one of eight; the last two on the checkerboard as well. 0.05 in one of eight was best on both.
"""
import argparse, json
from pathlib import Path
from statistics import mean, stdev
from harness import pm, run_jobs

path = Path(__file__).parent/'results'/'few_steps.json'
options = dict(width=96, depth=2, gamma=(-7, 4))                                               # of the predictor; the noise at t = 0 is e^(-7/2) = 0.03
settings = dict(batch=128, lr=5e-3, every=500)
nfes = (1, 2, 4, 12)
ends = [[-1., -1.], [1., 1.]]                                   # where the pictured forward paths start: corners of squares of the checkerboard
models = {'vp': dict(preset='ddpm'), 'flow matching': dict(preset='flow_matching'), 'minibatch OT': dict(preset='flow_matching'),
          'nfdm-ot': dict(preset='nfdm', base='ot', terms=2)}
weights, share = {'nfdm-ot': .05}, 1/8                        # of the curvature, nats per squared unit of the data; in how many of the batches
solvers = dict(euler=lambda nfe: nfe, midpoint=lambda nfe: nfe//2, heun=lambda nfe: (nfe + 1)//2)         # steps for a number of evaluations

def paired_bound(model, x, sampler):
    "The integrand of the continuous bound with each x of the batch paired with one of its noises by the optimal assignment."
    import torch
    from scipy.optimize import linear_sum_assignment
    from ndm_nb.continuous import mismatch
    from ndm_nb.core import expand, sum_event
    from ndm_nb.model import Bound, boundary_terms
    t, noise, path = sampler(len(x), x), torch.randn_like(x), model.forward_process(x)
    order = linear_sum_assignment((torch.cdist(x, noise)**2).numpy())[1]
    q, g, density = path.flow(t), model.volatility(t), sampler.density(t)
    velocity, score = mismatch(model, q, q.sample(noise[order]), t)
    diffusion = sum_event((velocity - expand(g**2, x)/2*score)**2) / (2*g**2)
    if model.training: sampler.update(t, diffusion)
    reconstruction, prior = boundary_terms(model, x, path)
    return Bound(reconstruction, diffusion/density, prior, x[0].numel())

def make(name, splits, seed, seconds):
    "A trainer, with the model it trains."
    import torch
    from functools import partial
    from ndm_nb.continuous import ImportanceTime
    from ndm_nb.networks import MLP
    from ndm_nb.presets import build
    from ndm_nb.training import Trainer, bound_for
    from ndm_nb.transport import curvature
    torch.manual_seed(seed)
    model = build(event=splits.event, **options | models[name])
    if name == 'nfdm-ot':                                    # a small network for the forward process: its step is the dearest
        model.forward_process.net = MLP(splits.event, 2*models[name]['terms'], width=64, depth=1, time=False)
    bound = partial(paired_bound, sampler=ImportanceTime()) if name == 'minibatch OT' else bound_for(None, 'importance')
    return Trainer(model, bound, splits.train, splits.valid, iterations=None, minutes=seconds/60, seed=seed, **settings,
                   penalty=curvature(weights[name], share=share) if name in weights else None)

def judge(model, test, noise):
    "Everything that is measured on a trained model."
    import torch
    from ndm_nb.continuous import continuous_bound
    from ndm_nb.metrics import mmd, sliced_wasserstein
    from ndm_nb.sampling import sample_ode
    from ndm_nb.training import evaluate
    from ndm_nb.transport import curvature_penalty, few_step_error, optimal_transport_cost, straightness, transport_cost
    generator = lambda: torch.Generator().manual_seed(0)
    result = dict(bits_per_dim=evaluate(model, continuous_bound, test, repeats=2)['total'], samples={})
    for nfe in nfes:
        for solver, steps in solvers.items():
            if steps(nfe) < 1 or solver == 'heun' and nfe == 2: continue                     # Heun of one step is Euler
            x = sample_ode(model, noise, steps(nfe), solver)
            result['samples'].setdefault(str(nfe), {})[solver] = dict(sw=sliced_wasserstein(x, test, generator=generator()).item(),
                                                                      mmd=mmd(x[:1000], test[:1000]).item())
    x, way = sample_ode(model, noise[:1000], 50, trajectory=True)
    cost = transport_cost(noise[:1000], x).item()
    torch.manual_seed(0)
    with torch.no_grad(): result['curvature'] = curvature_penalty(model, test).mean().item()
    return result | dict(straightness=straightness(way).item(), transport_cost=cost, cost_ratio=cost/optimal_transport_cost(noise[:1000], x).item(),
                         step_error=few_step_error(model, noise[:1000], fine=50))

def pictured_noise():
    "Noises for the pictures: of 30 trajectories, and of 8 forward paths from each point."
    import torch
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 2, generator=generator) for n in (30, 8)]

def forward_paths(model):
    "First coordinates of z_t from the points of `ends`, with the same 8 noises for both: 16 paths, at 21 times from 1 to 0."
    import torch
    from ndm_nb.sampling import time_grid
    points, noise = torch.tensor(ends).repeat_interleave(8, 0), pictured_noise()[1].repeat(2, 1)
    with torch.no_grad():
        path = model.forward_process(points)
        return torch.stack([path(t.repeat(16)).sample(noise)[:, 0] for t in time_grid(20)]).T

def pictured(model):
    "What the figures need: first coordinates of 30 trajectories, and of forward paths."
    from ndm_nb.sampling import sample_ode
    ways = sample_ode(model, pictured_noise()[0], 100, trajectory=True)[1].z[::5, :, 0].T
    return {name: [[round(v, 3) for v in way] for way in lines.tolist()] for name, lines in (('trajectories', ways), ('paths', forward_paths(model)))}

def run(data, name, seed, seconds):
    "Train one model; returns what is measured."
    import torch
    torch.set_num_threads(1)
    from ndm_nb.data import dataset
    splits = dataset(data)
    trainer = make(name, splits, seed, seconds)
    trainer.fit(progress=False)
    noise = torch.randn(10_000, 2, generator=torch.Generator().manual_seed(seed))
    return dict(data=data, model=name, seed=seed, seconds=trainer.history[-1]['seconds'], iterations=trainer.iteration,
                weight=weights.get(name, 0.),
                parameters=sum(p.numel() for p in trainer.model.parameters()), **judge(trainer.model, splits.test, noise),
                **(pictured(trainer.model) if seed == 0 else {}))

def floor(data):
    "The sliced Wasserstein distance of two sets of 10,000 data points: what perfect samples would reach."
    import torch
    from ndm_nb.data import dataset, toy
    from ndm_nb.metrics import sliced_wasserstein
    test = dataset(data).test
    return [sliced_wasserstein(toy(data, len(test), seed), test, generator=torch.Generator().manual_seed(0)).item() for seed in (100, 101, 102)]

def best(runs, nfe, what='sw'):
    "The solver with the lowest mean over seeds, and its values."
    values = {solver: [r['samples'][str(nfe)][solver][what] for r in runs] for solver in runs[0]['samples'][str(nfe)]}
    return min(values.items(), key=lambda item: sum(item[1]))

def table(data, record):
    "A Markdown table: mean ± standard deviation over seeds."
    lines = ['| model | ' + ' | '.join(f'SW, {n} evaluation{"s"*(n > 1)}' for n in nfes) + ' | curvature | straightness | cost / optimal | bound, bits/dim | iterations |']
    lines.append('|---'*(lines[0].count('|') - 1) + '|')
    for name in models:
        runs = [r for r in record['runs'] if r['data'] == data and r['model'] == name]
        if not runs: continue
        get = lambda key: [r[key] for r in runs]
        sw = [f'{pm(values)} ({solver})' for solver, values in (best(runs, n) for n in nfes)]
        lines.append(f'| {name} | ' + ' | '.join(sw) + f" | {pm(get('curvature'), 2)} | {pm(get('straightness'))} | {pm(get('cost_ratio'))} | {pm(get('bits_per_dim'))} | {sum(get('iterations'))//len(runs):,} |")
    return '\n'.join(lines)

def panels(lines, color):
    "A panel for each name: lines over time, with the data on the left and the noise on the right."
    import matplotlib.pyplot as plt
    fig, axs = plt.subplots(1, len(lines), figsize=(2.8*len(lines), 2.8), layout='constrained', sharey=True)
    for ax, (name, ways) in zip(axs, lines.items()):
        for i, way in enumerate(ways): ax.plot([1 - k/20 for k in range(21)], way, color=color(i), lw=.7)
        ax.set(title=name, xlabel='time t: data 0, noise 1')
    axs[0].set_ylabel('first coordinate of z')
    return axs

def draw_trajectories(data, record):
    "Trajectories of the generative ODE from the same noise for all models; seed 0."
    lines = {r['model']: r['trajectories'] for r in record['runs'] if r['data'] == data and 'trajectories' in r}
    panels({name: lines[name] for name in models}, lambda i: 'C0')

def draw_paths(data, record):
    "Forward paths from the points of `ends`; those of `vp` and flow matching are fixed and take no training, those of NFDM-OT are from seed 0."
    from ndm_nb.presets import build
    lines = {name: forward_paths(build(event=(2,), **options | models[name])) for name in ('vp', 'flow matching')}
    lines |= {r['model']: r['paths'] for r in record['runs'] if (r['data'], r['model']) == (data, 'nfdm-ot') and 'paths' in r}
    axs = panels(lines, lambda i: f'C{i//8}')
    for i, x in enumerate(ends): axs[0].plot([], [], color=f'C{i}', label=f'x = ({x[0]:g}, {x[1]:g})')
    axs[0].legend(fontsize=7)

def draw_quality(record):
    "Sliced Wasserstein distance against the number of evaluations, mean and standard deviation over seeds."
    import matplotlib.pyplot as plt
    fig, axs = plt.subplots(1, len(record['floor']), figsize=(11, 3.2), layout='constrained')
    for ax, (data, low) in zip(axs, record['floor'].items()):
        for name in models:
            values = [best([r for r in record['runs'] if r['data'] == data and r['model'] == name], n)[1] for n in nfes]
            ax.errorbar(nfes, [mean(v) for v in values], [stdev(v) for v in values], marker='o', ms=3, capsize=2, lw=1, label=name)
        ax.axhline(mean(low), color='k', ls=':', lw=1, label='other data')
        ax.set(title=data, xscale='log', yscale='log', xlabel='evaluations', xticks=nfes, xticklabels=nfes); ax.minorticks_off()
    axs[0].set_ylabel('sliced Wasserstein distance'); axs[0].legend(fontsize=7)

def main(datas, names, seeds, seconds):
    record = json.loads(path.read_text()) if path.exists() else {}
    record |= dict(settings=settings | dict(seconds=seconds, predictor=options, models=models, weights=weights, share=share))
    for data in datas: record.setdefault('floor', {}).setdefault(data, floor(data))
    path.parent.mkdir(exist_ok=True); path.write_text(json.dumps(record, indent=1) + '\n')
    done = {(r['data'], r['model'], r['seed']) for r in record.get('runs', [])}
    for job in [(d, n, s, seconds) for s in seeds for d in datas for n in names if (d, n, s) not in done]:
        record = run_jobs(run, [job], path, key=lambda r: (r['data'], r['model'], r['seed']),              # one at a time: the clock counts
                          show=lambda r: f"{r['data']}, {r['model']}, seed {r['seed']}: {r['iterations']} iterations in {r['seconds']:.0f} s, "
                                         + ', '.join(f"{n}: {min(v['sw'] for v in r['samples'][str(n)].values()):.3f}" for n in nfes)
                                         + f", curvature {r['curvature']:.2f}, {r['bits_per_dim']:.3f} bits/dim")
    return record

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--show', action='store_true', help='print the committed results')
    p.add_argument('--data', nargs='+', default=['checkerboard', 'eight_gaussians', 'two_moons'])
    p.add_argument('--models', nargs='+', default=list(models), choices=list(models))
    p.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2], help='of weights, batches and noise (default: 0 1 2)')
    p.add_argument('--seconds', type=float, default=60., help='of training, for each model')
    a = p.parse_args()
    record = json.loads(path.read_text()) if a.show else main(a.data, a.models, a.seeds, a.seconds)
    print(f"\n{record['hardware']}, torch {record['torch']}, {record['settings']['seconds']:.0f} seconds of training each")
    for data in record['floor']: print(f"\n{data}; SW between sets of data {pm(record['floor'][data])}\n\n{table(data, record)}")

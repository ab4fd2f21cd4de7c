"""Bridges in the plane: what a learned bridge does if it is let, what the energy of its paths is good for, and obstacles.

    python nbs/experiments/bridges.py                # 40 minutes on one CPU core
    python nbs/experiments/bridges.py --show         # only print the tables from the committed results

`rings` leads from eight Gaussians to two moons around them (three times as large), with a disc of radius 1 in the middle as the obstacle; `straits` from a
small ring on the left to two moons on the right, with a disc, a wall or a ship in between. All pairs are random, both ends are predicted, and all models have the
same networks, two minutes of training, and the bound as their loss, to which the energy of the path and the cost of the obstacle are added. Samples are drawn
from the SDE (200 steps of Euler-Maruyama) and the ODE (50 of Heun) for 10,000 new sources, and compared with 10,000 test points of the target.

What the record already holds is not run again; delete nbs/experiments/results/bridges.json to start afresh. The margin and
the weights were chosen with seed 0 of `rings`.
"""
import argparse, json
from pathlib import Path
from harness import pm, run_jobs

path = Path(__file__).parent/'results'/'bridges.json'
settings = dict(delta=.1, tau=.5, terms=5, bridge=dict(width=96, depth=2), predictor=dict(width=128, depth=3), batch=256, lr=3e-3, energy=.3, weight=3000., margin=.5)
obstacles = dict(rings={'disc': ('disc', (0., 0.), 1.)},
                 straits={'disc': ('disc', (0., 0.), .8), 'wall': ('wall', 0., (-.5, .5), .4), 'ship': ('ship', (0., 3.), (0., -3.), .8)})
# data, model: (is the bridge learned, the weight of its energy, the obstacle that it is told of), seeds
models = {('rings', 'Brownian'): ((False, 0., None), 1), ('rings', 'learned'): ((True, 0., None), 1),
          ('rings', 'learned, energy'): ((True, 1., None), 3), ('rings', 'learned, energy, disc'): ((True, 1., 'disc'), 3),
          ('straits', 'learned, energy'): ((True, 1., None), 3), ('straits', 'learned, energy, disc'): ((True, 1., 'disc'), 3),
          ('straits', 'learned, energy, wall'): ((True, 1., 'wall'), 1),
          ('straits', 'learned, energy, ship'): ((True, 1., 'ship'), 1)}

def sets(data, n, seed):
    "Targets and sources."
    import torch
    from ndm_nb.data import toy
    moons, ring = toy('two_moons', n, seed), toy('eight_gaussians', n, seed + 1000)
    return (3*moons, ring) if data == 'rings' else (.8*moons + torch.tensor([3., 0.]), .5*ring - torch.tensor([3., 0.]))

def obstacle(data, name, margin=0.):
    "The cost function, with some water around the obstacle."
    from ndm_nb import bridges
    kind, *where = obstacles[data][name]
    if kind == 'wall': return bridges.wall(where[0], (where[1][0] + margin/2, where[1][1] - margin/2), where[2] + 2*margin)
    return getattr(bridges, kind)(*where[:-1], where[-1] + margin)

def run(data, name, seed, seconds):
    "Train one bridge; returns what is measured."
    import torch
    from functools import partial
    from ndm_nb.bridges import AffineBridge, BridgeSchedule, EndsPredictor, bridge_bound, pair_up, path_cost, sample_bridge, share_entering
    from ndm_nb.continuous import ImportanceTime
    from ndm_nb.metrics import sliced_wasserstein
    from ndm_nb.model import GaussianDecoder, NeuralDiffusion
    from ndm_nb.networks import MLP
    from ndm_nb.schedules import ConstantVolatility
    from ndm_nb.training import Trainer, evaluate
    torch.set_num_threads(1)
    (learned, energy, told), _ = models[data, name]
    torch.manual_seed(seed)
    schedule = BridgeSchedule(settings['delta'], settings['tau'])
    predictor = EndsPredictor(MLP((2,), outputs=2, **settings['predictor']), schedule)
    net = MLP((4,), outputs=settings['terms'], time=False, **settings['bridge']) if learned else None
    model = NeuralDiffusion(AffineBridge(schedule, net, settings['terms']), predictor, ConstantVolatility(schedule.tau), GaussianDecoder(schedule))
    penalty = None
    if energy: penalty = path_cost(obstacle(data, told, settings['margin']) if told else None, settings['weight'], energy*settings['energy'])
    pairs, valid, test = (pair_up(*sets(data, n, s)) for n, s in ((50_000, 0), (2_000, 1), (10_000, 2)))
    trainer = Trainer(model, partial(bridge_bound, sampler=ImportanceTime()), pairs, valid, penalty, iterations=None, minutes=seconds/60, every=1000, repeats=1,
                      seed=seed, batch=settings['batch'], lr=settings['lr'])
    trainer.fit(progress=False)
    result = dict(data=data, model=name, seed=seed, seconds=trainer.history[-1]['seconds'], iterations=trainer.iteration,
                  bits_per_dim=evaluate(model, bridge_bound, test, repeats=2)['total'], samples={}, entering={}, cost={})
    target, source = test.unbind(1)
    for solver, steps in dict(euler_maruyama=200, heun=50).items():
        torch.manual_seed(seed)
        x, way = sample_bridge(model, source, steps, solver, trajectory=True)
        result['samples'][solver] = dict(sw=sliced_wasserstein(x, target, generator=torch.Generator().manual_seed(0)).item(), moved=(x - source).square().sum(1).mean().item())
        for what in obstacles[data]:
            cost = obstacle(data, what)
            result['entering'].setdefault(what, {})[solver] = share_entering(way, cost)
            result['cost'].setdefault(what, {})[solver] = torch.stack([cost(z, t.expand(len(z))) for t, z in zip(*way)]).mean().item()
        if solver == 'euler_maruyama' and seed == 0: result['paths'] = json.dumps(way.z[::8, :60].double().mul(100).round().div(100).tolist(), separators=(',', ':'))      # in one line
    return result

def floor(data):
    "The sliced Wasserstein distance of two sets of 10,000 targets."
    import torch
    from ndm_nb.metrics import sliced_wasserstein
    return [sliced_wasserstein(sets(data, 10_000, s)[0], sets(data, 10_000, 2)[0], generator=torch.Generator().manual_seed(0)).item() for s in (10, 11, 12)]

def table(data, record):
    "A Markdown table: mean ± standard deviation over seeds."
    whats = list(obstacles[data])
    lines = ['| model | ' + ' | '.join(f'SDE, enter the {w}' for w in whats) + ' | SDE, cost | SDE, SW | ODE, SW | moved² | bound, bits/dim | iterations |']
    lines.append('|---'*(lines[0].count('|') - 1) + '|')
    for name in (m for d, m in models if d == data):
        runs = [r for r in record['runs'] if r['data'] == data and r['model'] == name]
        if not runs: continue
        told = models[data, name][0][2] or whats[0]
        shares = [pm([100*r['entering'][w]['euler_maruyama'] for r in runs], 1) + ' %' for w in whats]
        get = lambda solver, key: pm([r['samples'][solver][key] for r in runs], 1 if key == 'moved' else 3)
        lines.append(f'| {name} | ' + ' | '.join(shares) + f" | {pm([r['cost'][told]['euler_maruyama'] for r in runs], 5)} | {get('euler_maruyama', 'sw')} | {get('heun', 'sw')} | "
                     f"{get('euler_maruyama', 'moved')} | {pm([r['bits_per_dim'] for r in runs])} | {sum(r['iterations'] for r in runs)//len(runs):,} |")
    return '\n'.join(lines)

def draw(data, record, names=None):
    "Trajectories of the SDE, coloured by the direction in which their sources lie."
    import matplotlib.pyplot as plt
    import numpy as np
    runs = [r for r in record['runs'] if r['data'] == data and 'paths' in r and (names is None or r['model'] in names)]
    target, source = sets(data, 2000, 2)
    middle = source.mean(0).numpy()
    fig, axs = plt.subplots(1, len(runs), figsize=(3*len(runs), 3), dpi=72, layout='constrained', sharex=True, sharey=True)
    for ax, r in zip(axs, runs):
        ax.plot(*target.T, '.', color='.8', ms=1); ax.plot(*source.T, '.', color='.6', ms=1)
        for way in np.array(json.loads(r['paths'])).transpose(1, 0, 2):
            colour = plt.cm.hsv(np.arctan2(*(way[0] - middle)[::-1])/(2*np.pi) % 1)
            ax.plot(*way.T, color=colour, lw=.6); ax.plot(*way[-1], 'o', color=colour, ms=3)
        told = models[data, r['model']][0][2] or next(iter(obstacles[data]))
        kind, *where = obstacles[data][told]
        if kind == 'disc': ax.add_patch(plt.Circle(*where, color='k', alpha=.2))
        if kind == 'wall':
            low, high = where[1]
            for a, b in ((-9, low), (high, 9)): ax.fill_between([where[0] - where[2]/2, where[0] + where[2]/2], a, b, color='k', alpha=.2)
        if kind == 'ship': ax.plot(*zip(*where[:2]), color='k', lw=20, alpha=.1)
        ax.set(title=r['model'], xlabel='first coordinate', aspect='equal')
    if data == 'straits': axs[0].set_ylim(-4, 4)
    axs[0].set(ylabel='second coordinate')
    return fig

def main(seconds):
    record = json.loads(path.read_text()) if path.exists() else {}
    record |= dict(settings=settings | dict(seconds=seconds))
    for data in obstacles: record.setdefault('floor', {}).setdefault(data, floor(data))
    path.parent.mkdir(exist_ok=True); path.write_text(json.dumps(record) + '\n')
    done = {(r['data'], r['model'], r['seed']) for r in record.get('runs', [])}
    for job in [(*key, seed, seconds) for seed in range(3) for key, (_, seeds) in models.items() if seed < seeds and (*key, seed) not in done]:
        record = run_jobs(run, [job], path, key=lambda r: (r['data'], r['model'], r['seed']),                # one at a time: the clock counts
                          show=lambda r: f"{r['data']}, {r['model']}, seed {r['seed']}: {r['iterations']} iterations, {r['entering']}, {r['samples']}, {r['bits_per_dim']:.3f} bits/dim")
    return record

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--show', action='store_true', help='print the committed results')
    p.add_argument('--seconds', type=float, default=120., help='of training, for each model')
    a = p.parse_args()
    record = json.loads(path.read_text()) if a.show else main(a.seconds)
    print(f"\n{record['hardware']}, torch {record['torch']}, {record['settings']['seconds']:.0f} seconds of training each")
    for data in obstacles: print(f"\n{data}; SW between sets of data {pm(record['floor'][data])}\n\n{table(data, record)}")

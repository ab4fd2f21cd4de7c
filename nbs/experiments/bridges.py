"""Bridges in the plane: what a learned one does if it is let, what the energy of its paths does, obstacles.

    python nbs/experiments/bridges.py                # 40 minutes on one CPU core
    python nbs/experiments/bridges.py --show         # the tables from the committed results

`rings` leads from eight Gaussians to two moons around them (three times as large), with a disc of radius 1 in
the middle as the obstacle; `straits` from a small ring on the left to two moons on the right, with a disc, a
wall or a ship in between. All pairs are random, both ends are predicted, and all models have the same
networks, two minutes of training, and the bound as their loss, to which the energy of the path and the cost
of the obstacle are added. Samples are drawn from the SDE (200 steps of Euler-Maruyama) and the ODE (50 of
Heun) for 10,000 new sources, and compared with 10,000 test points of the target. The margin and the weights
were chosen with seed 0 of `rings`.
"""
import json
from typing import NamedTuple
import matplotlib.pyplot as plt
import numpy as np
import torch
from ndm_nb import bridges as costs
from ndm_nb.bridges import AffineBridge, BridgeBound, BridgeSchedule, EndsPredictor, pair_up, path_cost
from ndm_nb.bridges import sample_bridge, share_entering
from ndm_nb.data import toy
from ndm_nb.evaluation import evaluate
from ndm_nb.model import GaussianDecoder, NeuralDiffusion
from ndm_nb.networks import MLP
from ndm_nb.times import ImportanceTime
from ndm_nb.training import Trainer
from ndm_nb.volatility import ConstantVolatility
from few_steps import distance
from harness import Experiment, origin, pm

class Disc(NamedTuple):
    "An obstacle that stays where it is."
    centre:tuple
    radius:float
    def cost(self, margin=0.): return costs.disc(self.centre, self.radius + margin)
    def draw(self, ax): ax.add_patch(plt.Circle(self.centre, self.radius, color='k', alpha=.2))

class Wall(NamedTuple):
    "An obstacle with a gap."
    at:float
    gap:tuple
    thickness:float
    def cost(self, margin=0.):
        low, high = self.gap
        return costs.wall(self.at, (low + margin/2, high - margin/2), self.thickness + 2*margin)

    def draw(self, ax):
        sides = self.at - self.thickness/2, self.at + self.thickness/2
        ax.fill_between(sides, -9, self.gap[0], color='k', alpha=.2)
        ax.fill_between(sides, self.gap[1], 9, color='k', alpha=.2)
        ax.set_ylim(-4, 4)

class Ship(NamedTuple):
    "An obstacle that moves."
    start:tuple
    end:tuple
    radius:float
    def cost(self, margin=0.): return costs.ship(self.start, self.end, self.radius + margin)
    def draw(self, ax): ax.plot(*zip(self.start, self.end), color='k', lw=20, alpha=.1)

class Model(NamedTuple):
    "What is compared."
    learned:bool # is the bridge learned?
    energy:float=0. # its weight, in units of that of the settings
    told:str='' # which obstacle it is told of
    seeds:int=1

constants = dict(
    delta=.1, tau=.5, terms=5, bridge=dict(width=96, depth=2), predictor=dict(width=128, depth=3),
    batch=256, lr=3e-3, energy=.3, weight=3000., margin=.5)
obstacles = dict(
    rings=dict(disc=Disc((0., 0.), 1.)),
    straits=dict(disc=Disc((0., 0.), .8), wall=Wall(0., (-.5, .5), .4), ship=Ship((0., 3.), (0., -3.), .8)))
models = dict(
    rings={
        'Brownian': Model(False), 'learned': Model(True), 'learned, energy': Model(True, 1., seeds=3),
        'learned, energy, disc': Model(True, 1., 'disc', 3)},
    straits={
        'learned, energy': Model(True, 1., seeds=3), 'learned, energy, disc': Model(True, 1., 'disc', 3),
        'learned, energy, wall': Model(True, 1., 'wall'), 'learned, energy, ship': Model(True, 1., 'ship')})
solvers, pictured = dict(euler_maruyama=200, heun=50), 'euler_maruyama'
bridges = Experiment('bridges', key=('data', 'model', 'seed'))

def sets(data, n, seed):
    "Targets and sources."
    moons, ring = toy('two_moons', n, seed), toy('eight_gaussians', n, seed + 1000)
    right = torch.tensor([3., 0.])
    return dict(rings=(3*moons, ring), straits=(.8*moons + right, .5*ring - right))[data]

@bridges.override
def settings(seconds): return dict(settings=constants | dict(seconds=seconds))

@bridges.fact
def floor():
    "The distance of two sets of 10,000 targets."
    def low(data, seed): return distance(sets(data, 10_000, seed)[0], sets(data, 10_000, 2)[0])
    return {data: [low(data, seed) for seed in (10, 11, 12)] for data in obstacles}

@bridges.override
def jobs():
    "As many seeds of each model as it has."
    return [dict(data=data, model=name, seed=seed) for seed in range(3)
            for data in models for name, model in models[data].items() if seed < model.seeds]

def make(kind):
    "The model, untrained."
    schedule = BridgeSchedule(constants['delta'], constants['tau'])
    predictor = EndsPredictor(MLP((2,), outputs=2, **constants['predictor']), schedule)
    net = MLP((4,), outputs=constants['terms'], time=False, **constants['bridge']) if kind.learned else None
    bridge = AffineBridge(schedule, net, constants['terms'])
    return NeuralDiffusion(bridge, predictor, ConstantVolatility(schedule.tau), GaussianDecoder(schedule))

@bridges.measure
def run(data, model, seed, seconds):
    "Train one bridge; what is measured of it."
    kind = models[data][model]
    torch.manual_seed(seed)
    net = make(kind)
    cost = obstacles[data][kind.told].cost(constants['margin']) if kind.told else None
    penalty = path_cost(cost, constants['weight'], kind.energy*constants['energy']) if kind.energy else None
    train, valid, test = (pair_up(*sets(data, n, s)) for n, s in ((50_000, 0), (2_000, 1), (10_000, 2)))
    budget = dict(iterations=None, minutes=seconds/60, every=1000, repeats=1)
    trainer = Trainer(net, BridgeBound(ImportanceTime()), train, valid, penalty=penalty, seed=seed,
                      batch=constants['batch'], lr=constants['lr'], **budget)
    trainer.fit(progress=False)
    result = dict(seconds=trainer.history[-1]['seconds'], iterations=trainer.iteration,
                  bits_per_dim=evaluate(net, BridgeBound(), test, repeats=2)['total'])
    return result | judge(net, data, test, seed)

def judge(model, data, test, seed):
    "What is measured of the samples of each solver, and of the obstacles on their way."
    result, (target, source) = dict(samples={}, entering={}, cost={}), test.unbind(1)
    for solver, steps in solvers.items():
        torch.manual_seed(seed)
        x, way = sample_bridge(model, source, steps, solver, trajectory=True)
        moved = (x - source).square().sum(1).mean().item()
        result['samples'][solver] = dict(sw=distance(x, target), moved=moved)
        for name, obstacle in obstacles[data].items():
            cost = obstacle.cost()
            mean = torch.stack([cost(z, t.expand(len(z))) for t, z in zip(*way)]).mean().item()
            result['entering'].setdefault(name, {})[solver] = share_entering(way, cost)
            result['cost'].setdefault(name, {})[solver] = mean
        if solver == pictured and seed == 0:
            paths = way.z[::8, :60].double().mul(100).round().div(100).tolist()
            result['paths'] = json.dumps(paths, separators=(',', ':'))                  # in one line
    return result

def told(data, name):
    "The obstacle that a model is told of; the first one, if of none."
    return models[data][name].told or next(iter(obstacles[data]))

@bridges.table
def table(record, data):
    "Mean ± standard deviation over seeds."
    for name, runs in record['runs'].of(data=data).by('model', models[data]).items():
        row, samples, sde = dict(model=name), runs.get('samples'), pictured
        for what in obstacles[data]:
            shares = [100*r['entering'][what][sde] for r in runs]
            row[f'SDE, enter the {what}'] = f'{pm(shares, ".1f")} %'
        row['SDE, cost'] = pm([r['cost'][told(data, name)][sde] for r in runs], '.5f')
        row['SDE, SW'], row['ODE, SW'] = (pm([s[solver]['sw'] for s in samples]) for solver in solvers)
        row['moved²'] = pm([s[sde]['moved'] for s in samples], '.1f')
        row['bound, bits/dim'] = runs.pm('bits_per_dim')
        yield row | dict(iterations=f"{int(runs.mean('iterations')):,}")

@bridges.override
def report(record):
    "A table for each pair of sets."
    yield f"{origin(record)}, {record['settings']['seconds']:.0f} seconds of training each"
    for data in record['runs'].by('data', obstacles):
        yield f"{data}; SW between sets of data {pm(record['floor'][data])}"
        yield table(record, data)

def draw(record, data):
    "Trajectories of the SDE, coloured by the direction in which their sources lie."
    runs = record['runs'].of(data=data, seed=0)
    target, source = sets(data, 2000, 2)
    middle = source.mean(0).numpy()
    size = dict(figsize=(2.6*len(runs), 2.8), layout='constrained')
    fig, axs = plt.subplots(1, len(runs), sharex=True, sharey=True, **size)
    for ax, r in zip(axs, runs):
        ax.plot(*target.T, '.', color='.8', ms=1)
        ax.plot(*source.T, '.', color='.6', ms=1)
        for way in np.array(json.loads(r['paths'])).transpose(1, 0, 2):
            colour = plt.cm.hsv(np.arctan2(*(way[0] - middle)[::-1])/(2*np.pi) % 1)
            ax.plot(*way.T, color=colour, lw=.6)
            ax.plot(*way[-1], 'o', color=colour, ms=3)
        obstacles[data][told(data, r['model'])].draw(ax)
        ax.set(title=r['model'], xlabel='first coordinate', aspect='equal')
    axs[0].set(ylabel='second coordinate')
    return fig

if __name__ == '__main__': bridges.main(seconds=120.)

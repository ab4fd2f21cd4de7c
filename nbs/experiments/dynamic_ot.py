"""How far from optimal transport are the pairs of noise and sample that a model makes? Unrestricted models, and one whose reverse process is straight by construction.

    python nbs/experiments/dynamic_ot.py               # two data sets, three seeds: about twenty minutes on one CPU core; --seeds 0 is a third of it
    python nbs/experiments/dynamic_ot.py --show        # only print the tables from the committed results

The unrestricted models have no penalty and an equal number of iterations. For 2,000 noises the generative ODE is solved (rk4, 50 steps), and the assignment problem exactly. If a model's map is an optimal transport, its own pairs are the optimal ones for every set of noises: the controls `exact map` (a gradient of a
convex function, untrained) and `random pairs` (the samples of vp, shuffled) show what the measure says of both. What the record already holds is not run again.
"""
import argparse, json
from pathlib import Path
from harness import pm, run_jobs

path = Path(__file__).parent/'results'/'dynamic_ot.json'
options = dict(width=96, depth=2, gamma=(-7, 4))                                               # of `build`
settings = dict(iterations=1000, batch=128, lr=5e-3, ema=.99, every=250)
straight = dict(iterations=600, batch=128, lr=1e-2, ema=.99, every=200)                         # a step solves for the noise, and costs more
models = {'vp': dict(preset='ddpm'), 'flow matching': dict(preset='flow_matching'),
          'ndm, vp': dict(preset='ndm', base='vp'), 'ndm, ot': dict(preset='ndm', base='ot'),
          'nfdm, vp': dict(preset='nfdm', base='vp'), 'nfdm, ot': dict(preset='nfdm', base='ot'), 'restricted': dict(preset='nfdm', base='ot')}

def make(name, event, seed):
    "The model, untrained, and its bound."
    import torch
    from ndm_nb.presets import build
    from ndm_nb.training import bound_for
    from ndm_nb.transport import ConvexTransport, StraightPredictor, straight_bound
    torch.manual_seed(seed)
    model = build(event=event, **options | models[name])
    if name != 'restricted': return model, bound_for(None, 'importance')
    model.predictor = StraightPredictor(ConvexTransport(event, 64))
    return model, straight_bound

def pairs(noise, x):
    "How far the pairs are from the optimal ones of the same points: excess of cost, share of other pairs, and how far apart the samples are, in standard deviations."
    import torch
    from scipy.optimize import linear_sum_assignment
    noise, x = noise.double(), x.double()
    cost = torch.cdist(noise, x, compute_mode='donot_use_mm_for_euclid_dist')**2
    order = torch.from_numpy(linear_sum_assignment(cost.numpy())[1])
    own, best = cost.diagonal().mean(), cost[torch.arange(len(x)), order].mean()
    far = ((x - x[order])**2).sum(1).mean().sqrt() / ((x - x.mean(0))**2).sum(1).mean().sqrt()
    return dict(excess=(own/best - 1).item(), other=(order != torch.arange(len(x))).double().mean().item(), distance=far.item())

def run(data, name, seed):
    "Train one model, and measure."
    import torch
    torch.set_num_threads(1)
    from ndm_nb.continuous import continuous_bound
    from ndm_nb.data import dataset
    from ndm_nb.metrics import sliced_wasserstein
    from ndm_nb.sampling import sample_ode
    from ndm_nb.training import Trainer, evaluate
    from ndm_nb.transport import sample_straight, straight_bound
    splits = dataset(data)
    model, bound = make(name, splits.event, seed)
    trainer = Trainer(model, bound, splits.train, splits.valid, seed=seed, **straight if name == 'restricted' else settings)
    trainer.fit(progress=False)
    noise = torch.randn(10_000, 2, generator=torch.Generator().manual_seed(seed))
    sample = sample_straight if name == 'restricted' else lambda m, e: sample_ode(m, e, 50, 'rk4' if len(e) < 10_000 else 'heun')
    measured = straight_bound if name == 'restricted' else continuous_bound
    x, own = sample(model, noise), sample(model, noise[:2000])                 # many for the distribution, some more exactly for the pairs
    result = dict(data=data, model=name, seed=seed, seconds=trainer.history[-1]['seconds'], iterations=trainer.iteration,
                  bits_per_dim=evaluate(model, measured, splits.test, repeats=1)['total'],
                  sw=sliced_wasserstein(x, splits.test, generator=torch.Generator().manual_seed(0)).item(), **pairs(noise[:2000], own))
    return result | (target(splits.test, noise, own) if name == 'restricted' else control(noise, own) if name == 'vp' else {})

def target(test, noise, x):
    "Of the learned map: its cost over that of 2,000 noises and test points matched optimally, and how far it is from that matching, in standard deviations of the data."
    import torch
    from scipy.optimize import linear_sum_assignment
    from ndm_nb.transport import optimal_transport_cost, transport_cost
    noise, x, y = noise[:2000].double(), x.double(), test[:2000].double()
    rms = lambda v: (v**2).sum(1).mean().sqrt().item()
    matched = lambda y: y[linear_sum_assignment((torch.cdist(noise, y, compute_mode='donot_use_mm_for_euclid_dist')**2).numpy())[1]]
    scale, other = rms(y - y.mean(0)), test[2000:4000].double()
    return dict(cost_to_data=transport_cost(noise, x).item()/optimal_transport_cost(noise, y).item(), from_optimal=rms(x - matched(y))/scale,
                from_optimal_floor=rms(matched(y) - matched(other))/scale)

def control(noise, x):
    "The measures of a map that is an optimal transport, and of pairs at random."
    import torch
    from ndm_nb.transport import ConvexTransport
    torch.manual_seed(0)
    transport, noise = ConvexTransport((2,), 64).double(), noise[:2000].double()
    with torch.no_grad(): exact = pairs(noise, transport(noise))
    return dict(controls={'exact map': exact, 'random pairs': pairs(noise, x[torch.randperm(2000)])})

def floor(data):
    "The sliced Wasserstein distance of two sets of 10,000 data points."
    import torch
    from ndm_nb.data import dataset, toy
    from ndm_nb.metrics import sliced_wasserstein
    test = dataset(data).test
    return [sliced_wasserstein(toy(data, len(test), seed), test, generator=torch.Generator().manual_seed(0)).item() for seed in (100, 101, 102)]

def table(data, record):
    "A Markdown table of the pairs: mean ± standard deviation over seeds."
    runs = [r for r in record['runs'] if r['data'] == data]
    rows = {name: [r for r in runs if r['model'] == name] for name in models}
    rows |= {name: [r['controls'][name] for r in runs if 'controls' in r] for name in ('exact map', 'random pairs')}
    lines = ['| model | cost / optimal − 1 | share of pairs that are not the optimal ones | distance to the optimal sample, in stds | SW of the samples | bound, bits/dim |', '|---|---|---|---|---|---|']
    for name, found in rows.items():
        if not found: continue
        get = lambda key, digits=3: pm([r[key] for r in found], digits) if key in found[0] else ''
        small = lambda key: ' ± '.join(f'{v:.1e}' for v in spread([r[key] for r in found]))
        lines.append(f"| {name} | {small('excess')} | {get('other')} | {get('distance')} | {get('sw')} | {get('bits_per_dim')} |")
    return '\n'.join(lines)

def spread(values):
    from statistics import mean, stdev
    return (mean(values), stdev(values)) if len(values) > 1 else (values[0],)

def restricted(data, record):
    "In words: the restricted model against the data."
    runs = [r for r in record['runs'] if r['data'] == data and r['model'] == 'restricted']
    get = lambda key: pm([r[key] for r in runs])
    return (f"{data}, restricted: cost / optimal cost to the data {get('cost_to_data')}; distance of its map from the optimal matching {get('from_optimal')} stds, "
            f"of two such matchings from each other {get('from_optimal_floor')}; SW between sets of data {pm(record['floor'][data])}")

def main(datas, names, seeds):
    record = json.loads(path.read_text()) if path.exists() else {}
    record |= dict(settings=settings, straight=straight, options=options, models=models)
    for data in datas: record.setdefault('floor', {}).setdefault(data, floor(data))
    path.write_text(json.dumps(record, indent=1) + '\n')
    key = lambda r: (r['data'], r['model'], r['seed'])
    done = {key(r) for r in record.get('runs', [])}
    for job in [(d, n, s) for s in seeds for d in datas for n in names if (d, n, s) not in done]:
        record = run_jobs(run, [job], path, key, lambda r: f"{key(r)}: {r['seconds']:.0f} s, {r['bits_per_dim']:.3f} bits/dim, SW {r['sw']:.3f}, "
                                                           f"excess {r['excess']:.2e}, other {r['other']:.3f}, distance {r['distance']:.3f}")
    return record

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--show', action='store_true', help='print the committed results')
    p.add_argument('--data', nargs='+', default=['two_moons', 'eight_gaussians'])
    p.add_argument('--models', nargs='+', default=list(models), choices=list(models))
    p.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    a = p.parse_args()
    record = json.loads(path.read_text()) if a.show else main(a.data, a.models, a.seeds)
    print(f"\n{record['hardware']}, torch {record['torch']}")
    for data in record['floor']: print(f"\n{data}\n\n{table(data, record)}\n\n{restricted(data, record)}")

"""NDM against DDPM on the 8x8 digits: held-out bits/dim, several seeds, with few steps and in continuous time.

    python nbs/experiments/compare_digits.py             # all of it, about half an hour on two CPU cores, one run on each
    python nbs/experiments/compare_digits.py --show      # only print the tables from the committed results

Every run has the settings of `ndm_train` without options. The other rows ask whether the comparison is fair. `wide`: the NDM has a second
network; would an ordinary diffusion with as many parameters do as well? `noise`: is the shared predictor's parameterisation the best one?
"""
import argparse, json
from pathlib import Path
from statistics import mean
from harness import cost, pm, run_jobs

results = Path(__file__).parent/'results'/'digits.json'
models = {'ddpm': dict(preset='ddpm'), 'ndm': dict(preset='ndm'), 'ddpm, wide': dict(preset='ddpm', width=360),
          'ddpm, noise': dict(preset='ddpm', predictor='noise'),
          'ddpm, wide, noise': dict(preset='ddpm', width=360, predictor='noise'), 'ndm, noise': dict(preset='ndm', predictor='noise')}

def steps_name(T): return 'continuous' if T is None else f'T = {T}'

def run(name, T, seed):
    "Train one model as `ndm_train` does; returns its held-out metrics."
    import torch
    torch.set_num_threads(1)
    from ndm_nb.data import dataset
    from ndm_nb.presets import build
    from ndm_nb.training import Trainer, bound_for, evaluate
    splits = dataset('digits')
    torch.manual_seed(seed)
    model = build(event=splits.event, levels=splits.levels, **models[name])
    trainer = Trainer(model, bound_for(T), splits.train, splits.valid, seed=seed)
    history = trainer.fit(progress=False)
    best = min(history, key=lambda entry: entry['valid'])
    return dict(model=name, T=T, seed=seed, **evaluate(model, trainer.bound, splits.test), valid=best['valid'], best_iteration=best['iteration'],
                iterations=trainer.iterations, seconds=history[-1]['seconds'], parameters=sum(p.numel() for p in model.parameters()))

def table(runs):
    "Mean and spread over seeds, and how far each model is below `ddpm`, seed by seed; a Markdown table."
    lines = ['| | model | reconstruction | diffusion | prior | total, bits/dim | below ddpm | parameters |', '|---|---|---|---|---|---|---|---|']
    for T in dict.fromkeys(r['T'] for r in runs):
        total = {(r['model'], r['seed']): r['total'] for r in runs if r['T'] == T}
        for name in dict.fromkeys(r['model'] for r in runs):
            rows = [r for r in runs if r['T'] == T and r['model'] == name]
            if not rows: continue
            gain = [total['ddpm', r['seed']] - r['total'] for r in rows]
            terms = ' | '.join(f'{mean(r[k] for r in rows):.3f}' for k in ('reconstruction', 'diffusion', 'prior'))
            lines.append(f"| {steps_name(T)} | {name} | {terms} | {pm([r['total'] for r in rows])} | {'' if name == 'ddpm' else pm(gain)} | {rows[0]['parameters']:,} |")
    return '\n'.join(lines)

def average(runs, T, name, what='total'): return mean(r[what] for r in runs if r['T'] == T and r['model'] == name)

def best(runs, T, kind):
    "The model of a kind ('ddpm' or 'ndm') that does best on the validation split."
    return min((name for name in models if name.startswith(kind)), key=lambda name: average(runs, T, name, 'valid'))

def short(runs):
    "Bits/dim of the three kinds of model, each with the predictor that does better on the validation split; a Markdown table."
    Ts = list(dict.fromkeys(r['T'] for r in runs))
    lines = ['| | ' + ' | '.join(map(steps_name, Ts)) + ' | parameters |', '|---|' + '---|'*(len(Ts) + 1)]
    for kind in ('ddpm', 'ddpm, wide', 'ndm'):
        names = [min((kind, f'{kind}, noise'), key=lambda name: average(runs, T, name, 'valid')) for T in Ts]
        cells = [pm([r['total'] for r in runs if (r['T'], r['model']) == (T, name)]) for T, name in zip(Ts, names)]
        lines.append(f"| {kind} | {' | '.join(cells)} | {average(runs, Ts[0], kind, 'parameters'):,.0f} |")
    return '\n'.join(lines)

def step_cost(T=10, iterations=40):
    "Seconds per training step of each model as a multiple of `ddpm`'s."
    from ndm_nb.data import dataset
    from ndm_nb.presets import build
    from ndm_nb.training import Trainer, bound_for
    splits = dataset('digits')
    return cost({name: lambda options=options: Trainer(build(event=splits.event, levels=splits.levels, **options), bound_for(T), splits.train, splits.valid[:1], iterations=iterations, every=iterations)
                 for name, options in models.items()})

def main(names, seeds, Ts=(10, 50, None)):
    "Train what is asked for and put it in place of what the record holds for it."
    return run_jobs(run, [(name, T, seed) for T in Ts for seed in seeds for name in names], results, key=lambda r: (r['model'], r['T'], r['seed']),
                    show=lambda r: f"{r['model']}, {steps_name(r['T'])}, seed {r['seed']}: {r['total']:.3f} bits/dim after {r['seconds']:.0f} s")

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--show', action='store_true', help='print the committed results')
    p.add_argument('--cost', action='store_true', help='only measure the cost of a training step again')
    p.add_argument('--models', nargs='+', default=list(models), choices=list(models), help='only these (default: all)')
    p.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2], help='of weights, batches and noise (default: 0 1 2)')
    a = p.parse_args()
    record = json.loads(results.read_text()) if a.show or a.cost else main(a.models, a.seeds)
    if not a.show:
        record['cost'] = step_cost()
        results.write_text(json.dumps(record, indent=1) + '\n')
    print(f"\n{record['hardware']}, torch {record['torch']}\n\n{table(record['runs'])}\n")
    print('a training step, in units of ddpm: ' + ', '.join(f'{name} {ratio:.2f}' for name, ratio in record['cost'].items()))

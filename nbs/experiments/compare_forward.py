"""Ordinary diffusion, flow matching, NDM, NFDM: what does each step of the family buy? In continuous time, at equal iterations and at equal seconds.

    python nbs/experiments/compare_forward.py digits            # about an hour on two CPU cores, one run on each
    python nbs/experiments/compare_forward.py checkerboard      # half an hour; so is eight_gaussians
    python nbs/experiments/compare_forward.py digits --show     # only print the table from the committed results

`vdm, fixed γ` is the preset `ddpm` in continuous time, with γ a straight line; `vdm, learned γ` is the preset `vdm`.
"Equal seconds": the nearest rivals get as many iterations as fit into the time that `nfdm` needs for its own, by the cost of a training step, which
is measured first. Points in the plane are also judged by the exact likelihood of the generative ODE. What the record already holds is not run again;
delete nbs/experiments/results/forward_DATA.json to start afresh.
"""
import argparse, json
from pathlib import Path
from harness import cost, pm, run_jobs

points = dict(width=128, gamma=(-10, 5))
suites = {
    'digits': dict(iterations=2500, batch=128, models={
        'vdm, fixed γ': dict(preset='ddpm', predictor='noise'), 'vdm, wide': dict(preset='ddpm', predictor='noise', width=374), 'vdm, learned γ': dict(preset='vdm', predictor='noise'),
        'ndm': dict(preset='ndm', predictor='noise'), 'spread alone': dict(preset='nfdm', predictor='noise'), 'nfdm': dict(preset='nfdm', predictor='noise'),
        'nfdm, geometric base': dict(preset='nfdm', base='geometric'), 'flow matching': dict(preset='flow_matching'), 'flow matching, importance': dict(preset='flow_matching'),
        'nfdm, ot base': dict(preset='nfdm', base='ot')},
        longer=('vdm, fixed γ', 'vdm, wide', 'ndm')),
    'checkerboard': dict(iterations=1500, batch=256, models={
        'vdm, fixed γ': dict(preset='ddpm'), 'flow matching': dict(preset='flow_matching'), 'ndm': dict(preset='ndm'), 'nfdm': dict(preset='nfdm'),
        'nfdm_flow': dict(preset='nfdm_flow'), 'flow matching, importance': dict(preset='flow_matching')}, options=points, longer=('vdm, fixed γ', 'flow matching', 'ndm', 'nfdm_flow')),
}
suites['eight_gaussians'] = suites['checkerboard']

def results(data): return Path(__file__).parent/'results'/f'forward_{data}.json'

def make(data, name, splits, iterations, seed=0, **kw):
    "A trainer, with the model it trains."
    import torch
    from torch import nn
    from ndm_nb.presets import build
    from ndm_nb.training import Trainer, bound_for

    class Spread(nn.Module):
        "The network of an AffineForward without its first half: the mean stays that of the base."
        def __init__(self, net): super().__init__(); self.net = net
        def forward(self, x): h = self.net(x).unflatten(1, (-1, 2)); return (h*h.new_tensor([0, 1]).reshape(1, 1, 2, *[1]*(x.ndim - 1))).flatten(1, 2)

    suite = suites[data]
    torch.manual_seed(seed)
    model = build(event=splits.event, levels=splits.levels, **suite.get('options', {}) | suite['models'][name])
    if name == 'spread alone': model.forward_process.net = Spread(model.forward_process.net)
    bound = bound_for(None, 'importance' if name.endswith('importance') else 'antithetic')
    return Trainer(model, bound, splits.train, splits.valid, iterations=iterations, batch=suite['batch'], seed=seed, **kw)

def run(data, name, seed, iterations, equal):
    "Train one model; returns its held-out metrics."
    import torch
    torch.set_num_threads(1)
    from ndm_nb.data import dataset
    from ndm_nb.training import evaluate
    splits = dataset(data)
    trainer = make(data, name, splits, iterations, seed)
    history = trainer.fit(progress=False)
    result = dict(model=name, equal=equal, seed=seed, iterations=iterations, seconds=history[-1]['seconds'], valid=trainer.best,
                  parameters=sum(p.numel() for p in trainer.model.parameters()), **evaluate(trainer.model, trainer.bound, splits.test))
    if data != 'digits':
        from ndm_nb.likelihood import evaluate_ode
        ode = evaluate_ode(trainer.model, splits.test[:2000], exact=True, steps=25)
        result |= dict(nll=ode['nats'], nll_stderr=ode['stderr_nats'])
    return result

def entropy(data):
    "The entropy of the data in nats, the least that any model can reach; None if it is not known."
    if data == 'checkerboard': from math import log; return log(8)
    if data == 'eight_gaussians':
        import math
        import torch
        from ndm_nb.data import toy
        x = toy(data, 400_000).double()                           # the density of the mixture at samples of it
        angle = torch.arange(8)*math.pi/4
        centre = torch.stack([angle.cos(), angle.sin()], 1).double()*4/math.sqrt(2)
        log_p = -((x[:, None] - centre)**2).sum(2)/(2*.125) - math.log(2*math.pi*.125)
        return -(log_p.logsumexp(1) - math.log(8)).mean().item()

def table(data, record):
    "Mean and spread over seeds; a Markdown table. Bits/dim for the digits, nats for points."
    import math
    plane = data != 'digits'
    scale, unit = (2*math.log(2), 'nats') if plane else (1, 'bits/dim')
    lines = [f'| at equal | model | iterations | seconds | bound, {unit} |' + (' exact NLL, nats |' if plane else ' reconstruction | diffusion | prior |') + ' parameters |']
    lines.append('|---'*(lines[0].count('|') - 1) + '|')
    order = list(suites[data]['models'])
    for equal in ('iterations', 'seconds'):
        rows = [r for r in record['runs'] if r['equal'] == equal or r['model'] == 'nfdm']        # the yardstick belongs to both
        for name in sorted({r['model'] for r in rows}, key=order.index):
            mine = [r for r in rows if r['model'] == name]
            get = lambda k, by=1: [r[k]*by for r in mine]
            detail = f" {pm(get('nll'))} |" if plane else ''.join(f' {sum(get(k))/len(mine):.3f} |' for k in ('reconstruction', 'diffusion', 'prior'))
            lines.append(f"| {equal} | {name} | {mine[0]['iterations']:,} | {sum(get('seconds'))/len(mine):.0f} | {pm(get('total', scale))} |{detail} {mine[0]['parameters']:,} |")
    return '\n'.join(lines)

def average(record, name, equal, what='total'):
    "The mean over seeds."
    values = [r[what] for r in record['runs'] if r['model'] == name and r['equal'] == equal]
    return sum(values)/len(values)

def summary(data, record, names):
    "Bits/dim of some models at equal iterations and at equal seconds; a short Markdown table."
    lines = ['| model | at equal iterations | at equal seconds | a training step costs |', '|---|---|---|---|']
    for name in names:
        get = lambda equal: pm([r['total'] for r in record['runs'] if r['model'] == name and r['equal'] == equal])
        lines.append(f"| {name} | {get('iterations')} | {get('iterations' if name == 'nfdm' else 'seconds')} | {record['cost'][name]:.1f} |")
    return '\n'.join(lines)

def main(data, names, seeds):
    from ndm_nb.data import dataset
    suite, splits, path = suites[data], dataset(data), results(data)
    record = json.loads(path.read_text()) if path.exists() else {}
    known = record.setdefault('cost', {})
    if missing := [name for name in names if name not in known]:
        short = splits._replace(valid=splits.valid[:2])
        known |= cost({name: lambda name=name: make(data, name, short, 25, every=25) for name in dict.fromkeys((next(iter(suite['models'])), *missing))})
        path.parent.mkdir(exist_ok=True); path.write_text(json.dumps(record, indent=1) + '\n')
        print('a training step, in units of the first: ' + ', '.join(f'{name} {ratio:.2f}' for name, ratio in record['cost'].items()), flush=True)
    budget = lambda name: round(suite['iterations']*record['cost']['nfdm']/record['cost'][name])
    jobs = [(data, name, seed, n, equal) for seed in seeds for equal in ('iterations', 'seconds') for name in names
            if equal == 'iterations' or name in suite['longer'] for n in (suite['iterations'] if equal == 'iterations' else budget(name),)]
    done = {(r['model'], r['equal'], r['seed']) for r in record.get('runs', [])}
    jobs = [job for job in jobs if (job[1], job[4], job[2]) not in done]
    return run_jobs(run, jobs, path, key=lambda r: (r['model'], r['equal'], r['seed']),
                    show=lambda r: f"{r['model']}, {r['iterations']} iterations, seed {r['seed']}: {r['total']:.3f} bits/dim after {r['seconds']:.0f} s")

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('data', choices=list(suites))
    p.add_argument('--show', action='store_true', help='print the committed results')
    p.add_argument('--models', nargs='+', help='only these (default: all)')
    p.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2], help='of weights, batches and noise (default: 0 1 2)')
    a = p.parse_args()
    names = a.models or list(suites[a.data]['models'])
    if unknown := set(names) - set(suites[a.data]['models']): p.error(f'unknown models {unknown}; expected some of {list(suites[a.data]["models"])}')
    record = json.loads(results(a.data).read_text()) if a.show else main(a.data, names, a.seeds)
    print(f"\n{record['hardware']}, torch {record['torch']}\n\n{table(a.data, record)}\n")
    print('a training step, in units of the first: ' + ', '.join(f'{name} {ratio:.2f}' for name, ratio in record['cost'].items()))
    if least := entropy(a.data): print(f'the entropy of the data is {least:.3f} nats')

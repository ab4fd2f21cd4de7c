"""Do two checkouts compute the same? For a change that is to change nothing but the code.

    python tests/equality.py OLD_CHECKOUT                    # this checkout against another one
    python tests/equality.py OLD_CHECKOUT --quick            # fewer models and shorter training runs
    python tests/equality.py OLD_CHECKOUT --only building    # or training
    python tests/equality.py OLD_CHECKOUT --new CHECKOUT     # instead of the one that this file is in

Each checkout, in a process of its own, builds the same models and refuses the same ones, computes bounds,
gradients and samples with them, and trains the same runs. The status is 1 if anything differs.
"""
import argparse, hashlib, json, os, subprocess, sys, tempfile, time
from collections import Counter, defaultdict
from itertools import product
from pathlib import Path
import numpy as np
import torch

bridges = ('brownian_bridge', 'bridge', 'bridge_flow')
presets = ('ddpm', 'vdm', 'flow_matching', 'ndm', 'ndm_full', 'nfdm', 'nfdm_flow', 'nfdm_ot', 'nfdm_paper',
           *bridges)
bases = (None, 'vp', 'ot', 'geometric', 'brownian', 'unknown')
predictors = (None, 'v', 'noise', 'data', 'residual', 'ends', 'target', 'unknown')
networks = dict(
    mlp=dict(width=8, depth=1),
    unet=dict(width=8, depth=1, multipliers=(1, 2), attention=()),
    unknown={})
digits = dict(event=(1, 8, 8), levels=17)
points = dict(event=(2,), levels=None)
images = dict(event=(3, 16, 16), levels=256, gamma=(-13.3, 5.))

nan, inf = float('nan'), float('inf')
variations = dict(                                          # some of the values are good, most are not
    levels=(None, 1, 0, 2.5),
    width=(12, 1, 0, 6, 8.5),
    depth=(0, 2, -1, .5),
    terms=(1, 0, -2, 1.5),
    gamma=((-9., 3.), [-7, 4], (4., -7.), (1., 4.), (0., 4.), (-7., -7.), (-7., inf), (nan, 4.), (-7.,),
           (-7., 0., 4.), 4.),
    event=([1, 8, 8], (0,), (), 2, (2.,), (1, 8), (1, 7, 8), (-1, 8, 8)),
    attention=((8,), ()),
    fourier=((7, 8),),
    multipliers=((1,), (), (1, 2, 2, 2, 2), (1, 0)),
    dropout=(.1,))

def cases(
    quick:bool, # the digits with an MLP only, and few others?
): # an iterator over dicts
    "What `build` is to be told, one dict a model."
    kinds = (digits,) if quick else (digits, points, images)
    names = ('mlp', 'unknown') if quick else networks
    everything = product(kinds, (*presets, 'unknown'), bases, predictors, names)
    for data, preset, base, predictor, network in everything:
        yield dict(preset=preset, base=base, predictor=predictor, network=network) | data | networks[network]
    for preset, network in product(('ddpm', 'vdm', 'ndm', 'nfdm_ot', 'bridge_flow'), ('mlp', 'unet')):
        for name, values in variations.items():
            for value in values:
                yield dict(preset=preset, network=network) | digits | networks[network] | {name: value}
    for preset in presets:                                  # at the sizes they have by default
        yield dict(preset=preset) | digits
    for preset in () if quick else ('ddpm', 'nfdm', 'bridge'):
        yield dict(preset=preset, network='unet') | images

runs = dict(
    ndm=dict(preset='ndm', compare='ddpm', data='digits', T='10'),
    nfdm=dict(preset='nfdm', compare='none', data='digits'),
    nfdm_ot=dict(preset='nfdm_ot', compare='none', data='digits'),
    bridge=dict(preset='bridge', data1='two_moons', data0='eight_gaussians'))
small = dict(width=32, depth=1, batch=64, seed=0, device='cpu')

# What each checkout does. Only here is ndm_nb imported, and it is that of the checkout.

def digest(
    tensors:dict, # name to tensor, in any order
)->str: # the same only for the same names, types, shapes and bits
    "SHA-256 of tensors and their names."
    sha = hashlib.sha256()
    for name, v in sorted(tensors.items()):
        sha.update(f'{name} {v.dtype} {tuple(v.shape)} '.encode())
        sha.update(v.detach().contiguous().numpy().tobytes())
    return sha.hexdigest()

def outcome(
    compute, # a function that returns a dict of tensors
    *args, # its arguments
)->str: # a digest, or the type and the text of the error
    "What comes of a computation that has the same random numbers each time."
    torch.manual_seed(0)
    try:
        return digest(compute(*args))
    except Exception as e:
        return f'{type(e).__name__}: {e}'

def bound_and_gradients(bound, model, *args):
    "The terms of a bound and, by size and not by the names of the weights, which may change, its gradients."
    b = bound(model, *args)
    terms = dict(reconstruction=b.reconstruction, diffusion=b.diffusion, prior=b.prior)
    grads = torch.autograd.grad(b.total.sum(), list(model.parameters()), allow_unused=True)
    grads = [g.flatten() for g in grads if g is not None]
    return terms | dict(gradients=torch.cat(grads).sort().values)

def way(sampler, *args):
    "Samples and how they were reached: those of grey levels are rounded, and would hide small differences."
    x, trajectory = sampler(*args, trajectory=True)
    return dict(x=x, z=trajectory.z)

def computations(model, preset, event, levels, **_):
    "Bounds, gradients and samples of a model whose weights, of which many start at zero, have been moved."
    from ndm_nb.bridges import bridge_bound, sample_bridge
    from ndm_nb.continuous import continuous_bound
    from ndm_nb.discrete import discrete_bound
    from ndm_nb.sampling import sample_ode, sample_sde
    with torch.no_grad():
        for p in model.parameters():
            p.add_(.1*torch.arange(p.numel()).sin().view_as(p))
    torch.manual_seed(1)
    shape = (4, 2, *event)
    pairs = torch.linspace(-1, 1, levels)[torch.randint(levels, shape)] if levels else torch.randn(shape)
    x, source = pairs.unbind(1)
    noise, t = torch.randn_like(x), torch.linspace(.1, .9, len(x))
    if preset in bridges:
        return dict(
            bound=outcome(bound_and_gradients, bridge_bound, model, pairs, t),
            ode=outcome(way, sample_bridge, model, source, 2, 'heun', noise),
            sde=outcome(way, sample_bridge, model, source, 2, 'stochastic_heun', noise))
    return dict(
        bound=outcome(bound_and_gradients, continuous_bound, model, x, t),
        discrete=outcome(bound_and_gradients, discrete_bound, model, x, 4),
        ode=outcome(way, sample_ode, model, noise, 2, 'heun'),
        sde=outcome(way, sample_sde, model, noise, 2, 'stochastic_heun'))

def build_all(folder, quick):
    "Build the models and write, for each, what came of it."
    from ndm_nb.presets import build
    record = {}
    for case in cases(quick):
        label = ', '.join(f'{name}={value!r}' for name, value in case.items())
        torch.manual_seed(0)
        try:
            model = build(**case)
        except Exception as e:
            record[label] = {type(e).__name__: str(e)}
        else:
            record[label] = dict(weights=digest(model.state_dict())) | computations(model, **case)
    (folder/'building.json').write_text(json.dumps(record))

def train_all(folder, quick):
    "Train the runs and draw samples with each, as the commands do."
    from ndm_nb.cli import ndm_sample, ndm_train
    out, iterations = folder/'runs', 10 if quick else 50
    for name, options in runs.items():
        ndm_train(**options, **small, name=name, out=str(out), iterations=iterations, every=iterations//2)
    for run in out.iterdir():
        samples = ndm_sample(str(run), n=16, seed=0, out=str(folder/f'{run.name}.png'), device='cpu')
        np.save(run/'samples.npy', samples.numpy())

# How they are compared

shown = 20                                                  # how many examples of what differs

def compare_building(old, new):
    "Print how many of the outcomes are equal, and examples of those that are not. Returns their number."
    old, new = (json.loads((folder/'building.json').read_text()) for folder in (old, new))
    equal, unequal, examples = Counter(), Counter(), defaultdict(list)
    for case in old:
        for what in sorted({*old[case], *new[case]}):
            was, now = old[case].get(what), new[case].get(what)
            if was == now:
                equal[what] += 1
            else:
                unequal[what] += 1
                examples[what, was, now].append(case)
    print(f'{len(old)} models to build, or to refuse')
    for what in sorted({*equal, *unequal}):
        print(f'  {what:12} {equal[what]:6} equal {unequal[what]:6} not')
    for (what, was, now), (first, *others) in list(examples.items())[:shown]:
        print(f'\n  build({first}), and {len(others)} others\n    {what}, old: {was}\n    {what}, new: {now}')
    return unequal.total()

def contents(run):
    "What is compared of the folder of a run: for each column a dict of arrays."
    from safetensors.numpy import load_file
    history = [json.loads(line) for line in (run/'metrics.jsonl').read_text().splitlines()]
    metrics = json.loads((run/'metrics.json').read_text())
    return dict(
        train={str(entry['iteration']): np.array(entry['train']) for entry in history},
        valid={str(entry['iteration']): np.array(entry['valid']) for entry in history},
        metrics={name: np.array(value) for name, value in metrics.items() if name != 'seconds'},
        weights=load_file(run/'model.safetensors'),
        samples=dict(samples=np.load(run/'samples.npy')))

def difference(old, new):
    "'equal' if arrays have the same names and bits; else the largest difference, or why there is none."
    if other := sorted(old.keys() ^ new.keys()):
        return f'names: {", ".join(other)}'
    if other := sorted(name for name in old if old[name].shape != new[name].shape):
        return f'shapes: {", ".join(other)}'
    if all(old[name].tobytes() == new[name].tobytes() for name in old):
        return 'equal'
    return f'{max(np.abs(old[name] - new[name]).max() for name in old):.1e}'

def compare_training(old, new):
    "Print the largest differences in what each run wrote. Returns the number of those that are not equal."
    names = sorted({run.name for folder in (old, new) for run in (folder/'runs').iterdir()})
    columns = ('train', 'valid', 'metrics', 'weights', 'samples')
    print(f'{len(names)} training runs\n  {"":12}', *(f'{column:8}' for column in columns))
    found = 0
    for name in names:
        was, now = (contents(folder/'runs'/name) for folder in (old, new))
        row = [difference(was[column], now[column]) for column in columns]
        print(f'  {name:12}', *(f'{value:8}' for value in row))
        found += sum(value != 'equal' for value in row)
    return found

parts = dict(building=(build_all, compare_building), training=(train_all, compare_training))

def start(checkout, part, folder, quick):
    "Let a checkout do its part in a process that finds its package and no other, on one thread."
    folder.mkdir(parents=True)
    command = [sys.executable, __file__, checkout, '--only', part, '--record', folder, *['--quick']*quick]
    env = os.environ | dict(PYTHONPATH=str(checkout), OMP_NUM_THREADS='1', MPLBACKEND='agg')
    result = subprocess.run(command, env=env, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f'{checkout} cannot do its {part}:\n{result.stderr}')

def main():
    "Compare, part by part; or be one of the processes that are compared. Returns the status."
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument('old', type=Path)
    parser.add_argument('--new', type=Path, default=Path(__file__).parents[1])
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--only', choices=parts)
    parser.add_argument('--record', type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    old, new = args.old.resolve(), args.new.resolve()
    if args.record:
        import ndm_nb
        if old not in Path(ndm_nb.__file__).parents:
            sys.exit(f'{ndm_nb.__file__} is found, which is not of {old}')
        return parts[args.only][0](args.record, args.quick)
    differences = 0
    for part in [args.only] if args.only else parts:
        began = time.time()
        with tempfile.TemporaryDirectory() as away:
            sides = dict(old=old, new=new)
            for side, checkout in sides.items():
                start(checkout, part, Path(away)/side, args.quick)
            differences += parts[part][1](*(Path(away)/side for side in sides))
        print(f'  {time.time() - began:.0f} s\n', flush=True)
    print(f'{differences} differences' if differences else 'equal, bit by bit')
    return differences > 0

if __name__ == '__main__': sys.exit(main())

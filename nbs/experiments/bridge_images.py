"""Twos into sevens: a bridge between two classes of MNIST, judged by a classifier.

    python nbs/experiments/bridge_images.py                                                     # MNIST 2 -> 7: within 20 minutes on a CPU
    python nbs/experiments/bridge_images.py --data0 cifar10:cat --data1 cifar10:dog --device cuda         # on a GPU, with FID
    python nbs/experiments/bridge_images.py --show                                              # only print the table from the committed results

Both presets get equal minutes. The class check is that of a small classifier trained on all of MNIST (see mnist.py): the share of translated test images that
it reads as the target digit, beside the share of real ones. `kept` compares each result with its own source: the root mean square distance of pixels, beside
that from the sources of others, and the linear correlation with it. For colour images it is FID to the target's training images, of results and of sources.
NDM_DATA is the folder in which the data lie (or --data_root). Runs are left in --out.
"""
import argparse, json, os, platform, time
from pathlib import Path
from mnist import classifier

here = Path(__file__).parent
solvers = dict(heun=10, stochastic_heun=50)
def short(data): return data.replace(':', '_')
def results(a): return here/'results'/f'bridge_{short(a.data1)}_{short(a.data0)}.json'

def kept(x, source):
    "How much of its source is left in each image: distances, and a correlation over the set, dimension by dimension."
    import torch
    distance = lambda a, b: (a - b).square().mean().sqrt().item()
    centred = [v - v.mean(0) for v in (x, source)]
    correlation = (centred[0]*centred[1]).mean()/(centred[0].square().mean()*centred[1].square().mean()).sqrt()
    return dict(own=distance(x, source), others=distance(x, source.roll(1, 0)), correlation=correlation.item())

def judge(a, splits, device):
    "A function from images to figures of merit, and those of the real targets and sources."
    import torch
    from ndm_nb.data import as_float, dataset
    from ndm_nb.metrics import Inception, Statistics, features, fid
    target, source = (as_float(splits.test[:, i]) for i in (0, 1))
    if a.data0.startswith('mnist:'):
        whole = dataset('mnist', a.data_root or os.environ['NDM_DATA'])
        net, right = classifier((a.data_root or os.environ['NDM_DATA'], whole.train, whole.test), device, last=True)
        read = lambda x: dict(share=(net(x.to(device)).argmax(1) == int(a.data0.partition(':')[2])).double().mean().item())
        return read, dict(classifier=right, targets=read(target), sources=read(source))
    net = Inception().to(device)
    of = lambda x: Statistics.of(torch.cat([features(net, as_float(part).clamp(-1, 1)) for part in x.split(500)]))
    real = of(splits.train[:, 0])
    read = lambda x: dict(fid=fid(of(x), real).item())
    return read, dict(targets=read(target), sources=read(source))

def draw(images, path):
    "Sources and what became of them, a column for each."
    import matplotlib.pyplot as plt
    import torch
    from ndm_nb.data import plot_samples
    fig, ax = plt.subplots(figsize=(12, .75*len(images)), layout='constrained')
    plot_samples(torch.cat([x[:16].cpu() for x in images.values()]), ax=ax, columns=16)
    ax.axis('on'); ax.set_xticks([]); side = images['source'].shape[-1] + 1
    ax.set_yticks([side*(i + .5) for i in range(len(images))], list(images)); ax.tick_params(length=0)
    fig.savefig(path, dpi=90); plt.close(fig)

def main(a):
    import torch
    from ndm_nb.cli import load_run, ndm_train, parse_device, plot_strips, sample_many, sample_run
    from ndm_nb.bridges import pair_splits
    from ndm_nb.data import as_float, dataset
    begin, device, root = time.time(), parse_device(a.device), a.data_root or os.environ.get('NDM_DATA')
    splits = pair_splits(dataset(a.data0, root), dataset(a.data1, root))
    read, real = judge(a, splits, device)
    hardware = torch.cuda.get_device_name(device) if device.type == 'cuda' else f'{torch.get_num_threads()} of {os.cpu_count()} cores of a {platform.machine()} CPU'
    record = dict(hardware=hardware, torch=torch.__version__, command=f'python nbs/experiments/bridge_images.py --data0 {a.data0} --data1 {a.data1}',
                  data0=a.data0, data1=a.data1, n=a.n, minutes_each=a.minutes, seed=a.seed, real=real, runs=[])
    print(real, flush=True)
    source = as_float(splits.test[:a.n, 1])
    images = dict(source=source)
    for preset in a.presets:
        name = f'{short(a.data1)}-to-{short(a.data0)}-{preset}'
        ndm_train(preset, data0=a.data0, data1=a.data1, data_root=root, minutes=a.minutes, every=100_000, times='importance', seed=a.seed, device=a.device,
                  precision=a.precision, out=a.out, name=name, resume=True)
        model, config = load_run(Path(a.out)/name, device)
        run = dict(preset=preset, **json.loads((Path(a.out)/name/'metrics.json').read_text()), energy=config.get('energy', 0.), solvers={})
        for solver, steps in solvers.items():
            x, nfe = sample_many(model, config, len(source), steps, solver, source=source)
            run['solvers'][solver] = dict(steps=steps, nfe=nfe, **read(x), **kept(x, source))
            images[f'{preset}, {solver}'] = x
        record['runs'].append(run)
        print(f"{preset}: {run['iterations']} iterations, {run['total']:.3f} bits/dim, {run['solvers']}", flush=True)
    record['minutes'] = round((time.time() - begin)/60, 1)
    results(a).write_text(json.dumps(record, indent=1) + '\n')
    picture = here.parent/'images'/results(a).stem
    draw(images, picture.with_suffix('.png'))
    import matplotlib.pyplot as plt
    x, way, _ = sample_run(model, config, 8, solvers['stochastic_heun'], 'stochastic_heun', source=source[:8])
    fig, ax = plt.subplots(figsize=(7, 6), layout='constrained')
    plot_strips(torch.cat([source[None, :8].to(way.z), way.z]), x, ax)
    fig.savefig(picture.with_name(picture.name + '_strips.png'), dpi=90); plt.close(fig)
    return record

def table(record):
    "The results in Markdown."
    measure = 'share' if 'share' in record['real']['targets'] else 'fid'
    head = dict(share='read as the target digit', fid='FID')[measure]
    show = (lambda v: f'{v:.1%}') if measure == 'share' else (lambda v: f'{v:.1f}')
    lines = [f'| | solver, evaluations | {head} | distance to its source | to others\' | correlation | bound, bits/dim | iterations |', '|---'*8 + '|']
    for r in record['runs']:
        for i, (solver, s) in enumerate(r['solvers'].items()):
            rest = f"{r['total']:.3f} ± {r['stderr']:.3f} | {r['iterations']:,}" if i == 0 else ' | '
            lines.append(f"| {r['preset']} | {solver}, {s['nfe']} | {show(s[measure])} | {s['own']:.3f} | {s['others']:.3f} | {s['correlation']:.2f} | {rest} |")
    for name in ('targets', 'sources'): lines.append(f"| *real {name}* | | {show(record['real'][name][measure])} | | | | | |")
    return '\n'.join(lines)

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--show', action='store_true', help='print the committed results')
    p.add_argument('--data0', default='mnist:7', help='the target')
    p.add_argument('--data1', default='mnist:2', help='the source')
    p.add_argument('--presets', nargs='+', default=['brownian_bridge', 'bridge'], help='the presets to train')
    p.add_argument('--minutes', type=float, default=6., help='of training for each preset (default: 6)')
    p.add_argument('--n', type=int, default=300, help='test images to translate (default: 300)')
    p.add_argument('--seed', type=int, default=0, help='of weights, batches and noise (default: 0)')
    p.add_argument('--precision', default='', help='fp32 or bf16')
    p.add_argument('--device', default='auto', help='auto, cpu, cuda')
    p.add_argument('--data_root', default='', help='where the data lie (default: NDM_DATA)')
    p.add_argument('--out', default='runs', help='where the runs go (default: runs)')
    a = p.parse_args()
    record = json.loads(results(a).read_text()) if a.show else main(a)
    print(f"\n{record['data1']} -> {record['data0']}; {record['hardware']}, torch {record['torch']}; {record['minutes_each']:g} minutes of training each, "
          f"{record['minutes']} in all\n\n{table(record)}")

"""NDM against DDPM on MNIST, with the same predictor: bound, distance of the samples from the data, samples side by side.

    python nbs/experiments/mnist.py                                # T = 10, about 16 minutes on two CPU cores
    python nbs/experiments/mnist.py --T 10 1000 --minutes 10       # on a GPU: both models for ten minutes, at both T
    python nbs/experiments/mnist.py --show                         # only print the table from the committed results

NDM_DATA is the folder in which MNIST lies (or --data_root). The distance is the Fréchet distance of FID, of the 64 features of a small
classifier that the script trains on MNIST first: features of digits, where the Inception network has those of photographs. It is not FID,
and its values compare with each other only. Runs are left in --out.
"""
import argparse, json, os, platform, time
from pathlib import Path

here = Path(__file__).parent
results = here/'results'/'mnist.json'

def classifier(splits, device, seed=0, last=False):
    "A small convolutional network trained for one pass over the training images; returns it, with or without its last layer, and its accuracy."
    import torch
    from torch import nn
    from torchvision.datasets import MNIST
    from ndm_nb.data import as_float
    root, train, test = splits
    labels = MNIST(root, train=True).targets[:len(train)], MNIST(root, train=False).targets
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(),
                        nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10)).to(device)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    for index in torch.randperm(len(train)).split(100):
        loss = nn.functional.cross_entropy(net(as_float(train[index]).to(device)), labels[0][index].to(device))
        optimiser.zero_grad(); loss.backward(); optimiser.step()
    with torch.no_grad(): right = (net(as_float(test).to(device)).argmax(1).cpu() == labels[1]).double().mean().item()
    return (net if last else net[:-1]).eval(), right

def draw(grids, path):
    "Samples of the models side by side."
    import matplotlib.pyplot as plt
    from ndm_nb.data import plot_samples
    fig, axs = plt.subplots(1, len(grids), figsize=(4*len(grids), 4.2), layout='constrained')
    for ax, (name, x) in zip(axs, grids.items()): plot_samples(x[:64], ax=ax); ax.set_title(name)
    fig.savefig(path, dpi=90); plt.close(fig)

def main(a):
    import torch
    from ndm_nb.cli import load_run, ndm_train, parse_device, sample_many
    from ndm_nb.data import as_float, dataset
    from ndm_nb.metrics import Statistics, features, fid
    from ndm_nb.training import mix_seed
    begin, device, root = time.time(), parse_device(a.device), a.data_root or os.environ.get('NDM_DATA')
    splits = dataset('mnist', root)
    net, accuracy = classifier((root, splits.train, splits.test), device)
    statistics = lambda x: Statistics.of(features(net, as_float(x).clamp(-1, 1)))
    real = statistics(splits.test)
    floor = fid(statistics(splits.train[:a.n]), real).item()
    print(f'classifier: {accuracy:.1%} right; distance of {a.n} training images from the test images: {floor:.2f}', flush=True)
    hardware = torch.cuda.get_device_name(device) if device.type == 'cuda' else f'{os.cpu_count()} cores of a {platform.machine()} CPU'
    record = dict(hardware=hardware, torch=torch.__version__, command='python nbs/experiments/mnist.py', accuracy=accuracy, floor=floor, n=a.n, runs=[])
    for T in a.T:
        name = f'mnist-T{T}'
        ndm_train('ndm', 'ddpm', 'mnist', root, T=str(T), iterations=a.iterations, minutes=a.minutes, precision=a.precision, seed=a.seed,
                  device=a.device, out=a.out, name=name, resume=True)
        grids = {}
        for model_name, run in dict(ddpm=f'{name}-ddpm', ndm=name).items():
            model, config = load_run(Path(a.out)/run, device)
            x, nfe = sample_many(model, config, a.n, T, 'ancestral', seed=mix_seed(a.seed))
            grids[f'{model_name}, T = {T}'] = x
            metrics = json.loads((Path(a.out)/run/'metrics.json').read_text())
            record['runs'].append(dict(model=model_name, T=T, seed=a.seed, distance=fid(statistics(x), real).item(), nfe=nfe, **metrics))
        draw(grids, here.parent/'images'/f'mnist_T{T}.png')
    record['minutes'] = round((time.time() - begin)/60, 2)
    results.write_text(json.dumps(record, indent=1) + '\n')
    return record

def table(record):
    "The results in Markdown."
    lines = ['| T | model | reconstruction | diffusion | prior | total, bits/dim | distance | parameters | iterations | seconds |', '|---|'*1 + '---|'*9]
    for r in record['runs']:
        terms = ' | '.join(f'{r[k]:.3f}' for k in ('reconstruction', 'diffusion', 'prior'))
        lines.append(f"| {r['T']} | {r['model']} | {terms} | {r['total']:.3f} ± {r['stderr']:.3f} | {r['distance']:.1f} | {r['parameters']:,} | {r['iterations']} | {r['seconds']:.0f} |")
    return '\n'.join(lines)

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--show', action='store_true', help='print the committed results')
    p.add_argument('--T', type=int, nargs='+', default=[10], help='numbers of steps (default: 10)')
    p.add_argument('--iterations', type=int, help='gradient steps for each model (default: as the settings `mnist` have it)')
    p.add_argument('--minutes', type=float, help='train each model for so long instead')
    p.add_argument('--n', type=int, default=1000, help='samples for the distance (default: 1000)')
    p.add_argument('--seed', type=int, default=0, help='of weights, batches and noise (default: 0)')
    p.add_argument('--precision', default='', help='fp32 or bf16')
    p.add_argument('--device', default='auto', help='auto, cpu, cuda')
    p.add_argument('--data_root', default='', help='where MNIST lies (default: NDM_DATA)')
    p.add_argument('--out', default='runs', help='where the runs go (default: runs)')
    a = p.parse_args()
    record = json.loads(results.read_text()) if a.show else main(a)
    print(f"\n{record['hardware']}, torch {record['torch']}, {record['minutes']} minutes; floor of the distance {record['floor']:.2f}\n\n{table(record)}")

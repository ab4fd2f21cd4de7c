"""What the experiments with images share: options, training runs and their samples, judges, pictures."""
import os
from functools import cache
from itertools import chain, product
from pathlib import Path
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.distributions import Normal
from torchvision.datasets import MNIST
from ndm_nb.data import as_float, dataset, plot_samples
from ndm_nb.metrics import Inception, Statistics, features, fid
from ndm_nb.runs import load_run, parse_device, sample_many
from ndm_nb.train import configure, ndm_train, prepare
from harness import step_seconds

options = dict(
    seed=0, # of weights, batches and noise
    precision='', # fp32 or bf16
    device='auto', # auto, cpu, cuda, ...
    graph=False, # on a GPU: replay the steps as CUDA graphs
    data_root='', # where the data lie; by default NDM_DATA
    out='runs') # where the runs go

def train(preset, name, job, **given):
    "The figures of a run, which is trained unless it is there already."
    told = given | {option: job[option] for option in options if job[option] != ''}
    if told.get('minutes'): told['every'] = 100_000                 # no validations while the clock runs
    return ndm_train(preset, compare='none', name=name, resume=True, **told)[preset]

def costs(kinds, job, n):
    "Of a training step of each kind, by its options: the mean of the same n steps."
    told = dict(data=job['data'], data_root=job['data_root'] or None, precision=job['precision'] or None)
    configs = {name: configure(told | kind).configuration for name, kind in kinds.items()}
    device, splits = parse_device(job['device']), next(iter(configs.values())).task.splits()
    return step_seconds({name: prepare(config, splits, Path(job['out'])/'costs', device).trainer
                         for name, config in configs.items()}, n, rounds=3)

def jobs(models, seeds, minutes, record, costs=False):
    "As many iterations of each as fit, by what a step of it costs: for `Experiment.override`."
    for seed, model in product(seeds, () if costs else models):
        yield dict(model=model, seed=seed, iterations=round(60*minutes/record['seconds'][model]))

def bits(r): return {'bound, bits/dim': f"{r['total']:.3f} ± {r['stderr']:.3f}"}

def at_hand(names, out): return all((Path(out)/name/'config.json').exists() for name in names)

@cache
def load(name, out, device): return load_run(Path(out)/name, parse_device(device))

@cache
def sampled(name, out, device, n, steps, solver, seed):
    "Samples of a run, for a bridge from the first test images; and the evaluations that one takes."
    model, config = load(name, out, device)
    source = config.task.sources(config.task.splits().test, n)
    return sample_many(model, config, n if source is None else len(source), steps, solver, 250, seed, source)

@cache
@torch.enable_grad() # wherever it is asked for first
def reader(data_root, device, passes=1):
    "A small network, trained for some passes over MNIST, and the share of test images that it reads."
    data_root, device = data_root or os.environ.get('NDM_DATA'), parse_device(device)
    train, _, test, *_ = dataset('mnist', data_root)
    labels, right = MNIST(data_root, train=True).targets[:len(train)], MNIST(data_root, train=False).targets
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
                        nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(),
                        nn.Linear(64, 10)).to(device)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    for index in chain(*(torch.randperm(len(train)).split(100) for _ in range(passes))):
        loss = nn.functional.cross_entropy(net(as_float(train[index]).to(device)), labels[index].to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval(), (read(net, as_float(test)) == right).double().mean().item()

@torch.no_grad()
def read(net, x): return net(x.to(next(net.parameters()).device)).argmax(1).cpu()

class Judge:
    "The Fréchet distance of the features of images from those of real ones."
    def __init__(self, net, real, others=None):
        self.net, self.others = net, others
        self.real = self.statistics(real)

    def statistics(self, x):
        found = [features(self.net, as_float(part).clamp(-1, 1)) for part in x.split(1000)]
        return Statistics.of(torch.cat(found))

    def distance(self, x): return fid(self.statistics(x), self.real).item()

@cache
def judge_of_digits(data_root, device):
    "By the features of the reader, which are those of digits."
    splits = dataset('mnist', data_root or None)
    return Judge(reader(data_root, device)[0][:-1], splits.test, splits.train)

@cache
def judge_of_photographs(data_root, device):
    "FID to the training images of CIFAR-10."
    splits = dataset('cifar10', data_root or None)
    return Judge(Inception().to(parse_device(device)), splits.train, splits.test)

judges = dict(mnist=judge_of_digits, cifar10=judge_of_photographs)

# where samples may start, as tables call it
starting = dict(noise='N(0, I)', normal='N(m, C)', mixture='the mixture', data='ends of images')

def nats_saved(fitted, ends):
    "By each fitted start: its mean log density where data end, minus that of N(0, I)."
    ends = ends.double()
    plain = Normal(0, 1).log_prob(ends).flatten(1).sum(1)
    return {name: (start.log_prob(ends) - plain).mean().item() for name, start in fitted.items()}

def draw_grids(grids, path):
    "Samples of several models side by side."
    fig, axs = plt.subplots(1, len(grids), figsize=(4*len(grids), 4.2), layout='constrained')
    for ax, (name, x) in zip(axs, grids.items()):
        plot_samples(x[:64], ax=ax)
        ax.set_title(name)
    fig.savefig(path, dpi=1440/fig.get_figwidth())
    plt.close(fig)

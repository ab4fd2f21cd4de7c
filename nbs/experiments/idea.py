"""The picture of the front page: a fixed and a learned forward process side by side.

    python nbs/experiments/idea.py      # two minutes on two CPU cores
"""
import matplotlib.pyplot as plt
import torch
from ndm_nb.data import dataset, toy
from ndm_nb.evaluation import bound_for
from ndm_nb.paths import LinearForward
from ndm_nb.presets import build
from ndm_nb.training import Trainer
from harness import gallery

def train(steps=10, iterations=2500):
    "An NDM of the checkerboard with few steps."
    torch.manual_seed(0)
    model, board = build('ndm', (2,), width=128), dataset('checkerboard')
    Trainer(model, bound_for(steps), board.train, board.valid, iterations=iterations, batch=512).fit()
    return model

@torch.no_grad()
def draw(model, path, times=(0., .25, .5, .75, 1.), n=6000):
    "The processes at some times, a row for each; in small, F(x,t) without noise."
    x = toy('checkerboard', n, seed=1)
    color = plt.cm.twilight(((torch.atan2(x[:, 1], x[:, 0])/torch.pi + 1)/2).numpy())
    fig, axs = plt.subplots(2, len(times), figsize=(2*len(times), 4.2), layout='constrained')
    processes = dict(fixed=LinearForward(model.forward_process.schedule), learned=model.forward_process)
    for row, (name, process) in zip(axs, processes.items()):
        forward = process(x)
        for ax, u in zip(row, times):
            t = torch.full((n,), u)
            ax.scatter(*forward(t).sample().T, s=.6, c=color, linewidths=0)
            ax.set(xlim=(-6, 6), ylim=(-6, 6), aspect='equal', xticks=[], yticks=[])
            inset = ax.inset_axes([.68, .68, .32, .32])
            inset.scatter(*forward.curve(t).T, s=.15, c=color, linewidths=0)
            inset.set(xticks=[], yticks=[], xlim=(-9, 9), ylim=(-9, 9), aspect='equal')
        row[0].set_ylabel(name, fontsize=11)
    for ax, u in zip(axs[0], times): ax.set_title(f't = {u:g}', fontsize=10)
    fig.savefig(path, dpi=110)

if __name__ == '__main__': draw(train(), gallery/'idea.png')

"""The small trained models that come with the library, made anew.

    python nbs/experiments/models.py                       # all of them: three hours of one CPU core
    python nbs/experiments/models.py --names digits-ndm    # some
    python nbs/experiments/models.py --show                # what each costs and reaches, from their cards

Each is a run of `ndm_train` with the command in its card, of which the three files of a model are kept in
ndm_nb/models. A run that is in --out already is not trained anew. NDM_DATA is the folder in which MNIST lies
(or --data_root).
"""
import shlex, shutil
from pathlib import Path
import matplotlib.pyplot as plt
import torch
import tyro
from ndm_nb.conditions import given
from ndm_nb.data import plot_samples
from ndm_nb.discrete import sample_ancestral
from ndm_nb.presets import BuiltModel, trained_models
from harness import gallery, hardware, markdown
from images import options, train

shipped = Path(__file__).parents[2]/'ndm_nb'/'models'
models = {
    'checkerboard-ndm': dict(preset='ndm', data='checkerboard', T=10, variance='step', width=96, batch=256,
                             iterations=10_000),
    'moons-nfdm_ot': dict(preset='nfdm_ot', data='two_moons', width=96, iterations=6000),
    'digits-ndm': dict(preset='ndm', data='digits', T=10, width=160, iterations=4000),
    'mnist-ndm': dict(preset='ndm', data='mnist', T=10, iterations=4000),
    'mnist-nfdm': dict(preset='nfdm', data='mnist', iterations=4000),
    'mnist-nfdm_ot': dict(preset='nfdm_ot', data='mnist', curvature=.02, ramp=.3, iterations=6584),
    'mnist-bridge': dict(preset='brownian_bridge', data0='mnist:7', data1='mnist:2', iterations=1500),
    'mnist-labels': dict(preset='ddpm', data='mnist', T=10, iterations=10_040, conditional=True, seed=1)}

def command(options):
    "What somebody types who wants the same."
    words = [f'--{name}' if value is True else f'--{name} {value}' for name, value in options.items()]
    return shlex.join(' '.join(['ndm_train', *words, '--compare none']).split())

def keep(name, options, out, trained_on):
    "The three files of a finished run; its card says how it was made."
    run, folder = Path(out)/name, shipped/name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in ('config.json', 'model.safetensors'): shutil.copy(run/file, folder/file)
    card = (run/'README.md').read_text(encoding='utf-8').rstrip()
    made = f'## Made by\n\n```sh\n{command(options)}\n```\n\n{trained_on}.'
    (folder/'README.md').write_text(f'{card}\n\n{made}\n', encoding='utf-8')

def figure(card, name):
    "A number in the table of a card."
    return next(line.split('|')[2].strip() for line in card.splitlines() if line.startswith(f'| {name} |'))

def table():
    "A row for each model."
    for name, folder in trained_models().items():
        card = Path(folder, 'README.md').read_text(encoding='utf-8')
        made = card.partition('## Made by')[2].split('```')[1].removeprefix('sh\n').strip()
        size = Path(folder, 'model.safetensors').stat().st_size/2**20
        minutes = float(figure(card, 'seconds').replace(',', ''))/60
        yield {'name': f'`{name}`', 'bound, bits/dim': figure(card, 'total'), 'minutes': f'{minutes:.0f}',
               'MB': f'{size:.1f}', 'made by': f'`{made}`'}

def draw(path):
    "The picture of the front page: digits as asked, in ten steps."
    torch.manual_seed(0)
    c = torch.arange(10).repeat(4)
    model = given(BuiltModel.from_pretrained('mnist-labels'), c, guidance=1.)
    fig, ax = plt.subplots(figsize=(7.2, 2.9), layout='constrained')
    plot_samples(sample_ancestral(model, torch.randn(40, 1, 28, 28), steps=10), ax=ax, columns=10)
    fig.savefig(path, dpi=200)

def main(names:tuple[str, ...]=tuple(models), data_root:str='', device:str='cpu', out:str='runs',
         show:bool=False):
    for name in () if show else names:
        told = options | dict(data_root=data_root, device=device, out=out) | models[name]
        train(name=name, job=told, **{key: value for key, value in models[name].items() if key != 'seed'})
        keep(name, models[name], out, hardware())
    if not show: draw(gallery/'mnist_labels.png')
    print(markdown(table()))

if __name__ == '__main__': tyro.cli(main)

"""Command lines that cannot work: each ends at once, with a message that names what is wrong.

Nothing is written then. Of an option there are the values that it cannot have, a command line for each; whole
command lines follow, with what the message must name. A `Trainer.fit` that fails sees to it that none trains.
"""
import os, shlex, signal
import pytest
from ndm_nb.train import train_main
from ndm_nb.training import Trainer

wide = '\uff11\uff12'                          # 12 in full-width digits, which Python's int() takes
nothing = "''"
no_number = f'1e400 nan inf -inf 0x10 {wide} abc {nothing}'
below_one = f'0 -0 -1 2.5 {no_number}'                       # what no count can be
numbers = {
    'T': '0 -0 -1 2.5 1e400 nan -inf 0x10 ' + f'{wide} abc 1e9 {nothing}',
    'iterations': below_one, 'batch': below_one, 'every': below_one, 'repeats': below_one,
    'save': below_one, 'keep': below_one, 'accumulate': f'{below_one} 1000000000',
    'minutes': f'0 -0 -1 {no_number}', 'lr': f'0 -0 -1 {no_number}', 'clip': f'0 -0 -1 {no_number}',
    'warmup': f'1 -.1 {no_number}', 'ema': f'1 1.5 -.1 {no_number}', 'ramp': f'1 .5 -.1 {no_number}',
    'seed': f'-1 9223372036854775808 2.5 {no_number}',
    'width': f'1 {below_one} 1000000000 1000000000000000000000', 'depth': f'-1 1000000000 2.5 {no_number}',
    'terms': f'{below_one} 1000000000',
    'transform-width': f'1 {below_one} 1000000000', 'transform-depth': f'-1 1000000000 2.5 {no_number}',
    'transform-coarse': f'2 {below_one} 1000000000',
    'valid': f'1 {below_one}', 'test': f'1 {below_one}', 'test-repeats': below_one,
    'size': f'8 {below_one}', 'curvature': f'-1 {no_number}', 'curvature-share': f'.5 -1 2 {no_number}',
    'energy': f'.1 -1 {no_number}', 'latent': f'2 {no_number}', 'prior-width': f'16 {no_number}',
    'prior-depth': f'1 {no_number}', 'prior-lr': f'.001 -1 {no_number}', 'kl-warmup': f'1 -.1 {no_number}',
    'drop': f'.1 1 -.1 {no_number}'}
names = {
    'preset': f'nmd {nothing} ndm,ddpm', 'compare': f'nmd {nothing} bridge', 'network': f'vit {nothing}',
    'predictor': f'x ends {nothing}', 'variance': f'best {nothing}', 'base': f've brownian {nothing}',
    'condition': f'none predictor all {nothing}', 'times': f'sobol importance {nothing}',
    'objective': f'speed velocity {nothing}',
    'schedule': f'linear {nothing}', 'precision': f'fp8 {nothing}',
    'track': f'chalkboard {nothing}', 'pairing': f'optimal pairs {nothing}', 'data': f'mnits mnist {nothing}',
    'data0': f'digits {nothing}', 'data1': f'digits {nothing}', 'data-root': nothing,
    'settings': f'large {nothing}', 'config': f'nowhere.json . list.json garbage.json {nothing}',
    'device': f'gpu0 cuda:99 {nothing}', 'name': f'../x . .. a/b {nothing}', 'out': f'file.txt {nothing}',
    'import': f'nowhere json.nowhere .x 12 --lr {nothing}'}
unet = '--network unet --depth 1'
lines = f"""
--gamma 4 -7                                | gamma
--gamma 4 4                                 | gamma
--gamma 4                                   | gamma
--gamma                                     | gamma
--gamma -7 4 5                              | 5
--gamma nan 4                               | gamma
--gamma -7 inf                              | gamma
--gamma -7 1e400                            | gamma
--gamma -1e30 4                             | gamma
--gamma -7 4 --gamma -8 4                   | gamma
--gamma 1 4 --base ot                       | gamma
--gamma a b                                 | gamma
--gamma {wide} 14                           | gamma
{unet} --multipliers                        | multipliers
{unet} --multipliers 0                      | multipliers
{unet} --multipliers -1 2                   | multipliers
{unet} --multipliers 1 2.5                  | multipliers
{unet} --multipliers 1 1 1 1 1 1            | multipliers
{unet} --multipliers 1 1000000000           | multipliers
{unet} --multipliers 1 nan                  | multipliers
{unet} --attention 0                        | attention
{unet} --attention -8                       | attention
{unet} --attention 8.5                      | attention
{unet} --fourier -1                         | fourier
{unet} --fourier 5000                       | fourier
{unet} --fourier x                          | fourier
{unet} --width 6                            | width
{unet} --width 2                            | width
{unet} --width 1000000000                   | width
{unet} --depth 0                            | depth
{unet} --depth 1000000000                   | depth
{unet} --transform-width 6                  | transform_width
{unet} --transform-depth 0                  | transform_depth
{unet} --transform-coarse 0                 | transform_coarse
{unet} --transform-coarse 3                 | coarse
{unet} --data circles                       | event
--T inf --variance pixel                    | T
--rows 5                                    | rows
--multipliers 1 2                           | multipliers
--multipliers                               | multipliers
--attention 8                               | attention
--fourier 7                                 | fourier
--preset                                    | preset
--data                                      | data
--minutes                                   | minutes
--lr                                        | lr
--T                                         | T
--name                                      | name
--out                                       | out
--import                                    | import
--config                                    | config
--lr .1 --lr .2                             | lr
--lr .1 --lr .1                             | lr
--lr=.1 --lr .2                             | lr
--preset ndm --preset ddpm                  | preset
--preset ndm --preset=ndm                   | preset
--data digits --data circles                | data
--minutes 1 --minutes 2                     | minutes
--flip --flip                               | flip
--flip --no-flip                            | flip
--test-repeats 2 --test_repeats 3           | test
--import json --import json                 | import
--track tensorboard --track tensorboard     | track
--lrr .1                                    | lr
--iteration 5                               | iterations
--preest ndm                                | preset
--widht 8                                   | width
--learning-rate .1                          | learning-rate
--no-lr                                     | no-lr
--flip yes                                  | yes
--download=maybe                            | maybe
-lr .1                                      | lr
digits                                      | digits
ndm digits                                  | ndm
--preset ndm nfdm                           | nfdm
--lr .1 .2                                  | .2
--T 10 20                                   | 20
--flip --data circles                       | flip
--preset nfdm_flow --T 10                   | T
--data circles --conditional                | conditional
--preset lsgm --conditional                 | conditional
--preset bridge --data0 digits --data1 digits --conditional | conditional
--conditional --drop 1                      | drop
--preset flow_matching --conditional --pairing optimal | pairing
--preset bridge                             | data0
--preset bridge --data0 digits              | data1
--preset bridge --data digits --data0 digits --data1 digits | data
--preset bridge --data0 digits --data1 digits --T 10 | T
--preset bridge --data0 digits --data1 circles | targets
--preset brownian_bridge --data0 circles --data1 two_moons --energy .1 | energy
--base ot --predictor noise                 | predictor
--preset vdm --base ot                      | base
--curvature 0 --curvature-share .5          | curvature
--data mnist:x --data-root nowhere          | mnist
--data folder:nowhere --size 8              | nowhere
--data folder:nowhere                       | size
--preset nfdm_ot --curvature-share 2        | curvature_share
--preset flow_matching --curvature .1       | curvature
--preset nfdm_ot --curvature -.1            | curvature
--preset bridge --data0 digits --data1 digits --energy -1 | energy
--data folder:. --size 8                    | 10
--data folder:                              | folder
--settings cifar10 --network mlp --flip --data circles | flip
--preset vae --latent 0                     | latent
--preset vae --latent 2 2                   | latent
--preset lsgm --latent 4 3 3 --network unet --multipliers 1 2 | latents
--preset vae --attention 8 --network unet   | attention
--preset vae --multipliers 1 2 2 2 2 --network unet | multipliers
--preset lsgm --prior-width 0               | width
--preset lsgm --width 0                     | width
--preset lsgm --base ve                     | base
--preset lsgm_ndm --transform-width 0       | transform_width
--preset lsgm --curvature .1                | curvature
--preset lsgm --pairing optimal             | pairing
--preset lsgm --autoencoder nowhere         | nowhere
--preset vae --prior-lr .1                  | prior_lr
--preset lsgm --T 10 --times importance     | times
--preset lsgm --autoencoder file.txt        | file.txt
--autoencoder nowhere                       | autoencoder
--binary --data circles                     | binary
--preset bridge --data0 digits --data1 digits --binary --latent 2 | latent
--resume --batch 0                          | batch
--overwrite --width 0                       | width
"""

def argument(option, value): return f'--{option}={value}' if value[0] == '-' else f'--{option} {value}'

cases = [(argument(option, value), option) for table in (numbers, names) for option, values in table.items()
         for value in values.split()]
cases += [tuple(map(str.strip, line.rsplit('|', 1))) for line in lines.strip().splitlines()]

def test_there_are_many(): assert len({line for line, _ in cases}) == len(cases) > 300

def _too_long(*_): raise AssertionError('still at it after 20 seconds')

@pytest.fixture
def here(tmp_path, monkeypatch):
    "An empty folder, but for a few files that are no configuration; nothing is trained, or takes long."
    def fit(*_, **__): raise AssertionError('training began')
    monkeypatch.setattr(Trainer, 'fit', fit)
    monkeypatch.setenv('COLUMNS', '400')
    monkeypatch.delenv('NDM_DATA', raising=False)
    monkeypatch.chdir(tmp_path)
    for name, text in {'file.txt': 'mine', 'list.json': '[]', 'garbage.json': '{"data": 3'}.items():
        (tmp_path/name).write_text(text)
    if hasattr(signal, 'SIGALRM'):
        before = signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(20)
        yield tmp_path
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    else: yield tmp_path

def files(folder): return {p.relative_to(folder): p.read_bytes() for p in folder.rglob('*') if p.is_file()}

@pytest.mark.parametrize('line, named', cases, ids=[line for line, _ in cases])
def test_it_is_refused(line, named, here, capfd):
    before = files(here)
    with pytest.raises(SystemExit) as stopped: train_main(shlex.split(line))
    status, printed = stopped.value.code, ''.join(capfd.readouterr())
    message = status if isinstance(status, str) else printed
    assert status, f'status {status}'
    assert named.replace('-', '_') in message.replace('-', '_'), message
    assert 'Traceback' not in printed + message
    if isinstance(status, str): assert len(message.splitlines()) == 1 and message.startswith('ndm_train: ')
    assert files(here) == before and sorted(os.listdir(here)) == ['file.txt', 'garbage.json', 'list.json']

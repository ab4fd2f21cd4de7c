"""Calls from Python that cannot work: each raises `InputError` at once, and says what was expected.

A call with `...` in it is made with every value that cannot stand there; whole calls follow, with what the
message must name. Nothing is written, and no other error gets through.
"""
import importlib, pkgutil, signal
import numpy as np
import pytest, torch
import ndm_nb
from ndm_nb.core import InputError
from ndm_nb.data import Splits
from ndm_nb.networks import MLP
from ndm_nb.presets import build
from ndm_nb.training import TrainingError

# what is no batch of points
batches = dict(none=None, text='abc', array=np.zeros((4, 2), np.float32), list=[[0., 1.]], number=3.,
               whole=torch.zeros(4, 2).long(), true=torch.zeros(4, 2).bool(),
               complex=torch.zeros(4, 2) + 0j, half=torch.zeros(4, 2).half(), sparse=torch.eye(2).to_sparse(),
               meta=torch.zeros(4, 2, device='meta'), empty=torch.zeros(0, 2),
               nan=torch.full((4, 2), torch.nan), infinite=torch.full((4, 2), torch.inf),
               scalar=torch.tensor(0.), vector=torch.zeros(4))
no_whole = dict(text="'ten'", negative='-1', fraction='2.5', nan='nan', infinite='inf', true='True',
                list='[3]', complex='2j')
no_size = no_whole | dict(zero='0')
no_number = dict(text="'ten'", nan='nan', negative='-1.', list='[3]', complex='2j')
no_name = dict(text="'nobody'", nothing="''", number='3', list='[]')

takes_batch = """
discrete_bound(model, ..., 5)               | x
continuous_bound(model, ...)                | x
DiscreteBound(5)(model, ...)                | x
ContinuousBound()(model, ...)               | x
sample_ancestral(model, ..., 2)             | noise
sample_ode(model, ..., 2)                   | noise
sample_sde(model, ..., 2)                   | noise
encode_ode(model, ..., 2)                   | x
log_prob_ode(model, ...)                    | x
evaluate_ode(model, ...)                    | x
curvature_penalty(model, ...)               | x
optimal_volatility(model, ...)              | x
few_step_error(model, ...)                  | noise
sliced_wasserstein(..., x)                  | x
sliced_wasserstein(x, ...)                  | y
mmd(..., x)                                 | x
kid(x, ...)                                 | features_y
Statistics.of(...)                          | features
fid(..., x, net)                            | images
transport_cost(x, ...)                      | batch
optimal_transport_cost(..., x)              | batch
sample_bridge(bridge, ..., 2)               | x1
log_prob_bridge(bridge, x, ...)             | x1
bridge_bound(bridge, ...)                   | x
dequantise(..., 4, 'uniform')               | x
Trainer(model, bound_for(2), ..., x)        | train
Trainer(model, bound_for(2), x, ...)        | valid
evaluate(model, bound_for(2), ...)          | x
Standardiser((2,)).fit(...)                 | x
pair_up(..., x)                             | x0
pair_up(x, ...)                             | x1
plot_samples(...)                           | x
LatentBound(None)(vae, ...)                 | x
sample_latent(vae, ...)                     | noise
log_weights(vae, ...)                       | x
evaluate_latent(vae, ...)                   | x
"""
# what two of them do take: what is drawn or paired need not be fit for training
may = {'pair_up': ('whole', 'true', 'complex', 'half', 'sparse', 'nan', 'infinite', 'meta', 'vector'),
       'plot_samples': ('whole', 'true', 'half', 'vector', 'scalar', 'nan', 'infinite', 'sparse', 'empty')}
takes_number = """
no_size   discrete_bound(model, x, ...)                   steps
no_size   DiscreteBound(...)                              steps
no_size   bound_for(...)                                  steps
no_size   sample_ancestral(model, x, ...)                 steps
no_size   sample_ode(model, x, ...)                       steps
no_size   sample_sde(model, x, ...)                       steps
no_size   encode_ode(model, x, ...)                       steps
no_size   log_prob_ode(model, x, steps=...)               steps
no_size   time_grid(...)                                  steps
no_whole  log_prob_ode(model, x, probes=...)              probes
no_size   evaluate_ode(model, x, repeats=...)             repeats
no_size   evaluate_ode(model, x, batch=...)               batch
no_whole  evaluate_ode(model, x, seed=...)                seed
no_size   evaluate(model, bound_for(2), x, ...)           repeats
no_size   evaluate(model, bound_for(2), x, batch=...)     batch
no_whole  evaluate(model, bound_for(2), x, seed=...)      seed
no_size   optimal_volatility(model, x, ...)               buckets
no_size   optimal_volatility(model, x, repeats=...)       repeats
no_size   optimal_volatility(model, x, batch=...)         batch
no_size   sliced_wasserstein(x, x, ...)                   projections
no_number sliced_wasserstein(x, x, p=...)                 p
no_size   kid(x, x, ...)                                  subsets
no_size   kid(x, x, size=...)                             size
no_size   kid(x, x, degree=...)                           degree
no_size   fid(x, x, net, batch=...)                       batch
no_size   build('ndm', (2,), width=...)                   width
no_whole  build('ndm', (2,), depth=...)                   depth
no_size   build('ndm', (2,), terms=...)                   terms
no_size   build('ndm', (2,), rows=...)                    rows
no_size   build('ndm', (2,), transform_width=...)         transform_width
no_whole  build('ndm', (2,), transform_depth=...)         transform_depth
no_size   build('ndm', (2,), transform_coarse=...)        transform_coarse
no_size   build('ndm', (1, 8, 8), network='unet', transform_coarse=...)      transform_coarse
no_size   build('ndm', ...)                               event
no_size   dequantise(x, ..., 'uniform')                   levels
no_size   CategoricalDecoder(...)                         levels
no_size   LearnedGamma(degree=...)                        degree
no_size   power_basis(...)                                K
no_size   ImportanceTime(...)                             buckets
no_size   LearnedTime(...)                                buckets
no_size   OptimalVolatility(buckets=...)                  buckets
no_size   ConvexTransport((2,), ...)                      centres
no_whole  toy('circles', ...)                             n
no_whole  toy('circles', 5, ...)                          seed
no_whole  pair_up(x, x, ...)                              seed
no_size   parse_size(...)                                 size
no_size   parse_steps(...)                                T
no_number curvature(...)                                  weight
no_number curvature(1., margin=...)                       margin
no_number curvature(1., share=...)                        share
no_number path_cost(cost, ...)                            weight
no_number path_cost(None, energy=...)                     energy
no_number OTSchedule(...)                                 delta
no_number GeometricSchedule(...)                          delta
no_number BridgeSchedule(...)                             delta
no_number LinearBeta(beta_0=...)                          beta_0
no_number MarkovVolatility(LinearGamma(), ...)            eta
no_number MarkovVolatility(LinearGamma(), limit=...)      limit
no_number ConstantVolatility(...)                         g
no_number LearnedVolatility(floor=...)                    floor
no_number OptimalVolatility(decay=...)                    decay
no_number sample_ancestral(model, x, 2, ...)              eta
no_number sample_ode(model, x, 2, 'dopri5', rtol=...)     rtol
no_number log_prob_ode(model, x, rtol=...)                rtol
no_number discrete_bound(model, x, 5, eta=...)            eta
no_size   TrainingOptions(...)                            iterations
no_size   TrainingOptions(batch=...)                      batch
no_number TrainingOptions(lr=...)                         lr
no_whole  TrainingOptions(seed=...)                       seed
no_whole  TrainingOptions(workers=...)                    workers
no_number TrainingOptions(ema=...)                        ema
no_number TrainingOptions(minutes=...)                    minutes
no_name   bound_for(None, ...)                            times
no_size   evaluate_latent(vae, x, ...)                    samples
no_size   evaluate_latent(vae, x, batch=...)              batch
no_size   build('lsgm', (2,), prior_width=...)            width
no_whole  build('lsgm', (2,), prior_depth=...)            depth
no_size   build('vae', (2,), width=...)                   width
no_number TrainingOptions(prior_lr=...)                   prior_lr
no_number TrainingOptions(kl_warmup=...)                  kl_warmup
no_number NormalDecoder(None, ...)                        least
no_size   LevelsDecoder(None, ...)                        levels
no_name   build(...,(2,))                                 preset
no_name   build('ndm', (2,), base=...)                    base
no_name   build('ndm', (2,), predictor=...)               predictor
no_name   build('ndm', (2,), network=...)                 network
no_name   build('ndm', (2,), variance=...)                variance
no_name   build('ndm', (2,), gamma=...)                   gamma
no_name   build('ndm', (2,), standardise=...)             standardise
no_name   time_grid(2, ...)                               grid
no_name   sample_ode(model, x, 2, ...)                    solver
no_name   sample_sde(model, x, 2, ...)                    solver
no_name   encode_ode(model, x, 2, ...)                    solver
no_name   log_prob_ode(model, x, solver=...)              solver
no_name   log_prob_ode(model, x, kind=...)                probe
no_name   find_sampler(...)                               solver
no_name   dequantise(x, 4, ...)                           dequantisation
no_name   dataset(...)                                    data set
no_name   toy(..., 5)                                     toy set
no_name   settings_for('digits', ...)                     settings
no_name   TrainingOptions(schedule=...)                   schedule
no_name   TrainingOptions(precision=...)                  precision
no_name   TrainingOptions(flip=...)                       flip
no_name   read_file(...)                                  expected
no_name   load_run(...)                                   expected
no_name   BuiltModel.from_pretrained(...)                 expected
no_name   ndm_sample(...)                                 expected
no_name   ndm_eval(...)                                   expected
no_name   ndm_runs(...)                                   expected
no_name   parse_device(...)                               device
no_name   read_images(..., 8)                             expected
no_name   find_images(...)                                expected
no_name   split_folders(...)                              expected
no_name   Statistics.load(...)                            expected
"""
lines = """
LinearGamma(4., -7.)                                      | gamma_min
LinearGamma('a', 'b')                                     | gamma_min
LinearGamma(None, 4.)                                     | gamma_min
LinearGamma(nan, 4.)                                      | gamma_min
LinearGamma(-inf, 4.)                                     | gamma_min
CosineGamma(4., -7.)                                      | gamma_min
LearnedGamma(0., 0.)                                      | gamma_min
LinearBeta(20., .1)                                       | beta_min
NoisePredictor(net, OTSchedule())                         | alpha
CategoricalDecoder(4, low=1., high=-1.)                   | low
MLP((2,))(x, None)                                        | time
MLP((2,))(x, torch.tensor(.5))                            | t
MLP((2,))(x, 0.5)                                         | t
MLP((2,))(x[:, :1], t)                                    | z
UNet((1, 8))                                              | event
UNet((1, 7, 8))                                           | event
UNet((1, 8, 8), width=6)                                  | width
UNet('abc')                                               | event
check_network(None, x, t)                                 | net
check_network(net, x[:1], t[:1])                          | z
check_network(net, x, None)                               | t
model.forward_process(x)(t + 1)                           | t
model.forward_process(x)(t.long())                        | t
model.forward_process(x)(t[:2])                           | t
model.forward_process(x)(t*nan)                           | t
model.forward_process(None)                               | x
discrete_bound(model, x, 5, t + .01)                      | t
discrete_bound(model, x, 5, t[:1])                        | t
discrete_bound(model, x, 5, 'now')                        | t
discrete_bound(model, x, 5, .2)                           | t
discrete_bound(flow, x, 5)                                | Gaussian
discrete_bound(model, x.double(), 5)                      | dtype
continuous_bound(model, x.double())                       | dtype
continuous_bound(model, x, t*2 + 1)                       | t
continuous_bound(model, x, sampler='even')                | sampler
continuous_bound(model, x, sampler=None)                  | sampler
continuous_bound(model, torch.zeros(4, 3))                | shape
sample_ode(model, torch.zeros(4, 3), 2)                   | shape
sample_sde(model, torch.zeros(4, 3), 2)                   | shape
sample_ancestral(model, torch.zeros(4, 3), 2)             | shape
sample_ode(model, x.double(), 2)                          | dtype
sample_sde(model, x.double(), 2)                          | dtype
sample_ancestral(model, x.double(), 2)                    | dtype
encode_ode(model, x.double(), 2)                          | dtype
log_prob_ode(model, x.double())                           | dtype
evaluate_ode(model, x.double())                           | dtype
evaluate_ode(model, x[:1])                                | at least 2
evaluate(model, bound_for(2), x[:1])                      | at least 2
evaluate(model, None, x)                                  | bound
evaluate(model, 'bound', x)                               | bound
evaluate(None, bound_for(2), x)                           | model
evaluate(model, bound_for(2), x, penalty='curvature')     | penalty
bound_for(5, 'importance')                                | times
sample_sde(model, x, 2, 'heun')                           | heun
sample_ode(model, x, 2, 'euler_maruyama')                 | euler_maruyama
sample_sde(model, x, 2, volatility=lambda t: 1.)          | volatility
sample_sde(model, x, 2, volatility=3.)                    | volatility
sample_sde(model, x, 2, volatility=lambda t: t*nan)       | volatility
time_grid(2, 'logsnr')                                    | schedule
sample_bridge(bridge, x, 2, 'ancestral')                  | ancestral
sample_bridge(bridge, x, 2, noise=torch.zeros(3, 2))      | noise
log_prob_bridge(bridge, x, x[:2])                         | x1
log_prob_bridge(bridge, x[:, :1], x)                      | x1
bridge_bound(bridge, torch.zeros(4, 3, 2))                | pairs
AffineBridge(BridgeSchedule())(x)                         | pairs
pair_up(x, torch.zeros(4, 3))                             | shape
pair_up(x, x.double())                                    | type
pair_up(x[:0], x)                                         | at least 1
path_cost()                                               | cost
path_cost(lambda z, t: z)(bridge, pairs)                  | cost
path_cost(lambda z, t: t*nan)(bridge, pairs)              | cost
pair_splits(splits, splits._replace(levels=4))            | levels
pair_splits(splits, splits._replace(train=x[:2]), True)   | samples
match(x, x[:2])                                           | samples
transport_cost(x, torch.zeros(4, 3))                      | shape
straight_bound(model, x)                                  | StraightPredictor
kid(x[:1], x)                                             | features_x
mmd(x, x, bandwidths=[])                                  | bandwidths
mmd(x, x, bandwidths=[-1.])                               | bandwidths
mmd(x*0, x*0)                                             | bandwidths
frechet_distance(x, x, x, x)                              | mean1
fid(x, x)                                                 | net
fid(x, x, 'inception')                                    | net
features(None, x)                                         | net
Statistics.load('thesis.txt')                             | thesis.txt
Statistics(x[0], x[:2]).save('thesis.txt')                | thesis.txt
dequantise(x, 4, 'uniform')                               | levels
LatentBound(None)(model, x)                               | LatentDiffusion
LatentBound(None)(vae, torch.zeros(4, 3))                 | shape
LatentBound(None)(vae, x.double())                        | dtype
given(model, label)                                       | conditions
given(told, label + 3)                                    | 5
given(told, label - 2)                                    | -2
given(told, label.float())                                | labels
given(told, label[:, None])                               | labels
given(told, None)                                         | labels
given(told, label, 1.)                                    | guidance
given(told, label, 'two')                                 | guidance
sample_ode(given(told, label[:2]), x)                     | 2 conditions
sample_ode(told, x)                                       | condition
Labelled(x, label[:2])                                    | conditions
ConditionalBound(DiscreteBound(5), 1.5)                   | drop
ConditionalBound(DiscreteBound(5))(told, x)               | Labelled
ConditionalBound(DiscreteBound(5))(model, Labelled(x, label)) | conditions
Trainer(told, DiscreteBound(5), Labelled(x, label), Labelled(x, label)) | ConditionalBound
Trainer(told, ConditionalBound(DiscreteBound(5)), x, x)   | ConditionalBound
Trainer(told, ConditionalBound(DiscreteBound(5)), Labelled(x, label + 3), Labelled(x, label)) | 5
ConditionalBound(None)                                    | inner
ConditionalBound(ConditionalBound(DiscreteBound(5)))      | inner
ConditionalBound(ContinuousBound(noise=paired_noise))     | noise
evaluate(told, ConditionalBound(DiscreteBound(5)), Labelled(x, label + 2)) | label 5
evaluate(told, ConditionalBound(DiscreteBound(5)), Labelled(x, label/2)) | labels
evaluate_ode(told, Labelled(x, label + 2))                | label 5
given(told, label).save_pretrained('there')               | told
filled(model, x, x > 0).save_pretrained('there')          | told
Several(a=Pictures((1, 8, 8)))                            | Pictures
label_bounds(model, DiscreteBound(5), x)                  | conditions
label_bounds(told, DiscreteBound(5), x, 0)                | repeats
filled(model, x, torch.ones(4, 2))                        | known
filled(model, x, torch.ones(4, 3) > 0)                    | known
filled(model, x/0, torch.ones(4, 2) > 0)                  | known
filled(model, x, torch.ones(4, 2) > 0, -1.)               | pull
build('ndm', (2,), classes=0)                             | classes
build('ndm', (2,), classes=['a', 'a'])                    | classes
build('ndm', (2,), condition='predictor')                 | condition
build('vae', (2,), classes=3)                             | classes
dataset('circles', labels=True)                           | labels
sample_latent(vae, torch.zeros(4, 3))                     | shape
sample_latent(lsgm, torch.zeros(4, 3))                    | shape
sample_latent(lsgm, x.double())                           | dtype
sample_latent(lsgm, x, 2, 'rk5')                          | rk5
sample_latent(lsgm, x, 0)                                 | steps
sample_latent(model, x)                                   | LatentDiffusion
evaluate_latent(model, x)                                 | LatentDiffusion
log_weights(model, x)                                     | LatentDiffusion
LatentDiffusion(None, vae.decoder)                        | encoder
LatentDiffusion(vae.encoder, net)                         | decoder
LatentDiffusion(torch.nn.Identity(), vae.decoder).encode(x) | encoder
PriorBound(ContinuousBound())(model, pairs[:, :1])        | shape
PriorBound(ContinuousBound())(model, x)                   | shape
cache_latents(torch.nn.Identity(), x, 'x.npy')            | encoder
cache_latents(vae.encode, x, 'x.npy')                     | encoder
cache_latents(vae.encoder, x*nan, 'x.npy')                | NaN
cache_latents(vae.encoder, None, 'x.npy')                 | x
pretrained(net, 'wide')                                   | std
evaluate_latent(vae, x[:1])                               | at least 2
LatentDiffusion(vae.encoder, vae.decoder, vae)            | prior
build('lsgm', (2,), latent='ten')                         | latent
build('lsgm', (2,), latent=0)                             | latent
build('lsgm', (2,), latent=-1)                            | latent
build('lsgm', (2,), latent=nan)                           | latent
build('lsgm', (2,), latent=())                            | latent
build('lsgm', (2,), latent=2.5)                           | latent
build('vae', (1, 6, 6), network='unet')                   | halved
build('vae', (2,), network='unet')                        | image
build('lsgm', (2,), latent=(2, 2))                        | latent
build('ndm', (2,), latent=2)                              | latent
build('vae', (1, 8, 8), levels=2, standardise=True)       | standardise
binarised(splits)                                         | levels
pretrained(net)                                           | AutoencoderKL
pretrained(None)                                          | AutoencoderKL
cache_latents(vae.encoder, x, 'x.npz')                    | npy
cache_latents(vae.encoder, x, 'nowhere/x.npy')            | cannot be written
dequantise(x*0 + 1, 2, std=0.)                            | std
as_samples(np.array(['a', 'b']), 'it')                    | dtype
as_samples(np.array(3.), 'it')                            | shape
as_samples(np.zeros((0, 2)), 'it')                        | shape
as_samples(np.zeros((4, 2)) + 1j, 'it')                   | dtype
as_samples(np.full((4, 2), nan), 'it')                    | NaN
as_samples(np.zeros((4, 5, 5, 5), np.uint8), 'it')        | shape
as_samples(None, 'it')                                    | it
as_samples([1., 2.], 'it')                                | it
as_samples(torch.zeros(4, 2, device='meta'), 'it')        | meta
as_samples(torch.eye(3).to_sparse(), 'it')                | layout
split_index(9, 'it')                                      | it
all_parts(dict(valid=x, test=x), 'it')                    | it
all_parts(dict(train=x, valid=x, test=x.double()), 'it')  | kinds
all_parts({}, 'it')                                       | it
read_file('.')                                            | is a folder
read_file(None)                                           | path
read_file('thesis.txt')                                   | thesis.txt
read_file('broken.npy')                                   | broken.npy
read_file('broken.npz')                                   | broken.npz
read_file('broken.csv')                                   | broken.csv
read_file('broken.pt')                                    | broken.pt
read_file('broken.parquet')                               | broken.parquet
read_file(closed)                                         | path
read_images(None, 8)                                      | path
read_images(3, 8)                                         | path
read_images('.', 8)                                       | at least 1
read_images('thesis.txt', 8)                              | thesis.txt
read_images(['thesis.txt'], 8)                            | thesis.txt
read_images(['.'], 8, 3)                                  | no such file
read_images([None], 8, 3)                                 | None
read_images('.', None)                                    | size
read_images('.', (8, 8, 8))                               | size
read_images('.', 8, 2)                                    | channels
read_images('.', 8, '3')                                  | channels
read_images('.', 8, ground='nocolour')                    | ground
read_images('.', 8, ground=None)                          | ground
read_images('.', 8, least='many')                         | least
read_image(b'', 8)                                        | 0 bytes
read_image(b'abc', 8)                                     | 3 bytes
read_image(closed, 8)                                     | picture
read_image('.', 8)                                        | no such file
find_images(None)                                         | path
unpacked('broken.npz', 'x')                               | broken.npz
read_hub('nowhere')                                       | nowhere
read_hub('.')                                             | hf:.
read_hub(None)                                            | name
dataset('nobody')                                         | nobody
dataset(None)                                             | data set
dataset(3)                                                | data set
dataset('digits', size=8)                                 | size
dataset('mnist')                                          | root
dataset('mnist', root='.')                                | mnist
dataset('mnist:zebra', root='.')                          | mnist
dataset('cifar10', root='thesis.txt')                     | cifar10
dataset('imagenet32', root='.')                           | imagenet32
dataset('celeba', root='.')                               | celeba
dataset('afhq', root='.')                                 | afhq
dataset('folder:.')                                       | size
dataset('folder:nowhere', size=8)                         | nowhere
dataset('folder:.', size='big')                           | size
dataset('folder:.', size=8, channels=2)                   | channels
dataset('file:nowhere.npy')                               | nowhere.npy
dataset('file:')                                          | expected
dataset('hf:nowhere', colour=3)                           | colour
Trainer(model, None, x, x)                                | bound
Trainer(model, lambda model, x: 0, x, x)                  | bound
Trainer(None, bound_for(2), x, x)                         | model
Trainer(net, bound_for(2), x, x)                          | model
Trainer(model, bound_for(2), x, x[:1])                    | valid
Trainer(model, bound_for(2), x, torch.zeros(4, 3))        | valid
Trainer(model, bound_for(2), torch.zeros(4, 3), torch.zeros(4, 3))  | shape
Trainer(model, bound_for(2), x, x, iteration=3)           | iterations
Trainer(model, bound_for(2), x, x, iterations=None)       | iterations
Trainer(model, bound_for(2), x, x, flip=True)             | flip
Trainer(model, bound_for(2), x, x, ramp=.5)               | ramp
Trainer(model, bound_for(2), x, x, folder='thesis.txt')   | folder
Trainer(model, bound_for(2), x, x, folder=3)              | folder
Trainer(model, bound_for(2), x, x, device='gpu0')         | device
Trainer(model, bound_for(2), x, x, device='meta')         | device
Trainer(model, bound_for(2), x, x, track=('chalk',))      | tracker
Trainer(model, bound_for(2), x, x, track='tensorboard')   | track
Trainer(model, bound_for(2), x, x, accumulate=99)         | accumulate
Trainer(model, bound_for(2), x, x, options='fast')        | options
Trainer(model, bound_for(2), x, x, penalty='curvature')   | penalty
Trainer(model, bound_for(2), x, x).restore('thesis.txt')  | thesis.txt
Trainer(model, bound_for(2), x, x).restore('nowhere')     | nowhere
Trainer(grey, bound_for(2), torch.randn(4, 1, 8, 8), torch.randn(4, 1, 8, 8))  | levels
Trainer(poisoned, bound_for(2), x, x, iterations=1).fit(progress=False)        | finite
sample_ode(poisoned, x, 2)                                | finite
sample_sde(poisoned, x, 2)                                | finite
sample_ancestral(poisoned, x, 2)                          | finite
encode_ode(poisoned, x, 2)                                | NaN
log_prob_ode(poisoned, x, steps=2)                              | finite
build('vdm', (2,), base='ot')                             | base
build('ndm', (2,), predictor='ends')                      | predictor
build('ndm', (2,), predictor='noise', base='ot')          | predictor
build('ndm', None)                                        | event
build('ndm', 'abc')                                       | event
build('ndm', ())                                          | event
build('ndm', (0,))                                        | event
build('ndm', (1.5,))                                      | event
build('ndm', (1, 10**6, 10**6))                           | event
build('ndm', (2,), levels=1)                              | levels
build('ndm', (2,), levels=4, standardise=True)            | standardise
build('ndm', (2,), gamma=(4, -7))                         | gamma
build('ndm', (2,), gamma=(nan, 4))                        | gamma
build('ndm', (2,), gamma=7)                               | gamma
build('ndm', (2,), width=10**9)                           | width
build('ndm', (2,), width=2**16, depth=256)                | memory
build('ndm', (2,), network='unet')                        | event
build('ndm', (2,), multipliers=(1, 2))                    | multipliers
build('ndm', (1, 8, 8), network='unet', multipliers=())   | multipliers
build('ndm', (1, 8, 8), network='unet', width=6)          | width
build('ndm', (1, 8, 8), network='unet', attention='all')  | attention
build('ndm', (1, 8, 8), network='unet', fourier=(99,))    | fourier
build('ndm', (1, 8, 8), network='unet', attention=None)   | attention
build('ndm', (2,), colour=3)                              | colour
build('ndm', (2,), variance='step', rows=10**9)           | rows
build('ndm', (2,), transform_width=1)                     | transform_width
build('ndm', (2,), transform_width=10**9)                 | transform_width
build('ndm', (2,), transform_width=2**16, transform_depth=256) | memory
build('ndm', (2,), transform_coarse=2)                    | transform_coarse
build('ndm', (1, 8, 8), network='unet', transform_width=6)    | transform_width
build('ndm', (1, 8, 8), network='unet', transform_depth=0)    | transform_depth
build('ndm', (1, 8, 8), network='unet', transform_coarse=3)   | coarse
build('ndm', (1, 8, 8), network='unet', transform_coarse=10**9) | coarse
UNet((1, 8, 8), coarse=0)                                 | coarse
UNet((1, 8, 8), coarse=2.)                                | coarse
UNet((1, 8, 8), coarse=3)                                 | coarse=3
Standardiser(())                                          | event
Standardiser(None)                                        | event
Standardiser(2)                                           | event
Standardiser((2,)).fit(x*0)                               | constant
Standardiser((2,)).fit(x[:1])                             | constant
Standardiser((2,)).fit(torch.zeros(4, 3))                 | x
model.save_pretrained('thesis.txt')                       | thesis.txt
model.save_pretrained('mine')                             | README.md
model.save_pretrained(None)                               | folder
bare.save_pretrained('new')                               | config
BuiltModel.from_pretrained('.')                           | config.json
BuiltModel.from_pretrained('no such name')                | no such name
BuiltModel.from_pretrained(None)                          | None
load_run('.')                                             | config.json
load_run('thesis.txt')                                    | thesis.txt
load_run(None)                                            | None
load_run(3)                                               | 3
ndm_sample('.')                                           | config.json
ndm_sample('.', n=0)                                      | n
ndm_sample('.', n='many')                                 | n
ndm_sample('.', steps=2.5)                                | steps
ndm_sample('.', out='x.jpg')                              | out
ndm_sample('.', save='x.doc')                             | save
ndm_sample('.', device='gpu0')                            | device
ndm_sample('.', colour=3)                                 | colour
ndm_sample('.', seed='a')                                 | seed
ndm_eval('.', T=0)                                        | T
ndm_eval('.', T='many')                                   | T
ndm_eval('.', probes=3)                                   | probes
ndm_eval('.', fid=True, solvers=True)                     | fid
ndm_eval('.', likelihood='sde')                           | likelihood
ndm_eval('.', n=1)                                        | n
ndm_eval('.', fid=True, stats='thesis.txt')               | thesis.txt
ndm_runs('thesis.txt')                                    | thesis.txt
ndm_runs(None)                                            | None
DataOptions(size='big')                                   | size
DataOptions(channels=2)                                   | channels
DataOptions(valid=0)                                      | valid
DataOptions(data=3)                                       | data
ObjectiveOptions(T=2.5)                                   | T
ObjectiveOptions(curvature=-1)                            | curvature
ObjectiveOptions(curvature_share=.5)                      | curvature_share
Generation(DataOptions(data0='digits'), ObjectiveOptions())   | data0
Generation(DataOptions(), ObjectiveOptions(energy=1.))    | energy
Generation(DataOptions(size=8), ObjectiveOptions()).splits()  | size
Translation(DataOptions(), ObjectiveOptions())            | data0
"""

# what they take: one side in a list, 1 for true, the usual settings for no name
accepted = {"build('ndm', ...)": ['list'], 'parse_size(...)': ['list'],
            'parse_steps(...)': ['true', 'infinite'], "settings_for('digits', ...)": ['nothing', 'list']}

# errors of other types, which say enough: of a model that is none Python names what it lacks, the readers of
# a file are called once it was found, and the rest are not worth a line of code
known = """
sample_ode(None, x, 2)
sample_sde('model', x, 2)
log_prob_ode(None, x)
discrete_bound(None, x, 5)
optimal_volatility(None, x)
check_network(torch.nn.ReLU(), x, t)
open_array('nobody')
open_array(None)
unpacked('nobody', 'x')
decode(model, None)
CosineGamma(1e9, 2e9)
mmd(x, x, bandwidths='wide')
frechet_distance('a', x, x, x)
dequantise(x*0 + 1, 2, std='a')
""".strip().splitlines()

def _filled(table):
    "A call for each value that cannot stand for the dots."
    for line in table.strip().splitlines():
        kind, call = line.split(maxsplit=1)
        call, name = map(str.strip, call.rsplit('  ', 1))
        for about, value in globals()[kind].items():
            if about not in accepted.get(call, ()): yield call.replace('...', value), name

# what is expected is said in one of these words; of a picture it is that it is one
says = ('expected', 'did you mean', 'try more steps', 'may help', 'cannot be read as a picture',
        'has no effect', ' has ', ' needs ', 'was made with', 'is not Gaussian')

def _rows(table): return [tuple(map(str.strip, line.rsplit('|', 1))) for line in table.strip().splitlines()]

cases = [(call.replace('...', f'bad[{about!r}]'), name) for call, name in _rows(takes_batch)
         for about in batches if about not in may.get(call.partition('(')[0], ())]
cases += [*_filled(takes_number), *_rows(lines)]

cases = [*{case[0]: case for case in cases}.values()]

def test_there_are_many(): assert len(cases) > 1300

@pytest.fixture(scope='module')
def given():
    "What the calls are made of."
    torch.manual_seed(0)
    names = dict(bad=batches, np=np, torch=torch, nan=float('nan'), inf=float('inf'))
    for module in pkgutil.iter_modules(ndm_nb.__path__, 'ndm_nb.'):
        if not module.name.startswith('ndm_nb._'): names |= vars(importlib.import_module(module.name))
    sizes = dict(width=4, depth=0)
    x, net = torch.randn(4, 2), MLP((2,), width=4, depth=0)
    poisoned = build('ndm', (2,), **sizes)
    for p in poisoned.parameters(): p.data.fill_(torch.nan)
    bare = build('ndm', (2,), **sizes)
    bare.config = None
    return names | dict(x=x, net=net, t=torch.tensor([.2, .4, .6, .8]), pairs=torch.stack([x, x], 1),
                        model=build('ndm', (2,), **sizes), flow=build('nfdm_flow', (2,), **sizes),
                        bridge=build('brownian_bridge', (2,), **sizes), poisoned=poisoned,
                        bare=bare,
                        grey=build('ndm', (1, 8, 8), levels=17, **sizes),
                        vae=build('vae', (2,), latent=2, **sizes),
                        told=build('ndm', (2,), classes=5, **sizes),
                        label=torch.arange(4),
                        lsgm=build('lsgm', (2,), latent=2, **sizes),
                        cost=lambda z, t: t, splits=Splits(x, x, x))

def _too_long(*_): pytest.fail('still at it after 5 seconds')

@pytest.fixture
def here(tmp_path, monkeypatch):
    "A folder with a few files that are no data."
    monkeypatch.delenv('NDM_DATA', raising=False)
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    monkeypatch.setattr('datasets.config.HF_HUB_OFFLINE', True)
    monkeypatch.chdir(tmp_path)
    for name in ('thesis.txt', *(f'broken.{ending}' for ending in ('npy', 'npz', 'csv', 'pt', 'parquet'))):
        (tmp_path/name).write_text('two years, of\n"work')
    (tmp_path/'mine').mkdir()
    (tmp_path/'mine'/'README.md').write_text('# mine')
    if not hasattr(signal, 'SIGALRM'): yield tmp_path
    else:
        before = [(kind, signal.signal(kind, _too_long)) for kind in (signal.SIGALRM, signal.SIGPROF)]
        signal.setitimer(signal.ITIMER_PROF, 5)                 # of computing; the machine may be busy
        signal.alarm(60)
        yield tmp_path
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for kind, handler in before: signal.signal(kind, handler)

def files(folder): return {p.relative_to(folder): p.is_file() and p.read_bytes() for p in folder.rglob('*')}

@pytest.mark.parametrize('call, named', cases, ids=[call for call, _ in cases])
def test_it_is_refused(call, named, given, here):
    before = files(here)
    with open('thesis.txt') as closed: pass
    with pytest.raises((InputError, TrainingError)) as refused: eval(call, given | dict(closed=closed))
    message = str(refused.value)
    assert named in message and any(word in message for word in says), message
    assert files(here) == before

@pytest.mark.parametrize('call', known)
def test_it_fails_anyway(call, given, here):
    before = files(here)
    with pytest.raises(Exception): eval(call, given)
    assert files(here) == before

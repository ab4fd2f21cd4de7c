"""Diffusion models whose forward process is learned. The main names are here; each module has more."""
__version__ = "0.1.0"

# name to the module that has it, which is imported when the name is first used
_home = dict(
    NeuralDiffusion='model', build='presets', BuiltModel='presets', dataset='data', plot_samples='data',
    Trainer='training', TrainingOptions='training', bound_for='evaluation', evaluate='evaluation',
    sample_ancestral='discrete', sample_ode='sampling', sample_sde='sampling', log_prob_ode='likelihood',
    ndm_train='train', ndm_sample='cli', ndm_eval='cli', load_run='runs', given='conditions')
__all__ = [*_home]

def __getattr__(name):
    from importlib import import_module
    if name in _home: return getattr(import_module(f'ndm_nb.{_home[name]}'), name)
    raise AttributeError(f'module ndm_nb has no attribute {name!r}')

def __dir__(): return [*globals(), *__all__]

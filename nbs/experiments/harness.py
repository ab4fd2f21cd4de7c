"""What all experiments share: options, jobs whose results are kept one by one, going on, tables.

A script says what is particular to it: which models, what is measured of one, what the table shows. With
`--show` it prints what the committed record says and measures nothing; `--results` is the folder of the
record. What a record holds is not measured again: delete it to start afresh.
"""
import argparse, inspect, json, os, platform, shlex, sys, time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import wraps
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
import torch
from ndm_nb.checkpoints import write_atomically
from ndm_nb.runs import parse_device

here = Path(__file__).parent
gallery = here.parent/'images'                                   # the pictures of the site

def pm(values, form='.3f'):
    "Mean ± standard deviation."
    return f'{mean(values):{form}}' + (f' ± {stdev(values):{form}}' if len(values) > 1 else '')

def parameters(model): return sum(p.numel() for p in model.parameters())

def least(measure, kinds, rounds=5):
    "The least of `measure(kind)` in several rounds, in which the kinds take turns; a dict from the kinds."
    best = {}
    for _, kind in product(range(rounds), kinds):
        value = measure(kind)
        best[kind] = min(best.get(kind, value), value)
    return best

def step_cost(make, name, first, rounds=5):
    "Seconds per step of the trainer `make(name)` in units of `make(first)`: in turns, the best of several."
    def seconds(kind):
        trainer, start = make(kind), time.perf_counter()
        trainer.fit(progress=False)
        return (time.perf_counter() - start)/trainer.iteration
    best = least(seconds, (first, name), rounds)
    return round(best[name]/best[first], 3)

def step_seconds(trainers, n=64, rounds=5):
    """Of a training step of each trainer: the least mean of n in several rounds, in which they take turns.

    All rounds are about the same iterations, so a penalty falls on the same batches in each."""
    cuda = torch.cuda.is_available()
    def measure(name):
        "After a step to warm up."
        trainers[name].step()
        if cuda: torch.cuda.synchronize()
        start = time.perf_counter()
        for trainers[name].iteration in range(n): trainers[name].step()
        if cuda: torch.cuda.synchronize()
        return (time.perf_counter() - start)/n
    return {name: round(each, 6) for name, each in least(measure, trainers, rounds).items()}

class Runs(list):
    "What was measured: a dict for each run."
    def of(self, **what):
        "Those of one model, one seed, ..."
        return Runs(r for r in self if all(r[name] == value for name, value in what.items()))

    def by(self, name, order=()):
        "Those of each model, each seed, ..., by its name; as they came, or in a given order."
        found = dict.fromkeys(self.get(name))
        return {value: self.of(**{name: value}) for value in [v for v in order if v in found] or found}

    def get(self, name): return [r[name] for r in self]
    def mean(self, name): return mean(self.get(name))
    def pm(self, name, form='.3f', unit=1): return pm([value*unit for value in self.get(name)], form)

def square_of(x):
    "Which of the eight squares of the checkerboard points are from, 0 to 7."
    return 2*(x[:, 0] + 2).long() + (x[:, 1] > 0)

def markdown(rows):
    "A table of dicts, with a column for each name."
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    head = '| ' + ' | '.join(names) + ' |'
    lines = ['| ' + ' | '.join(str(row.get(name, '')) for name in names) + ' |' for row in rows]
    return '\n'.join([head.replace('|  |', '| |'), '|---'*len(names) + '|', *lines])

def bold(rows, name):
    "The rows of a table, with the least mean in bold in each column whose name starts so."
    rows = list(rows)
    def value(row, column): return float(row[column].split()[0])
    for column in dict.fromkeys(c for row in rows for c in row if c.startswith(name)):
        there = [row for row in rows if column in row]
        least = min(value(row, column) for row in there)
        for row in there:
            if value(row, column) == least: row[column] = f'**{row[column]}**'
    return rows

def origin(record):
    "What a record was made with."
    return f"{record['hardware']}, torch {record['torch']}"

def hardware(device='cpu', threads=1):
    "What a run has to itself."
    device = parse_device(device)
    if device.type == 'cuda': return torch.cuda.get_device_name(device)
    each = 'one thread' if threads == 1 else f'{threads} threads'
    return f'{os.cpu_count()} cores of a {platform.machine()} CPU, {each} for each run'

def parse(doc, options):
    "A command line from its defaults: a tuple means several, of the same names if it has names; a dict, one."
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--show', action='store_true', help='only print what the record says')
    parser.add_argument('--results', type=Path, default=here/'results', help='the folder of the record')
    for name, default in options.items():
        first = next(iter(default)) if isinstance(default, (tuple, dict)) else default
        if isinstance(first, bool):
            parser.add_argument(f'--{name}', action='store_true')
            continue
        choices = list(default) if isinstance(default, (tuple, dict)) and isinstance(first, str) else None
        if isinstance(default, dict): default = first
        read = lambda text, kind=type(first): None if text == 'inf' else kind(text)
        parser.add_argument(f'--{name}', type=read, default=default, choices=choices,
                            nargs='+' if isinstance(default, tuple) else None, help=f'by default {default}')
    return vars(parser.parse_args())

def numbers(result):
    "What of it fits into a line."
    return ', '.join(f'{k} {v:.4g}' for k, v in result.items() if isinstance(v, (int, float)))

def call(f, values):
    "`f` with those of the values that it names."
    return f(**{name: values[name] for name in inspect.signature(f).parameters if name in values})

def work(measure, job, threads):
    "Do a job, in whatever process."
    torch.set_num_threads(threads)
    return call(measure, job | dict(job=job))

def agree(record, new, where):
    "Put settings into a record; ends with a message if it was begun with others."
    for name, value in json.loads(json.dumps(new)).items():
        if isinstance(value, dict): agree(record.setdefault(name, {}), value, f'{where}, {name}')
        elif record.setdefault(name, value) != value:
            sys.exit(f'{where} has {name}={record[name]}, not {value}; expected the same, or other --results')

class Experiment:
    """What is measured of several jobs, and the record of it: a JSON file with `runs`, and what they share.

    A script says the rest by decorators. Each of its functions gets those options that it names.
    """
    def __init__(self,
        name, # of the record; options in braces are filled in
        key, # names of what tells the runs of a record apart
        processes=1, # jobs at a time; 1 where the clock counts
        threads=1, # of each process
    ):
        self.name, self.key, self.processes, self.threads = name, key, processes, threads
        self.folder, self.facts = here/'results', []

    def measure(self, f):
        "`f` does a job, and returns a dict."
        self.do = f
        return f

    def fact(self, f):
        "`f` measures something once, before all jobs; the record has it under the name of `f`."
        self.facts.append(f)
        return f

    def table(self, f):
        "`f` makes rows of a record, as dicts. What it becomes returns a table in Markdown."
        self.rows = wraps(f)(lambda *args, **kw: markdown(f(*args, **kw)))
        return self.rows

    def override(self, f):
        "`f` takes the place of the method of its name, such as `settings`, `jobs`, `pictures`, `report`."
        if not hasattr(self, f.__name__): raise AttributeError(f'an experiment has no {f.__name__}')
        setattr(self, f.__name__, f)
        return f

    def settings(self):
        "What the record says of the settings, which must be the same for all of its runs."
        return {}

    def jobs(self, options):
        "All combinations of what the key names, `seeds` for `seed`; the last option varies fastest."
        named = {option: name for name in self.key for option in (name, name + 's')}
        lists = {named[option]: values for option, values in options.items() if option in named}
        return [dict(zip(lists, values)) for values in product(*lists.values())]

    def pictures(self): "Draw something, when all is measured."

    def report(self, record):
        "The paragraphs that the script prints."
        return origin(record), self.rows(record)

    def unpack(self, file):
        "The record that a file holds."
        return file | (dict(runs=Runs(file['runs'])) if 'runs' in file else {})

    def pack(self, record):
        "What the file is to hold."
        return record

    def path(self, **options):
        return self.folder/(self.name.format(**options).replace(':', '_') + '.json')

    def load(self, **options): return self.unpack(json.loads(self.path(**options).read_text()))

    def save(self, record, options):
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.pack(record), indent=1, ensure_ascii=False)
        write_atomically(self.path(**options), text + '\n')

    def picture(self, name):
        "Where a picture goes: to those of the site, unless the record is elsewhere, too."
        return (gallery if self.folder == here/'results' else self.folder)/name

    def note(self, record, options):
        "Where, with what and how it is measured. A record that was begun elsewhere says that as well."
        machine = hardware(options.get('device', 'cpu'), self.threads)
        command = shlex.join(['python', f'nbs/experiments/{Path(sys.argv[0]).name}', *sys.argv[1:]])
        for name, value in dict(hardware=machine, torch=torch.__version__, command=command).items():
            known = record.setdefault(name, value)
            if value not in known.split('; '): record[name] = f'{known}; {value}'

    def results(self, jobs):
        "The jobs with their results, as these come."
        if self.processes == 1:
            for job in jobs: yield job, work(self.do, job, self.threads)
            return
        with ProcessPoolExecutor(self.processes, mp_context=get_context('spawn')) as pool:
            futures = {pool.submit(work, self.do, job, self.threads): job for job in jobs}
            try:
                for future in as_completed(futures): yield futures[future], future.result()
            finally: pool.shutdown(cancel_futures=True)

    def run(self, options):
        "Measure what the record lacks, and write it after every job: an interruption costs no more than one."
        start, path = time.time(), self.path(**options)
        record = self.load(**options) if path.exists() else {}
        agree(record, call(self.settings, options), path)
        torch.set_num_threads(self.threads)
        self.processes = options.get('processes', self.processes)
        for fact in self.facts:
            if fact.__name__ in record: continue
            record[fact.__name__] = call(fact, options | dict(options=options))
            self.save(record, options)
        if 'runs' not in record:
            self.note(record, options)
            record |= dict(minutes=0., runs=Runs())
        held = {tuple(r[name] for name in self.key) for r in record['runs']}
        jobs = [options | job for job in call(self.jobs, options | dict(options=options, record=record))]
        jobs = [job for job in jobs if tuple(job[name] for name in self.key) not in held]
        if jobs: self.note(record, options)
        before = record.get('minutes')                              # an older record does not say
        for job, result in self.results(jobs):
            record['runs'].append({name: job[name] for name in self.key} | result)
            if before is not None: record['minutes'] = round(before + (time.time() - start)/60, 2)
            self.save(record, options)
            print(*(job[name] for name in self.key), numbers(result), sep=', ', flush=True)
        if jobs: call(self.pictures, options | dict(record=record))
        return record

    def main(self, **options):
        "The command of a script, with these options."
        options = parse(sys.modules['__main__'].__doc__, options)
        self.folder = options.pop('results')
        record = self.load(**options) if options.pop('show') else self.run(options)
        print('\n' + '\n\n'.join(call(self.report, options | dict(record=record))))

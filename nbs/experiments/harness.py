"What the comparisons share: training runs in parallel, one to a core, kept in a JSON file as they come; and the cost of a training step."
import json, os, platform, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import mean, stdev

def pm(values, digits=3):
    "Mean ± standard deviation."
    return f'{mean(values):.{digits}f} ± {stdev(values):.{digits}f}' if len(values) > 1 else f'{values[0]:.{digits}f}'

def run_jobs(run, jobs, path, key, show):
    "Run `run(*job)`, a dict, for each job; put it into the list `runs` of the JSON file at `path`, in place of one with the same `key`."
    import torch
    path.parent.mkdir(exist_ok=True)
    record = json.loads(path.read_text()) if path.exists() else {}
    record |= dict(hardware=f'{os.cpu_count()} cores of a {platform.machine()} CPU, one thread for each run', torch=torch.__version__)
    runs = {key(r): r for r in record.get('runs', [])}
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context('spawn')) as pool:
        for result in pool.map(run, *zip(*jobs)):
            runs[key(result)] = result
            path.write_text(json.dumps(record | dict(runs=list(runs.values())), indent=1) + '\n')
            print(show(result), flush=True)
    return json.loads(path.read_text())

def cost(trainers, rounds=5):
    "Seconds per training step of each trainer that the functions make, as a multiple of the first one's: taken in turns, one thread, the best of several rounds."
    import torch
    torch.set_num_threads(1)
    best = {}
    for _ in range(rounds):
        for name, make in trainers.items():
            trainer = make()
            start = time.perf_counter()
            trainer.fit(progress=False)
            best[name] = min(best.get(name, float('inf')), (time.perf_counter() - start)/trainer.iteration)
    first = next(iter(best.values()))
    return {name: round(seconds/first, 3) for name, seconds in best.items()}

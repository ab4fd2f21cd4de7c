"""One step, learned: is a straight teacher easier to learn from? Students of flow matching and of NFDM-OT.

    python nbs/experiments/average_velocity.py           # after few_steps.py has measured its steps
    python nbs/experiments/average_velocity.py --show

Each teacher is trained as in few_steps.py, for the same --seconds; then a student with the same network and
one more channel learns the average velocities of its ODE, in --iterations steps. Samples are judged as there:
of one, two and four steps of the student, and of the teacher with 50 steps of Heun's method.
"""
import torch
from ndm_nb.average import AverageBound, sample_average, student_of
from ndm_nb.data import dataset
from ndm_nb.networks import MLP
from ndm_nb.sampling import sample_ode
from ndm_nb.training import Trainer
from few_steps import distance, few_steps, models, predictor, sets, start_of, trainer_of, training
from harness import Experiment

teachers = 'flow matching', 'nfdm-ot'
average = Experiment('average_velocity', key=('data', 'teacher', 'seed'))

@average.override
def settings(seconds, iterations): return dict(seconds=seconds, iterations=iterations)

@average.measure
def run(data, teacher, seed, seconds, iterations):
    "Train a teacher, and a student of it; the distances of their samples."
    splits = dataset(data)
    each = few_steps.load()['step_seconds'][teacher]
    trainer = trainer_of(data, models[teacher], seed, round(seconds/each))
    trainer.fit(progress=False)
    model = trainer.model.eval().requires_grad_(False)
    torch.manual_seed(seed)
    student = student_of(model, MLP((3,), width=predictor['width'], depth=predictor['depth']))
    trainer = Trainer(student, AverageBound(model), splits.train, splits.valid, seed=seed,
                      iterations=iterations, every=iterations//4, **training)
    trainer.fit(progress=False)
    noise = torch.randn(10_000, 2, generator=torch.Generator().manual_seed(seed))
    start = start_of(model, splits.train, noise, seed)
    found = {str(n): distance(sample_average(student, start, n), splits.test) for n in (1, 2, 4)}
    return dict(distance=found, of_teacher=distance(sample_ode(model, start, 50), splits.test))

@average.table
def table(record):
    "A row for each data set and teacher."
    for data, at in record['runs'].by('data').items():
        for teacher, mine in at.by('teacher').items():
            row = {'': data, 'teacher': teacher}
            for n in ('1', '2', '4'):
                row[f'{n} step{"s"*(n != "1")}'] = f"{sum(r['distance'][n] for r in mine)/len(mine):.3f}"
            yield row | {'of the teacher, 99 evaluations': mine.pm('of_teacher')}

if __name__ == '__main__':
    average.main(data=sets, teacher=teachers, seeds=(0,), seconds=30., iterations=3000, processes=1)

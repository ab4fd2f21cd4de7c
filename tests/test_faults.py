"""A sample of the faults of faults.py, another one each day; all of them are planted by hand."""
from datetime import date
from random import Random
import pytest
from faults import faults, survives

sample = Random(date.today().toordinal()).sample(faults, min(10, len(faults)))

@pytest.mark.parametrize('fault', sample, ids=[f'{fault.module}: {fault.what}' for fault in sample])
def test_a_fault_is_caught(fault):
    alone, _ = survives(fault)
    if alone is None: pytest.skip(f'{fault.test} was skipped')
    assert not alone, f'{fault.old!r} for {fault.new!r} survives {fault.test}'

def test_faults_are_told_apart():
    assert len({(fault.module, fault.what) for fault in faults}) == len(faults)
    for fault in faults: assert fault.old != fault.new and fault.test

"Faults for faults.py: by module, what is wrong, a text, what it is exchanged for, the test that must fail."
table = dict(
    times=[
        ('importance by the mean, not the second moment',
         'index_add_(0, k, value**2)', 'index_add_(0, k, value)', '09_times'),
    ],
)

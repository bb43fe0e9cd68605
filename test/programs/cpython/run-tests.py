"""Runs unittests and prints one line a test, sorted: its id and how it ended.

Usage: run-tests.py LIST MS PART MODULE...
LIST says how many milliseconds tests take; those that take MS or more are not run. PART K/N runs every N-th test of
each module, from the K-th on. With TIMES in the environment, seconds of CPU time are printed too. Nothing is printed
that two correct runs may have different.
"""
import os
import sys
import time
import unittest


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.outcomes = {}
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.outcomes[test.id()] = 'ok'
        self.started = time.process_time()

    def stopTest(self, test):
        super().stopTest(test)
        seconds = time.process_time() - self.started
        if 'TIMES' in os.environ:
            print(f'{seconds:8.3f} {test.id()}', file=sys.stderr, flush=True)

    def worse(self, test, outcome, detail=''):
        self.outcomes[test.id()] = outcome
        if detail:
            print(test.id(), detail, file=sys.stderr, flush=True)

    def addFailure(self, test, err):
        self.worse(test, 'FAIL', self._exc_info_to_string(err, test))

    def addError(self, test, err):
        self.worse(test, 'ERROR', self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        self.worse(test, f'skipped: {reason}')

    def addExpectedFailure(self, test, err):
        self.worse(test, 'expected failure')

    def addUnexpectedSuccess(self, test):
        self.worse(test, 'unexpected success')

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.worse(test, 'FAIL', self._exc_info_to_string(err, subtest))


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def main():
    with open(sys.argv[1], encoding='ascii') as f:
        rows = [line.split() for line in f if not line.startswith('#')]
    left_out = {test for ms, test in rows if int(ms) >= int(sys.argv[2])}
    loader = unittest.TestLoader()
    result = Result()
    part, parts = map(int, sys.argv[3].split('/'))
    for module in sys.argv[4:]:
        tests = list(flatten(loader.loadTestsFromName(module)))
        chosen = [t for t in tests if t.id() not in left_out][part - 1 :: parts]
        # One suite: setUpModule and setUpClass of the module run once.
        unittest.TestSuite(chosen).run(result)
        print(f'{module}: {len(chosen)} of {len(tests)} tests', flush=True)
    for test, outcome in sorted(result.outcomes.items()):
        print(f'{test}: {outcome}')


main()

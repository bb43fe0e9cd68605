"""Runs CPython's test modules and prints one line a test, sorted within each module: its id and how it ended.

Usage: run-modules.py LIST MS SECONDS MODULE...
LIST says how many milliseconds tests take; those that take MS or more are not run. A test has SECONDS:
then its process is killed, and another one goes on with the tests after it. With TIMES in the environment,
the milliseconds of each test (CPU time, and by the clock) go to standard error. Nothing is printed that two
correct runs may have different.

Processes that run tests are forked from this one, which has imported what most tests need: a guest then
has translated it. They tell through a pipe which test they have begun, and how it ended.
"""
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import unittest
from test import support
from test.support import import_helper, os_helper, script_helper, threading_helper  # noqa: F401

#: A module in which more tests than these are killed or crash is given up.
MOST_ENDED = 20


class Result(unittest.TestResult):
    def __init__(self, tests, tell):
        super().__init__()
        self.tests = tests
        self.index = {id(test): i for i, test in enumerate(tests)}
        self.tell = tell
        self.outcome = ''
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.outcome = 'ok'
        self.tell('begin', f'{self.index[id(test)]} {test.id()}')
        self.started = cpu_seconds()

    def stopTest(self, test):
        super().stopTest(test)
        self.tell('end', f'{(cpu_seconds() - self.started) * 1000:.0f} {self.outcome}')

    def worse(self, test, outcome, err=None):
        if isinstance(test, unittest.TestCase):
            self.outcome = outcome
        else:
            # setUpClass or setUpModule: of no test in particular.
            self.tell('note', f'{test.id()}: {outcome}')
        if err:
            # Without source lines: to parse them takes a guest seconds.
            frames = traceback.walk_tb(err[2])
            places = [f'{frame.f_code.co_filename}:{line}' for frame, line in frames]
            print(test.id(), *places, repr(err[1]), sep='\n  ', file=sys.stderr, flush=True)

    def addFailure(self, test, err):
        self.worse(test, 'FAIL', err)

    def addError(self, test, err):
        self.worse(test, 'ERROR', err)

    def addSkip(self, test, reason):
        self.worse(test, f'skipped: {reason}')

    def addExpectedFailure(self, test, err):
        self.worse(test, 'expected failure')

    def addUnexpectedSuccess(self, test):
        self.worse(test, 'unexpected success')

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.worse(test, 'FAIL', err)


def cpu_seconds():
    """Of this process and its children."""
    return sum(os.times()[:4])


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def run_tests(module, left_out, skip, tell):
    """All tests of a module but the first `skip`, in one suite: setUpModule and setUpClass run once."""
    try:
        tests = list(flatten(unittest.TestLoader().loadTestsFromName(f'test.{module}')))
    except unittest.SkipTest as e:
        tell('note', f'{module}: skipped: {e}')
        return
    chosen = [t for t in tests if t.id() not in left_out]
    if skip == 0:
        tell('note', f'{module}: {len(chosen)} of {len(tests)} tests')
    unittest.TestSuite(chosen[skip:]).run(Result(chosen, tell))


def in_child(module, left_out, skip, folder, pipe):
    os.setpgid(0, 0)
    os.chdir(folder)
    # What tests print is not compared: some of it depends on time.
    os.dup2(2, 1)

    def tell(kind, text):
        os.write(pipe, f'{kind} {text}'.encode('utf-8', 'backslashreplace').replace(b'\n', b'\\n') + b'\n')

    try:
        run_tests(module, left_out, skip, tell)
    except BaseException:
        traceback.print_exc()
        tell('note', f'{module}: did not run')
    tell('done', '')
    sys.stderr.flush()
    os._exit(0)


class Run:
    """One process that runs tests, seen from outside. `next` is the number of the test after the last begun."""

    def __init__(self, module, left_out, skip, lines):
        self.lines = lines
        self.next = skip
        self.test = ''
        self.started = 0.0
        self.done = False
        self.folder = tempfile.mkdtemp()
        self.fd, pipe = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.fd)
            in_child(module, left_out, skip, self.folder, pipe)
        os.close(pipe)

    def heard(self, line):
        kind, _, text = line.partition(' ')
        if kind == 'begin':
            index, _, self.test = text.partition(' ')
            self.next = int(index) + 1
            self.started = time.perf_counter()
            if 'TIMES' in os.environ:
                print('begin', self.test, file=sys.stderr, flush=True)
        elif kind == 'end':
            cpu, _, outcome = text.partition(' ')
            self.lines.append(f'{self.test}: {outcome}')
            if 'TIMES' in os.environ:
                ms = (time.perf_counter() - self.started) * 1000
                print(f'time {cpu} {ms:.0f} {self.test}', file=sys.stderr, flush=True)
            self.test = ''
        elif kind == 'note':
            self.lines.append(text)
        else:
            self.done = True

    def listen(self, seconds):
        """Until all tests have ended, or one has not in its time, or the process is no more."""
        rest = b''
        while not self.done:
            if not select.select([self.fd], [], [], seconds)[0]:
                return f'more than {seconds} s'
            data = os.read(self.fd, 65536)
            if not data:
                break
            *lines, rest = (rest + data).split(b'\n')
            for line in lines:
                self.heard(line.decode())
        return 'crashed'

    def end(self):
        """Ends the process and its group. What it died of goes to standard error."""
        if not self.done:
            time.sleep(0.1)
            print('status', os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT), file=sys.stderr)
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            pass
        os.waitpid(self.pid, 0)
        os.close(self.fd)
        shutil.rmtree(self.folder, ignore_errors=True)


def run_module(module, left_out, seconds):
    lines = []
    begun = 0
    for _ in range(MOST_ENDED):
        run = Run(module, left_out, begun, lines)
        how = run.listen(seconds)
        run.end()
        if run.done:
            return lines
        lines.append(f'{run.test or module}: {how}')
        if run.next == begun:
            return lines
        begun = run.next
    lines.append(f'{module}: given up')
    return lines


def main():
    path, ms, seconds, *modules = sys.argv[1:]
    with open(path, encoding='ascii') as f:
        rows = [line.split() for line in f if not line.startswith('#')]
    left_out = {test for time, test in rows if int(time) >= int(ms)}
    support.use_resources = {}
    support.LOOPBACK_TIMEOUT = support.SHORT_TIMEOUT = float(seconds)
    for module in modules:
        started = time.perf_counter()
        print('==', module)
        for line in sorted(run_module(module, left_out, int(seconds))):
            print(line)
        sys.stdout.flush()
        print(f'module {module} {time.perf_counter() - started:.2f} s', file=sys.stderr, flush=True)


# Tests that spawn processes import this file again.
if __name__ == '__main__':
    main()

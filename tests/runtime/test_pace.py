"""Steps run on one thread while that is faster, and on all threads otherwise."""

import pytest

from gradc.runtime.pace import FEWEST, Pace


class Machine:
    """Runs steps that take a given time on all threads and on one."""

    def __init__(self, together, alone):
        self.together, self.alone, self.now = together, alone, 0.0
        self.pace = Pace()

    def run(self, seconds, threads=2):
        """Return the share of the steps that ran on one thread."""
        end, alone, steps = self.now + seconds, 0, 0
        while self.now < end:
            single = self.pace.starts_alone(threads)
            took = self.alone if single else self.together
            self.now += took
            self.pace.took(took, self.now)
            alone, steps = alone + single, steps + 1
        return alone / steps


@pytest.mark.parametrize("step", [1e-4, 1e-3, 0.02])
def test_on_a_quiet_machine_one_thread_is_tried_once(step):
    machine = Machine(step, 1.8 * step)
    pace, alone = machine.pace, 0
    for _ in range(3000):
        single = pace.starts_alone(2)
        alone += single
        machine.now += 1.8 * step if single else step
        pace.took(1.8 * step if single else step, machine.now)
    assert alone == FEWEST


def test_beside_a_busy_process_steps_run_alone_and_come_back():
    machine = Machine(1e-3, 1.8e-3)
    machine.run(1.0)
    machine.together = 2.6e-3
    assert machine.run(5.0) > 0.9
    machine.together = 1e-3
    machine.run(1.5)
    assert machine.run(3.0) == 0


def test_a_process_that_begins_beside_a_busy_one_finds_out():
    machine = Machine(2.6e-3, 1.8e-3)
    machine.run(0.2)
    assert machine.run(5.0) > 0.9


def test_where_one_thread_is_slower_still_it_is_seldom_tried():
    machine = Machine(1e-3, 1.8e-3)
    machine.run(1.0)
    machine.together, machine.alone = 1.7e-3, 3e-3
    assert machine.run(10.0) < 0.03


def test_another_number_of_threads_is_another_matter():
    machine = Machine(2.6e-3, 1.8e-3)
    machine.run(2.0)
    assert machine.pace.starts_alone(2)
    assert not machine.pace.starts_alone(3)

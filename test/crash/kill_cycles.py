"""What the tests that kill the server share: options, one run per durability mode, the canary, the verdict.

A test hands `main` a function (seed, mode, options) -> run. A run has prepare(), one_cycle(), summary() and the attributes `server`
(kalam_server.Server) and `cycle`; it raises Wrong when database and expectation disagree.
"""
import argparse
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))

import kalam_server  # noqa: E402

WAIT_SECONDS_MAX = 60


class Wrong(Exception):
    """The database is not what it must be."""


def kill_under(run, workers, progress, wanted, pause_seconds_max, goes_on, who):
    """Starts the workers, kills the server a random moment after `wanted` steps of progress(), and joins them.

    `goes_on(worker)` false for one of them ends the wait early. `run` has rng, server and dying (set when the kill comes).
    """
    before = progress()
    for worker in workers:
        worker.start()
    give_up = time.monotonic() + WAIT_SECONDS_MAX
    while progress() - before < wanted and time.monotonic() < give_up and all(goes_on(w) for w in workers):
        time.sleep(0.002)
    time.sleep(run.rng.random() * pause_seconds_max)  # the moment of the kill is the random input of these tests
    run.dying.set()
    run.server.process.kill()
    run.server.process.wait()
    run.server.process = None
    for worker in workers:
        worker.join(WAIT_SECONDS_MAX)
        if worker.is_alive():
            raise Wrong(f"{worker} hangs after the kill")
        if worker.problem:
            raise Wrong(f"{type(worker).__name__} {worker.number}: {worker.problem}")
    if progress() - before < wanted:
        raise Wrong(f"the {who} made no progress")


def run_mode(make_run, mode, options, seed):
    run = make_run(seed, mode, options)
    started = time.monotonic()
    try:
        run.prepare()
        for _ in range(options.cycles):
            run.one_cycle()
        run.server.stop()
        print(f"{mode}: {run.cycle} kills in {time.monotonic() - started:.0f} s, {run.summary()}", flush=True)
        return True
    except (Wrong, kalam_server.ServerFailed, AssertionError) as problem:
        print(f"{mode}, cycle {run.cycle} (seed {seed}): {problem}", flush=True)
        if not options.canary and options.keep:
            run.server.owns_data_dir = False
            print(f"data kept in {run.server.data_dir}")
        return False
    finally:
        run.server.remove()


def main(description, make_run, cycles, add_arguments=lambda parser: None):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=cycles)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--mode", choices=["sync", "os", "both"], default="both")
    parser.add_argument("--keep", action="store_true", help="keep the data folder of a failed run")
    parser.add_argument("--canary", action="store_true", help="spoil one expectation; succeeds only if that is noticed")
    add_arguments(parser)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 31)
    print(f"seed {seed}", flush=True)
    modes = ["sync", "os"] if options.mode == "both" else [options.mode]
    good = [run_mode(make_run, mode, options, seed) for mode in modes]
    if options.canary:
        print("canary noticed" if not any(good) else "the spoiled expectation was not noticed")
        return 1 if any(good) else 0
    return 0 if all(good) else 1

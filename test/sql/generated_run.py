"""What the tests with generated statements share: options, the seed, a new server or a running one."""
import argparse
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))

import kalam_server  # noqa: E402


def main(description, count, test, add_arguments=lambda parser: None):
    """Calls test(client of an administrator, options, seed), which gives the exit code."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--url", help="a running server instead of a new one")
    parser.add_argument("--password", default=kalam_server.ROOT_PASSWORD)
    add_arguments(parser)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 31)
    print(f"seed {seed} (repeat with --seed {seed})", flush=True)
    if options.url:
        client = kalam_server.Client(options.url)
        client.login("root", options.password).expect(200)
        return test(client, options, seed)
    with kalam_server.Server() as server:
        return test(server.root(), options, seed)

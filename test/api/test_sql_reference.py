"""The examples of docs/sql.md, executed in the order of the page (docs/sql-statements.toml is its source)."""
import pathlib
import tomllib

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "docs/sql-statements.toml"


def test_every_example_does_what_the_page_says():
    import kalam_server

    entries = tomllib.loads(SOURCE.read_text())["statement"]
    examples = 0
    with kalam_server.Server() as server:
        root = server.root()
        root.run("CREATE USER ann WITH PASSWORD 'Anns-passw0rd' ROLE user")
        callers = {None: root, "ann": server.client("ann", "Anns-passw0rd")}
        for entry in entries:
            for example in entry.get("examples", []):
                example = {"sql": example} if isinstance(example, str) else example
                caller = callers[example.get("user")]
                if "fails" in example:
                    caller.fails(example["sql"], code=example["fails"])
                else:
                    caller.run(example["sql"])
                examples += 1
    assert examples > 50

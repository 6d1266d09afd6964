"""SELECT: joins, CTEs, windows, aggregates, subqueries, default order, limits - through both plans where both exist (sql.md 1.15)."""
import pytest

ENGINE = {"X-Kalam-Plan": "engine"}


@pytest.fixture(scope="module")
def shop(shared_server, callers):
    root = callers["root"]
    root.run("""
        CREATE NAMESPACE shop;
        CREATE SHARED TABLE shop.items (id INT PRIMARY KEY, name TEXT, price DECIMAL(10,2), kind TEXT, added DATE);
        CREATE SHARED TABLE shop.orders (id BIGINT PRIMARY KEY, item INT, amount INT, at TIMESTAMP);
        CREATE SHARED TABLE shop.empty (id INT PRIMARY KEY, v TEXT);
        INSERT INTO shop.items VALUES (3, 'cup', 4.50, 'kitchen', '2024-03-01'), (1, 'pen', 1.25, 'office', '2024-01-01'), (2, 'desk', 250, 'office', '2024-02-01'),
            (5, 'pan', 30, 'kitchen', NULL), (4, NULL, NULL, NULL, '2024-04-01');
        INSERT INTO shop.orders VALUES (100, 1, 10, '2024-05-01 10:00:00'), (101, 1, 5, '2024-05-02 11:00:00'), (102, 2, 1, '2024-05-02 12:00:00'),
            (103, 9, 7, '2024-05-03 00:00:00'), (104, 3, NULL, NULL)""")
    return "shop"


QUERIES = [
    # single table, as direct plans answer it
    ("SELECT id FROM items", [[1], [2], [3], [4], [5]]),
    ("SELECT id, name FROM items WHERE id = 3", [[3, "cup"]]),
    ("SELECT id FROM items WHERE id = 99", []),
    ("SELECT id FROM items WHERE id >= 2 AND id < 4", [[2], [3]]),
    ("SELECT id FROM items WHERE id BETWEEN 2 AND 3", [[2], [3]]),
    ("SELECT id FROM items WHERE id IN (5, 1, 5, 77)", [[1], [5]]),
    ("SELECT id FROM items WHERE kind = 'office'", [[1], [2]]),
    ("SELECT id FROM items WHERE kind <> 'office'", [[3], [5]]),
    ("SELECT id FROM items WHERE kind IS NULL", [[4]]),
    ("SELECT id FROM items WHERE kind IS NOT NULL AND id > 1", [[2], [3], [5]]),
    ("SELECT id FROM items ORDER BY id DESC LIMIT 2", [[5], [4]]),
    ("SELECT id FROM items ORDER BY id DESC LIMIT 2 OFFSET 1", [[4], [3]]),
    ("SELECT id FROM items LIMIT 0", []),
    ("SELECT id FROM items LIMIT 2 OFFSET 4", [[5]]),
    ("SELECT id FROM items OFFSET 9", []),
    ("SELECT COUNT(*) FROM items", [["5"]]),
    ("SELECT COUNT(*) AS c FROM items WHERE id > 2", [["3"]]),
    ("SELECT COUNT(*) FROM empty", [["0"]]),
    ("SELECT id FROM items WHERE id = 1 AND id = 2", []),
    ("SELECT id FROM items WHERE id > 3 AND id < 2", []),
    ("SELECT id FROM items WHERE id = '3'", [[3]]),
    ("SELECT id FROM items WHERE id = 3.0", [[3]]),
    ("SELECT id FROM items WHERE id = 3.5", []),
    ("SELECT id FROM items WHERE id > 3.5", [[4], [5]]),
    ("SELECT id FROM items WHERE id = 99999999999", []),
    ("SELECT id FROM items WHERE id < 99999999999 AND id > -99999999999", [[1], [2], [3], [4], [5]]),
    ("SELECT id FROM items WHERE id = NULL", []),
    ("SELECT id FROM items WHERE price > 4", [[2], [3], [5]]),
    ("SELECT id FROM items WHERE name >= 'd' AND name < 'pen'", [[2], [5]]),
    ("SELECT id FROM items WHERE added >= '2024-02-01'", [[2], [3], [4]]),
    ("SELECT id FROM items ORDER BY price DESC LIMIT 1", [[2]]),
    ("SELECT id FROM items ORDER BY name NULLS FIRST LIMIT 2", [[4], [3]]),
    # order
    ("SELECT name, id FROM items ORDER BY kind, id DESC", [["pan", 5], ["cup", 3], ["desk", 2], ["pen", 1], [None, 4]]),
    ("SELECT id FROM items ORDER BY price NULLS LAST", [[1], [3], [5], [2], [4]]),
    ("SELECT id FROM items ORDER BY 1 DESC LIMIT 1", [[5]]),
    # aggregates
    ("SELECT kind, COUNT(*), SUM(price), MIN(name) FROM items GROUP BY kind ORDER BY kind", [["kitchen", "2", "34.50", "cup"], ["office", "2", "251.25", "desk"], [None, "1", None, None]]),
    ("SELECT kind FROM items GROUP BY kind HAVING COUNT(*) > 1 ORDER BY kind", [["kitchen"], ["office"]]),
    ("SELECT COUNT(kind), COUNT(DISTINCT kind), AVG(id) FROM items", [["4", "2", 3.0]]),
    ("SELECT MAX(id), MIN(id) FROM items WHERE id > 100", [[None, None]]),
    ("SELECT DISTINCT kind FROM items WHERE kind IS NOT NULL ORDER BY kind", [["kitchen"], ["office"]]),
    ("SELECT string_agg(name, ',' ORDER BY name) FROM items", [["cup,desk,pan,pen"]]),
    ("SELECT list(id ORDER BY id) FROM items WHERE id < 3", [[[1, 2]]]),
    ("SELECT COUNT(*) FILTER (WHERE price > 10) FROM items", [["2"]]),
    ("SELECT kind, name, COUNT(*) FROM items WHERE id < 3 GROUP BY GROUPING SETS ((kind), (name)) ORDER BY kind, name", [["office", None, "2"], [None, "desk", "1"], [None, "pen", "1"]]),
    # joins
    ("SELECT i.name, o.amount FROM items i JOIN orders o ON o.item = i.id ORDER BY o.id", [["pen", 10], ["pen", 5], ["desk", 1], ["cup", None]]),
    ("SELECT o.id, i.name FROM orders o LEFT JOIN items i ON o.item = i.id ORDER BY o.id", [["100", "pen"], ["101", "pen"], ["102", "desk"], ["103", None], ["104", "cup"]]),
    ("SELECT i.id FROM items i LEFT JOIN orders o ON o.item = i.id WHERE o.id IS NULL ORDER BY i.id", [[4], [5]]),
    ("SELECT COUNT(*) FROM items CROSS JOIN orders", [["25"]]),
    ("SELECT i.name, SUM(o.amount * i.price) FROM items i, orders o WHERE i.id = o.item GROUP BY i.name ORDER BY 2 DESC NULLS LAST", [["desk", "250.00"], ["pen", "18.75"], ["cup", None]]),
    ("SELECT a.id, b.id FROM items a JOIN items b ON a.kind = b.kind AND a.id < b.id ORDER BY a.id", [[1, 2], [3, 5]]),
    ("SELECT COUNT(*) FROM items i FULL JOIN orders o ON o.item = i.id", [["7"]]),
    ("SELECT id FROM items WHERE id IN (SELECT item FROM orders)", [[1], [2], [3]]),
    ("SELECT id FROM items WHERE id NOT IN (SELECT item FROM orders)", [[4], [5]]),
    ("SELECT id FROM items i WHERE EXISTS (SELECT 1 FROM orders o WHERE o.item = i.id AND o.amount > 6)", [[1]]),
    ("SELECT name, (SELECT SUM(amount)::INT FROM orders o WHERE o.item = i.id) FROM items i WHERE id < 3", [["pen", 15], ["desk", 1]]),
    # CTEs, set operations, windows
    ("WITH big AS (SELECT * FROM items WHERE price > 4), k AS (SELECT kind FROM big) SELECT kind, COUNT(*) FROM k GROUP BY kind ORDER BY kind", [["kitchen", "2"], ["office", "1"]]),
    ("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5) SELECT x FROM n", [[1], [2], [3], [4], [5]]),
    ("SELECT id FROM items WHERE id < 3 UNION ALL SELECT id FROM items WHERE id > 4 ORDER BY 1", [[1], [2], [5]]),
    ("SELECT kind FROM items EXCEPT SELECT 'office' ORDER BY 1", [["kitchen"], [None]]),
    ("SELECT id FROM items INTERSECT SELECT item FROM orders ORDER BY 1", [[1], [2], [3]]),
    ("SELECT id, ROW_NUMBER() OVER (ORDER BY price DESC NULLS LAST) FROM items ORDER BY id", [[1, "4"], [2, "1"], [3, "3"], [4, "5"], [5, "2"]]),
    ("SELECT id, SUM(amount) OVER (PARTITION BY item ORDER BY id)::INT FROM orders WHERE item = 1 ORDER BY id", [["100", 10], ["101", 15]]),
    ("SELECT id, LAG(id) OVER (ORDER BY id) FROM items WHERE id < 4 ORDER BY id", [[1, None], [2, 1], [3, 2]]),
    ("SELECT id FROM items QUALIFY ROW_NUMBER() OVER (PARTITION BY kind ORDER BY id) = 1 ORDER BY id", [[1], [3], [4]]),
    # expressions
    ("SELECT CASE WHEN price > 100 THEN 'dear' WHEN price IS NULL THEN '?' ELSE 'cheap' END FROM items ORDER BY id", [["cheap"], ["dear"], ["cheap"], ["?"], ["cheap"]]),
    ("SELECT id FROM items WHERE name LIKE 'p%' ORDER BY id", [[1], [5]]),
    ("SELECT id FROM items WHERE name ILIKE 'P_N'", [[1], [5]]),
    ("SELECT upper(name), length(name), substr(name, 1, 2) FROM items WHERE id = 1", [["PEN", "3", "pe"]]),
    ("SELECT COALESCE(name, 'none'), NULLIF(id, 4) FROM items WHERE id = 4", [["none", None]]),
    ("SELECT year(added), added + 1, date_trunc('month', added)::DATE = added FROM items WHERE id = 3", [["2024", 19784, True]]),
    ("SELECT CAST(id AS TEXT) || '-' || kind FROM items WHERE id < 3", [["1-office"], ["2-office"]]),
    ("SELECT 1 + 1, 7 // 2, 7 % 2, 2 ** 3, round(2.567, 2)", [[2, 3, 1, 8.0, "2.57"]]),
    ("SELECT x FROM (VALUES (2), (1)) v(x) ORDER BY x", [[1], [2]]),
    ("SELECT x FROM generate_series(1, 3) g(x)", [["1"], ["2"], ["3"]]),
    ("SELECT unnest([1, 2, 3])", [[1], [2], [3]]),
]


@pytest.mark.parametrize("sql,rows", QUERIES, ids=[q[0][:70] for q in QUERIES])
def test_query(root, alice, shop, sql, rows):
    assert root.rows(sql, namespace=shop) == rows
    assert root.rows(sql, namespace=shop, headers=ENGINE) == rows


def test_default_order_is_the_primary_key(root, shop):
    for sql in ("SELECT * FROM items", "SELECT name, id FROM items WHERE length(coalesce(name, 'x')) > 0", "SELECT id FROM items WHERE price > 0 OR price IS NULL",
                "SELECT i.id, o.id FROM items i JOIN orders o ON o.item = i.id"):
        for headers in (None, ENGINE):
            ids = [row[1] if sql.startswith("SELECT name") else row[0] for row in root.rows(sql, namespace=shop, headers=headers)]
            assert ids == sorted(ids), sql


def test_star_forms(root, shop):
    assert root.run("SELECT items.* FROM shop.items").columns == ["id", "name", "price", "kind", "added", "_seq", "_deleted"]
    assert root.run("SELECT i.* FROM shop.items i WHERE i.id = 1").columns == ["id", "name", "price", "kind", "added", "_seq", "_deleted"]
    assert root.run("SELECT * EXCLUDE (_seq, _deleted) FROM shop.items").columns == ["id", "name", "price", "kind", "added"]


def test_ambiguous_and_qualified_names(root, shop):
    root.fails("SELECT id FROM shop.items i JOIN shop.orders o ON o.item = i.id", status=400, contains="id")
    assert root.rows("SELECT shop.items.id FROM shop.items WHERE items.id = 1") == [[1]]
    assert root.rows("SELECT kalam.shop.items.id FROM kalam.shop.items WHERE id = 1") == [[1]]


def test_literals_of_one_text_do_not_stick_in_the_plan_cache(root, shop):
    for _ in range(3):
        for key, name in ((1, "pen"), (2, "desk"), (3, "cup")):
            assert root.rows(f"SELECT name FROM shop.items WHERE id = {key}") == [[name]]
            assert root.rows(f"SELECT name, '{key}' FROM shop.items WHERE id = {key} AND name = '{name}'") == [[name, str(key)]]
            assert len(root.rows(f"SELECT id FROM shop.items LIMIT {key}")) == key
            assert root.rows(f"SELECT {key} AS a, name FROM shop.items WHERE id + 0 = {key}") == [[key, name]]
    assert root.rows("SELECT 1 AS a") == [[1]] and root.rows("SELECT '1' AS a") == [["1"]] and root.rows("SELECT 1.0 AS a") == [["1.0"]] and root.rows("SELECT -1 AS a") == [[-1]]


def test_a_wide_table_and_long_rows(root, ns):
    columns = ", ".join(f"c{n} TEXT" for n in range(200))
    root.run(f"CREATE SHARED TABLE {ns}.wide (id INT PRIMARY KEY, {columns})")
    root.run(f"INSERT INTO {ns}.wide VALUES (1, " + ", ".join(f"'{'v' * (n % 50)}{n}'" for n in range(200)) + ")")
    for headers in (None, ENGINE):
        row = root.run(f"SELECT * FROM {ns}.wide WHERE id = 1", headers=headers).dicts[0]
        assert all(row[f"c{n}"] == "v" * (n % 50) + str(n) for n in range(200))


def test_many_rows_in_key_order(root, ns, rng):
    root.run(f"CREATE SHARED TABLE {ns}.many (id BIGINT PRIMARY KEY, v TEXT)")
    keys = rng.sample(range(-10**15, 10**15), 20_000)
    for start in range(0, len(keys), 2000):
        root.run(f"INSERT INTO {ns}.many VALUES " + ", ".join(f"({k}, 'v{k}')" for k in keys[start:start + 2000]))
    expected = [[str(k), f"v{k}"] for k in sorted(keys)]
    for headers in (None, ENGINE):
        assert root.rows(f"SELECT id, v FROM {ns}.many", headers=headers) == expected
        assert root.rows(f"SELECT id, v FROM {ns}.many ORDER BY id DESC LIMIT 10", headers=headers) == expected[::-1][:10]
        assert root.rows(f"SELECT id, v FROM {ns}.many WHERE id > {sorted(keys)[9999]} LIMIT 5", headers=headers) == expected[10000:10005]
        assert root.value(f"SELECT COUNT(*) FROM {ns}.many WHERE id < 0", headers=headers) == str(sum(k < 0 for k in keys))
    assert root.rows(f"SELECT COUNT(*), MIN(id), MAX(id), SUM(length(v)) FROM {ns}.many") == [
        ["20000", str(min(keys)), str(max(keys)), str(sum(len(f"v{k}") for k in keys))]]


def test_the_plan_header_is_for_administrators(alice, shop):
    """Others may send it; it changes nothing they can see."""
    assert alice.rows("SELECT CURRENT_USER()", headers=ENGINE) == [["alice"]]


def test_views_and_views_of_the_engine(root, alice):
    for client in (root, alice):
        client.fails("CREATE OR REPLACE TEMP VIEW v AS SELECT 1")

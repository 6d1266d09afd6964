"""Payloads of several statements, identifiers, quoting, case and length limits (sql.md 3.6 and 6)."""
import pytest

STRINGS = ["a;b", "--not a comment", "/* nor this */", "it''s; fine", '"quoted"; x', "$1; $tag$", "`;`", "line\n; two"]


@pytest.fixture
def table(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id BIGINT PRIMARY KEY, v TEXT)")
    return f"{ns}.t"


def test_semicolons_inside_strings(root, table):
    script = "".join(f"INSERT INTO {table} VALUES ({i}, '{text}');" for i, text in enumerate(STRINGS))
    root.run(script)
    assert [row[1] for row in root.rows(f"SELECT id, v FROM {table} ORDER BY id")] == [text.replace("''", "'") for text in STRINGS]


@pytest.mark.parametrize("quote", ["$$", "$tag$", "$a1$", "$_$"])
def test_dollar_quotes(root, table, quote):
    text = "it's; /* all */ -- text; 'x' \"y\""
    root.run(f"INSERT INTO {table} VALUES (1, {quote}{text}{quote}); INSERT INTO {table} VALUES (2, 'next')")
    assert root.rows(f"SELECT v FROM {table} ORDER BY id") == [[text], ["next"]]


def test_a_dollar_quote_ends_at_its_own_tag(root, table):
    root.run(f"INSERT INTO {table} VALUES (1, $a$ $b$ ; $$ $a$); INSERT INTO {table} VALUES (2, $$ $a$ ; $$)")
    assert root.rows(f"SELECT v FROM {table} ORDER BY id") == [[" $b$ ; $$ "], [" $a$ ; "]]


def test_comments_separate_and_vanish(root, table):
    root.run(f"-- first; comment\nINSERT/* ; */INTO {table}/**/VALUES (1, 'a') -- end; of\n;/* nested /* ; */ still */;;\nINSERT INTO {table} VALUES (2, 'b') --last")
    assert root.rows(f"SELECT COUNT(*) FROM {table}") == [["2"]]


@pytest.mark.parametrize("sql,text", [("SELECT 'open", "Unterminated quoted string"), ("SELECT \"open", "Unterminated quoted string"), ("SELECT $$open", "Unterminated"),
                                      ("SELECT 1 /* open", "Unterminated block comment"), ("SELECT 1; SELECT 'open; SELECT 2", "Unterminated quoted string")])
def test_unterminated_text_refuses_everything(root, table, sql, text):
    root.fails(f"INSERT INTO {table} VALUES (1, 'x'); {sql}", status=400, code="BATCH_PARSE_ERROR", contains=text)
    assert root.rows(f"SELECT COUNT(*) FROM {table}") == [["0"]]


@pytest.mark.parametrize("sql", ["", " ", ";", ";;;", "-- only a comment", "/* only */ ; -- comments", "\n\t;\n"])
def test_nothing_to_run(root, sql):
    root.fails(sql, status=400, code="EMPTY_SQL", contains="No SQL statements provided")


def test_earlier_statements_stay_and_the_index_is_named(root, table):
    reply = root.fails(f"INSERT INTO {table} VALUES (1, 'a'); INSERT INTO {table} VALUES (1, 'again'); INSERT INTO {table} VALUES (2, 'never')")
    assert reply.message.startswith("Statement 2 failed: ")
    assert root.rows(f"SELECT id FROM {table}") == [["1"]]


def test_the_number_of_statements_is_limited(root):
    assert len(root.run("SELECT 1;" * 1000).results) == 1000
    root.fails("SELECT 1;" * 1001, contains="1000")


# --- identifiers ---

def test_case_folds_everywhere(root, ns):
    root.run(f"CREATE SHARED TABLE {ns.upper()}.MixedCase (Id BIGINT PRIMARY KEY, \"FirstName\" TEXT, lastName TEXT)")
    root.run(f"INSERT INTO {ns}.mixedcase (ID, firstname, LASTNAME) VALUES (1, 'a', 'b')")
    assert root.run(f"SELECT * FROM {ns}.MIXEDCASE").columns[:3] == ["id", "firstname", "lastname"]
    assert root.rows(f"SELECT \"FirstName\", FIRSTNAME FROM {ns}.\"MixedCase\"") == [["a", "a"]]
    root.run(f"ALTER TABLE {ns}.mixedCASE DROP COLUMN FirstName")
    root.run(f"ALTER TABLE {ns}.mixedCASE RENAME COLUMN LastName TO Other")
    assert root.run(f"SELECT * FROM {ns}.mixedcase").columns[:2] == ["id", "other"]
    root.fails(f"CREATE SHARED TABLE {ns}.dup (id INT PRIMARY KEY, a INT, A INT)", contains="Duplicate column name")


@pytest.mark.parametrize("keyword", ["create namespace {n}", "CREATE NAMESPACE {n}", "Create NameSpace {n}", 'CREATE NAMESPACE "{n}"', "CREATE NAMESPACE `{n}`"])
def test_keywords_have_no_case_and_quotes_are_accepted(root, ns, keyword):
    name = f"{ns}_k"
    root.run(keyword.format(n=name))
    root.run(f"alter Namespace {name} Set Options (a = 1)")
    root.run(f"drop namespace {name.upper()}")


NAMES = [("a" * 65, "too long"), ("1a", "cannot start with a number"), ("_a", "underscore"), ('"a b"', "spaces"), ('"a-b"', "invalid characters"), ('"a.b"', "invalid characters"),
         ('"ü"', "invalid characters"), ('"select"', "reserved"), ('"table"', "reserved")]


@pytest.mark.parametrize("name,text", NAMES)
def test_names_that_are_refused(root, ns, name, text):
    root.fails(f"CREATE NAMESPACE {name}", status=400)
    root.fails(f"CREATE SHARED TABLE {ns}.{name} (id INT PRIMARY KEY)", status=400)
    root.fails(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY, {name} INT)", status=400)
    assert root.rows(f"SHOW TABLES IN {ns}") == []


def test_the_longest_names(root, ns):
    name = "n" * 64
    root.run(f"CREATE NAMESPACE {name}; CREATE SHARED TABLE {name}.{name} (id INT PRIMARY KEY, {'c' * 64} INT); INSERT INTO {name}.{name} VALUES (1, 2)")
    assert root.rows(f"SELECT {'c' * 64} FROM {name}.{name}") == [[2]]
    root.run(f"DROP NAMESPACE {name} CASCADE")


@pytest.mark.parametrize("word", ["user", "key", "value", "name", "timestamp", "type", "status", "data", "event", "date", "id"])
def test_words_that_are_not_reserved(root, ns, word):
    root.run(f"CREATE SHARED TABLE {ns}.w (pk INT PRIMARY KEY, {word}_x INT, \"{word}\" INT); INSERT INTO {ns}.w (pk, \"{word}\") VALUES (1, 5)")
    assert root.rows(f"SELECT \"{word}\" FROM {ns}.w") == [[5]]


def test_catalog_prefix_and_unknown_catalogs(root, table):
    root.run(f"INSERT INTO kalam.{table} VALUES (1, 'x')")
    assert root.rows(f"SELECT v FROM KALAM.{table}") == [["x"]]
    assert root.rows(f"DESCRIBE TABLE kalam.{table}")[0][0] == "id"
    for sql in (f"SELECT * FROM other.{table}", f"DROP TABLE other.{table}", f"DESCRIBE TABLE other.{table}"):
        root.fails(sql)

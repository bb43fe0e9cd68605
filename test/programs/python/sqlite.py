"""SQLite on the root file system: journals, a second process, full-text search."""
import os
import sqlite3
import subprocess
import sys

PATH = "/root/test.db"
print(sqlite3.sqlite_version, sqlite3.threadsafety)
for mode in ("delete", "truncate", "persist", "wal", "memory"):
    db = sqlite3.connect(PATH, isolation_level=None)
    print(mode, db.execute(f"pragma journal_mode={mode}").fetchone())
    db.execute("create table t (id integer primary key, word text unique, x real)")
    db.execute("begin")
    db.executemany("insert into t (word, x) values (?, ?)", ((f"w{i * 7919 % 500}", i / 3) for i in range(500)))
    print(sorted(f for f in os.listdir("/root") if f.startswith("test.db")))
    db.execute("commit")
    db.execute("begin")
    db.execute("delete from t where id > 100")
    print(db.execute("select count(*), total(x) from t").fetchone())
    db.execute("rollback")
    print(db.execute("select count(*), total(x), max(word), min(word) from t").fetchone())
    print(db.execute("pragma integrity_check").fetchone(), sorted(f for f in os.listdir("/root") if f.startswith("test.db")))
    if mode in ("delete", "wal"):
        other = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], timeout=0)\n"
        other += "print('other', db.execute('select count(*) from t').fetchone(), flush=True)\n"
        other += "try: db.execute('insert into t (word) values (1)'); print('inserted')\n"
        other += "except sqlite3.Error as e: print(type(e).__name__, e)\n"
        db.execute("begin immediate")
        db.execute("insert into t (word) values ('mine')")
        sys.stdout.flush()
        subprocess.run([sys.executable, "-c", other, PATH], check=True)
        db.execute("commit")
    db.close()
    print(sorted(f for f in os.listdir("/root") if f.startswith("test.db")))
    os.unlink(PATH)

db = sqlite3.connect(PATH)
db.create_function("twice", 1, lambda x: x * 2)
db.create_aggregate("longest", 1, type("Longest", (), {
    "__init__": lambda self: setattr(self, "best", ""),
    "step": lambda self, v: setattr(self, "best", max(self.best, v, key=len)),
    "finalize": lambda self: self.best,
}))
db.execute("create virtual table docs using fts5(title, body)")
db.executemany("insert into docs values (?, ?)", [("one", "the quick brown fox"), ("two", "lazy dogs sleep"), ("three", "brown dogs and a fox")])
print(db.execute("select title, snippet(docs, 1, '[', ']', '..', 5) from docs where docs match 'fox AND brown' order by rank").fetchall())
print(db.execute("select twice(21), longest(title), sqrt(2), 0.1 + 0.2 from docs").fetchall())
db.execute("create virtual table boxes using rtree(id, x0, x1)")
db.executemany("insert into boxes values (?, ?, ?)", ((i, i, i + 1.5) for i in range(200)))
print(db.execute("select id from boxes where x0 < 20 and x1 > 18 order by id").fetchall())
db.commit()
copy = sqlite3.connect(":memory:")
db.backup(copy)
print(copy.execute("select count(*) from docs").fetchone(), len(copy.serialize()))
print(len(list(copy.iterdump())))

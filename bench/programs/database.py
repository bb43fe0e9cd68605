"""SQLite in memory: database.py ROWS. ROWS inserts, an index, and a join through it; prints what it found."""

import sqlite3
import sys

rows = int(sys.argv[1])
db = sqlite3.connect(":memory:")
db.execute("create table item (id integer primary key, kind integer, price real, name text)")
db.execute("create table kind (id integer primary key, name text)")
db.executemany("insert into kind values (?, ?)", ((i, f"kind {i}") for i in range(100)))
db.executemany(
    "insert into item values (?, ?, ?, ?)",
    ((i, i * 7919 % 1000, i % 97 * 0.25, f"item {i * 31 % rows}") for i in range(rows)),
)
db.execute("create index item_kind on item (kind)")
query = """select kind.name, count(*), sum(item.price), max(item.name)
           from kind join item on item.kind = kind.id group by kind.id order by kind.id"""
for row in db.execute(query):
    print(*row, sep="|")

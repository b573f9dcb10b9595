"""The schema of the store, and how values are stored in it."""

from __future__ import annotations

from typing import Final

VERSION: Final = 7
"""PRAGMA user_version of the tables below."""

TABLES: Final = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY,
    sweep TEXT NOT NULL,
    status TEXT NOT NULL,
    epochs INTEGER NOT NULL,          -- to reach; may be changed while the run is live
    features INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    dataset_name TEXT NOT NULL,
    device TEXT NOT NULL,
    threads INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    started TEXT NOT NULL,            -- the event run_started, whole: spec, dataset with hash, machine, versions
    done TEXT                         -- the event run_done, whole; NULL until then
) STRICT;

CREATE TABLE epochs (
    run TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    train_loss ANY, train_accuracy ANY, val_loss ANY, val_accuracy ANY,
    train_s ANY NOT NULL, val_s ANY NOT NULL, images_per_s ANY,
    improvement_points ANY, error_reduction ANY, learning_rate ANY,
    PRIMARY KEY (run, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE marks (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    after_epoch INTEGER NOT NULL,     -- finished epochs when it happened, to put it back in its place
    event TEXT NOT NULL
) STRICT;

CREATE INDEX marks_of_run ON marks (run);
"""

MIGRATIONS: Final = (
    "",
    """
CREATE TABLE checkpoints (
    run TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,           -- finished epochs
    batch INTEGER NOT NULL,           -- batches trained of the next one
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (run, epoch, batch)
) STRICT, WITHOUT ROWID;

CREATE TABLE waiting (
    id INTEGER PRIMARY KEY,           -- their order
    run TEXT NOT NULL UNIQUE,
    session TEXT NOT NULL,            -- the process that will train it; its lock says whether it lives
    continues INTEGER NOT NULL,
    epochs INTEGER,
    spec TEXT NOT NULL
) STRICT
""",
    """
CREATE TABLE insights (
    run TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    data BLOB NOT NULL,               -- packed by core.insight
    PRIMARY KEY (run, epoch)
) STRICT;

CREATE TABLE validation_sets (
    sha256 TEXT NOT NULL,             -- of the dataset
    split_seed INTEGER NOT NULL,
    side INTEGER NOT NULL,
    classes TEXT NOT NULL,            -- JSON
    labels BLOB NOT NULL,
    images BLOB NOT NULL,             -- zlib
    PRIMARY KEY (sha256, split_seed)
) STRICT
""",
    """
CREATE TABLE labels (
    run TEXT PRIMARY KEY REFERENCES runs (run) ON DELETE CASCADE,
    name TEXT NOT NULL,
    tags TEXT NOT NULL,               -- with spaces between them
    note TEXT NOT NULL,
    deleted_at TEXT NOT NULL          -- empty while it is not deleted
) STRICT, WITHOUT ROWID
""",
    # Drop what nothing reads, and what can be derived from the previous epoch.
    """
ALTER TABLE runs DROP COLUMN sweep;
ALTER TABLE runs DROP COLUMN features;
ALTER TABLE runs DROP COLUMN seed;
ALTER TABLE runs DROP COLUMN dataset_name;
ALTER TABLE runs DROP COLUMN device;
ALTER TABLE runs DROP COLUMN threads;
ALTER TABLE epochs DROP COLUMN improvement_points;
ALTER TABLE epochs DROP COLUMN error_reduction
""",
    # The numbers of scripts, which choose their names.
    """
ALTER TABLE epochs ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE epochs ADD COLUMN named TEXT;

CREATE TABLE metrics (
    id INTEGER PRIMARY KEY,           -- the order in which they appeared
    run TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    name TEXT NOT NULL,
    UNIQUE (run, name)
) STRICT;

CREATE TABLE points (
    metric INTEGER NOT NULL REFERENCES metrics (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,              -- number of the block, from 0
    first INTEGER NOT NULL,           -- its first step
    stride INTEGER NOT NULL,          -- distance between steps; 0 if they are listed
    steps BLOB,                       -- little-endian 64-bit integers; NULL if they are evenly spaced
    vals BLOB NOT NULL,               -- little-endian 64-bit floats
    PRIMARY KEY (metric, at)
) STRICT
""",
    # Colour images.
    """
ALTER TABLE validation_sets ADD COLUMN channels INTEGER NOT NULL DEFAULT 1
""",
)
"""Migrations by the version they start from; `TABLES` is version 1."""

VALUE_COLUMNS: Final = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "images_per_s", "learning_rate")
"""The numbers of an epoch of the built-in network; those of scripts are in the column `named`, as JSON."""
EPOCH_COLUMNS: Final = ("train_s", "val_s", "step", "named", *VALUE_COLUMNS)

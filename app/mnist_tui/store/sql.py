"""SQL statements that the store executes."""

from __future__ import annotations

from typing import Final

from mnist_tui.store.schema import EPOCH_COLUMNS

SET_LABELS: Final = "INSERT OR REPLACE INTO labels (run, name, tags, note, deleted_at) VALUES (?, ?, ?, ?, ?)"
LABEL_NEW_RUN: Final = "INSERT OR IGNORE INTO labels (run, name, tags, note, deleted_at) VALUES (?, ?, ?, ?, '')"
SET_STATUS: Final = "UPDATE runs SET status = ? WHERE run = ?"
INSERT_RUN: Final = "INSERT INTO runs (run, status, epochs, started_at, started) VALUES (?, ?, ?, ?, ?)"
OR_REPLACE_RUN: Final = (
    "ON CONFLICT (run) DO UPDATE SET status = excluded.status, epochs = excluded.epochs, "
    "started_at = excluded.started_at, started = excluded.started, done = NULL"
)
END_RUN: Final = "UPDATE runs SET status = ?, done = ? WHERE run = ?"
# An epoch is trained again only after its checkpoint was lost; then the newer numbers match the weights.
INSERT_EPOCH: Final = (
    f"INSERT OR REPLACE INTO epochs (run, epoch, {', '.join(EPOCH_COLUMNS)}) "  # noqa: S608 - our own column names
    f"VALUES (?, ?, {', '.join('?' * len(EPOCH_COLUMNS))})"
)
INSERT_INSIGHT: Final = "INSERT OR REPLACE INTO insights (run, epoch, data) VALUES (?, ?, ?)"
INSERT_CHECKPOINT: Final = "INSERT OR REPLACE INTO checkpoints (run, epoch, batch, file, sha256) VALUES (?, ?, ?, ?, ?)"
DELETE_OLD_CHECKPOINTS: Final = """
DELETE FROM checkpoints WHERE run = :run AND (batch > 0 OR epoch > :epoch OR (
    epoch NOT IN (SELECT epoch FROM checkpoints WHERE run = :run AND epoch <= :epoch AND batch = 0
        ORDER BY epoch DESC LIMIT 2)
    AND epoch IS NOT (SELECT epoch FROM epochs JOIN checkpoints USING (run, epoch)
        WHERE run = :run AND batch = 0 AND typeof(val_accuracy) = 'real' ORDER BY val_accuracy DESC, epoch LIMIT 1)))
"""
DELETE_PAUSES: Final = "DELETE FROM checkpoints WHERE run = ? AND batch > 0"
INSERT_MARK: Final = (
    "INSERT INTO marks (run, after_epoch, event) VALUES (?, (SELECT count(*) FROM epochs WHERE run = ?), ?)"
)

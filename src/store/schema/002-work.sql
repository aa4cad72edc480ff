-- What waits to be started, and what stages are measured by.

-- A row for each execution that is queued, and not started yet: the lowest position is next. The environment of its
-- `queue add` ("K=V" texts, each ended by a NUL) goes with the row once it has started.
CREATE TABLE queue (
    execution   TEXT PRIMARY KEY NOT NULL REFERENCES executions (uid) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    environment BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_position ON queue (position);

-- `--after`: what an execution in the queue waits for.
CREATE TABLE queue_after (
    execution TEXT NOT NULL REFERENCES executions (uid) ON DELETE CASCADE,
    after     TEXT NOT NULL REFERENCES executions (uid) ON DELETE CASCADE,
    PRIMARY KEY (execution, after),
    CHECK (execution <> after)
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_after_after ON queue_after (after);

-- How many items a stage has in all, as `item remaining` was shown them.
CREATE TABLE stage_totals (
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    stage   TEXT NOT NULL,
    total   INTEGER NOT NULL CHECK (total >= 0),
    PRIMARY KEY (session, stage)
) STRICT, WITHOUT ROWID;

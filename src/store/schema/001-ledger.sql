-- The ledger, first version. Times are milliseconds since the epoch, UTC. Derived things (state, outcome, completeness,
-- the state of a stage) are views, never columns.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id           TEXT PRIMARY KEY NOT NULL CHECK (length(id) BETWEEN 1 AND 128),
    workflow     TEXT,
    definition   TEXT CHECK (definition IS NULL OR json_valid(definition)),  -- of the workflow, as it was when the session began
    status       TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'closed')),
    close_reason TEXT CHECK (close_reason IN ('completed', 'aborted', 'stale')),
    phase        TEXT,
    round        INTEGER NOT NULL DEFAULT 1 CHECK (round >= 1),
    implicit     INTEGER NOT NULL DEFAULT 0 CHECK (implicit IN (0, 1)),
    started_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    closed_at    INTEGER,
    CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    CHECK ((status = 'closed') = (close_reason IS NOT NULL)),
    CHECK ((workflow IS NULL) = (definition IS NULL))
) STRICT;
CREATE INDEX sessions_active ON sessions (updated_at) WHERE status = 'active';
CREATE INDEX sessions_started ON sessions (started_at);

-- One row an opening: a round that was aborted and opened again has two.
CREATE TABLE rounds (
    id           INTEGER PRIMARY KEY,
    session      TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    round        INTEGER NOT NULL CHECK (round >= 1),
    opened_at    INTEGER NOT NULL,
    completed_at INTEGER,
    settled_at   INTEGER,
    settled_as   TEXT CHECK (settled_as IN ('completed', 'aborted', 'stale')),
    CHECK ((settled_at IS NULL) = (settled_as IS NULL)),
    CHECK (settled_as IS NOT 'completed' OR completed_at IS NOT NULL)
) STRICT;
CREATE INDEX rounds_session ON rounds (session, id);

CREATE TABLE executions (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    uid                 TEXT NOT NULL UNIQUE,
    parent_uid          TEXT,
    name                TEXT,
    session             TEXT REFERENCES sessions (id),
    drives              INTEGER NOT NULL DEFAULT 0 CHECK (drives IN (0, 1)),
    opening             INTEGER REFERENCES rounds (id),  -- in which it ended, and by which it is judged
    stages              TEXT,
    command             TEXT NOT NULL CHECK (json_type(command) = 'array'),
    argv                BLOB,  -- NUL-separated, where `command` can't say it exactly
    cwd                 TEXT,
    host                TEXT,
    exit_code           INTEGER CHECK (exit_code BETWEEN -5 AND 255),
    signal              INTEGER CHECK (signal BETWEEN 1 AND 64),
    stopped_by          TEXT CHECK (stopped_by IN ('cancel', 'deadline')),
    spawn_errno         INTEGER,
    attempt             INTEGER NOT NULL DEFAULT 1 CHECK (attempt >= 1),
    queued_at           INTEGER,
    started_at          INTEGER,
    finished_at         INTEGER,
    heartbeat_at        INTEGER,
    activity_at         INTEGER,
    progress_at         INTEGER,
    duration_ms         INTEGER CHECK (duration_ms >= 0),
    pid                 INTEGER,  -- until the process is gone
    pid_start           INTEGER,
    supervisor_pid      INTEGER,
    supervisor_start    INTEGER,
    pid_ns              INTEGER,
    boot_id             TEXT,
    machine_id          TEXT,
    socket              TEXT,
    detached            INTEGER NOT NULL DEFAULT 0 CHECK (detached IN (0, 1)),
    require_session     INTEGER NOT NULL DEFAULT 0 CHECK (require_session IN (0, 1)),
    cancel_requested_at INTEGER,
    status_text         TEXT,
    log                 TEXT,
    agent               TEXT,
    agent_session       TEXT,
    agent_result        TEXT CHECK (agent_result IS NULL OR json_valid(agent_result)),
    agent_unfinished    INTEGER NOT NULL DEFAULT 0 CHECK (agent_unfinished IN (0, 1)),
    usage               TEXT CHECK (usage IS NULL OR json_valid(usage)),
    facts               TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(facts)),
    notes               TEXT NOT NULL DEFAULT '[]' CHECK (json_type(notes) = 'array'),
    CHECK ((finished_at IS NULL) = (exit_code IS NULL)),
    CHECK (signal IS NULL OR exit_code < 0 OR exit_code = 128 + signal),
    CHECK (drives = 0 OR session IS NOT NULL),
    CHECK (queued_at IS NOT NULL OR started_at IS NOT NULL)
) STRICT;
CREATE INDEX executions_in_flight ON executions (id) WHERE finished_at IS NULL;
CREATE INDEX executions_session ON executions (session, id) WHERE session IS NOT NULL;
CREATE INDEX executions_name ON executions (name, id) WHERE name IS NOT NULL;
CREATE INDEX executions_opening ON executions (opening) WHERE opening IS NOT NULL;
CREATE INDEX executions_not_zero ON executions (id) WHERE exit_code <> 0;
-- Those whose exit 0 alone is no success.
CREATE INDEX executions_doubtful ON executions (id)
    WHERE exit_code = 0 AND (drives OR require_session OR agent_unfinished);

CREATE TABLE steps (
    id          INTEGER PRIMARY KEY,
    session     TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    stage       TEXT NOT NULL,
    name        TEXT NOT NULL,
    attempt     INTEGER NOT NULL DEFAULT 1 CHECK (attempt >= 1),
    status      TEXT NOT NULL CHECK (status IN ('running', 'done', 'error', 'aborted', 'skipped')),
    message     TEXT,
    error       TEXT,
    done        INTEGER,
    total       INTEGER,
    started_at  INTEGER,
    finished_at INTEGER,
    execution   TEXT,
    UNIQUE (session, stage, name, attempt)
) STRICT;
CREATE INDEX steps_running ON steps (execution) WHERE status = 'running';

CREATE TABLE items (
    session   TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    stage     TEXT NOT NULL,
    id        TEXT NOT NULL,
    status    TEXT NOT NULL CHECK (status IN ('done', 'failed')),
    attempts  INTEGER NOT NULL DEFAULT 1 CHECK (attempts >= 1),
    error     TEXT,
    execution TEXT,
    at        INTEGER NOT NULL,
    PRIMARY KEY (session, stage, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_failed ON items (session) WHERE status = 'failed';

CREATE TABLE checkpoints (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL,
    session    TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    execution  TEXT,
    steps      INTEGER CHECK (steps >= 0),                   -- of this execution, cumulative within it
    usage      TEXT NOT NULL DEFAULT '{}' CHECK (json_type(usage) = 'object'),
    data       BLOB,
    size       INTEGER NOT NULL DEFAULT 0 CHECK (size >= 0), -- of data, in bytes
    created_at INTEGER NOT NULL,
    UNIQUE (session, id)
) STRICT;

CREATE TABLE events (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    type      TEXT NOT NULL,
    session   TEXT,
    execution TEXT,
    data      TEXT NOT NULL DEFAULT '{}' CHECK (json_type(data) = 'object')
) STRICT;
CREATE INDEX events_session ON events (session, id) WHERE session IS NOT NULL;
CREATE INDEX events_execution ON events (execution, id) WHERE execution IS NOT NULL;

-- ---- What the ledger refuses, whoever writes the SQL ----

CREATE TRIGGER events_known BEFORE INSERT ON events
WHEN NEW.type NOT IN (
    'session_created', 'session_resumed', 'session_reopened', 'session_linked', 'phase_advanced', 'round_started',
    'round_completed', 'session_closed', 'session_aborted', 'session_auto_closed_stale', 'execution_queued',
    'execution_started', 'execution_ready', 'execution_status', 'execution_cancel_requested', 'execution_deadline',
    'execution_unsupervised', 'execution_recovered', 'execution_finished', 'stragglers_killed', 'host_suspended',
    'step_started', 'step_progress', 'step_done', 'step_error', 'step_skipped', 'step_aborted', 'item_done',
    'item_failed', 'item_forgotten', 'checkpoint_saved', 'sweep_finished')
BEGIN
    SELECT RAISE(ABORT, 'unknown event type');
END;

CREATE TRIGGER events_one_end BEFORE INSERT ON events
WHEN NEW.type = 'execution_finished'
    AND EXISTS (SELECT 1 FROM events e WHERE e.execution = NEW.execution AND e.type = 'execution_finished')
BEGIN
    SELECT RAISE(ABORT, 'the execution has ended, and an end is written once');
END;

-- An id that is there already comes from INSERT OR REPLACE, which would write over the history.
CREATE TRIGGER events_new BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events e WHERE e.id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'an event can''t be changed');
END;

CREATE TRIGGER events_append_only BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'an event can''t be changed');
END;

-- History goes only after what it is about has gone.
CREATE TRIGGER events_stay BEFORE DELETE ON events
WHEN EXISTS (SELECT 1 FROM executions e WHERE e.uid = OLD.execution)
    OR EXISTS (SELECT 1 FROM sessions s WHERE s.id = OLD.session)
BEGIN
    SELECT RAISE(ABORT, 'an event can''t be taken back');
END;

CREATE TRIGGER events_touch_session AFTER INSERT ON events WHEN NEW.session IS NOT NULL
BEGIN
    UPDATE sessions SET updated_at = NEW.at WHERE id = NEW.session AND updated_at < NEW.at;
END;

-- -3 is a presumption: the real end may replace it, once. Nothing else ever replaces an end.
CREATE TRIGGER executions_one_end BEFORE UPDATE OF finished_at, exit_code, opening, stopped_by ON executions
WHEN OLD.finished_at IS NOT NULL
    AND (NEW.finished_at IS NOT OLD.finished_at OR NEW.exit_code IS NOT OLD.exit_code OR NEW.opening IS NOT OLD.opening
         OR NEW.stopped_by IS NOT OLD.stopped_by)
    AND NOT (OLD.exit_code = -3 AND NEW.exit_code IS NOT NULL AND NEW.exit_code <> -3)
BEGIN
    SELECT RAISE(ABORT, 'the execution has ended, and an end is written once');
END;

CREATE TRIGGER executions_new BEFORE INSERT ON executions
WHEN EXISTS (SELECT 1 FROM executions e WHERE e.id = NEW.id OR e.uid = NEW.uid)
BEGIN
    SELECT RAISE(ABORT, 'there is such an execution already');
END;

CREATE TRIGGER executions_same_run BEFORE UPDATE OF id, uid, command, argv ON executions
WHEN NEW.id IS NOT OLD.id OR NEW.uid IS NOT OLD.uid OR NEW.command IS NOT OLD.command OR NEW.argv IS NOT OLD.argv
BEGIN
    SELECT RAISE(ABORT, 'what was run can''t be changed');
END;

-- An execution that drives a session goes on driving that one.
CREATE TRIGGER executions_first_link BEFORE UPDATE OF session, drives ON executions
WHEN OLD.drives = 1 AND (NEW.drives = 0 OR NEW.session IS NOT OLD.session)
BEGIN
    SELECT RAISE(ABORT, 'the execution drives another session already');
END;

CREATE TRIGGER sessions_begin_active BEFORE INSERT ON sessions WHEN NEW.status <> 'active'
BEGIN
    SELECT RAISE(ABORT, 'a session begins active');
END;

CREATE TRIGGER sessions_complete_close BEFORE UPDATE OF status, close_reason ON sessions
WHEN NEW.close_reason = 'completed' AND OLD.close_reason IS NOT 'completed'
    AND NOT EXISTS (SELECT 1 FROM events e
                    WHERE e.session = NEW.id AND e.type = 'round_completed' AND e.data ->> '$.round' = NEW.round)
BEGIN
    SELECT RAISE(ABORT, 'the round is not completed: it has no round_completed event');
END;

CREATE TRIGGER sessions_closed_stays BEFORE UPDATE OF status, close_reason, phase, round ON sessions
WHEN OLD.status = 'closed' AND NEW.status = 'closed'
    AND (NEW.close_reason IS NOT OLD.close_reason OR NEW.phase IS NOT OLD.phase OR NEW.round IS NOT OLD.round)
BEGIN
    SELECT RAISE(ABORT, 'the session is closed');
END;

CREATE TRIGGER sessions_known_phase BEFORE UPDATE OF phase ON sessions
WHEN NEW.phase IS NOT OLD.phase AND json_array_length(NEW.definition, '$.phases') > 0
    AND NOT EXISTS (SELECT 1 FROM json_each(NEW.definition, '$.phases') p WHERE p.value = NEW.phase)
BEGIN
    SELECT RAISE(ABORT, 'the workflow has no such phase');
END;

CREATE TRIGGER rounds_complete BEFORE UPDATE OF completed_at, settled_as ON rounds
WHEN (NEW.settled_as = 'completed' OR NEW.completed_at IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM events e
                    WHERE e.session = NEW.session AND e.type = 'round_completed'
                        AND e.data ->> '$.round' = NEW.round)
BEGIN
    SELECT RAISE(ABORT, 'the round is not completed: it has no round_completed event');
END;

CREATE TRIGGER rounds_begin_open BEFORE INSERT ON rounds WHEN NEW.settled_as IS NOT NULL OR NEW.completed_at IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'a round begins open');
END;

CREATE TRIGGER rounds_settled_once BEFORE UPDATE ON rounds
WHEN OLD.settled_as IS NOT NULL
    AND (NEW.settled_as IS NOT OLD.settled_as OR NEW.settled_at IS NOT OLD.settled_at OR NEW.round <> OLD.round
         OR NEW.session <> OLD.session)
BEGIN
    SELECT RAISE(ABORT, 'the round is settled');
END;

-- ---- What is derived ----

-- Each step as its last attempt left it.
CREATE VIEW current_steps AS
SELECT s.* FROM steps s
WHERE s.attempt = (SELECT max(a.attempt) FROM steps a
                   WHERE a.session = s.session AND a.stage = s.stage AND a.name = s.name);

-- What the workflow of a session declares: its stages in order, and their steps.
CREATE VIEW declared_steps AS
SELECT s.id AS session, g.key AS stage_position, g.value ->> '$.name' AS stage, t.key AS position, t.value AS name
FROM sessions s
    JOIN json_each(s.definition, '$.stages') g
    LEFT JOIN json_each(g.value, '$.steps') t;

-- The stages that an execution's `A..B` covers.
CREATE VIEW covered_stages AS
SELECT e.id AS execution, e.session AS session, g.value ->> '$.name' AS stage
FROM executions e
    JOIN sessions s ON s.id = e.session
    JOIN json_each(s.definition, '$.stages') g
WHERE e.stages IS NOT NULL
    AND g.key BETWEEN
        (SELECT f.key FROM json_each(s.definition, '$.stages') f
         WHERE f.value ->> '$.name' = substr(e.stages, 1, instr(e.stages, '..') - 1))
        AND (SELECT l.key FROM json_each(s.definition, '$.stages') l
             WHERE l.value ->> '$.name' = substr(e.stages, instr(e.stages, '..') + 2));

-- The rules of the outcome, in their order: the outcome in the first ten columns, then the reason. domain/outcome.c says
-- the same in C.
CREATE VIEW verdicts AS
SELECT e.id,
    CASE
    WHEN e.finished_at IS NULL THEN NULL
    WHEN e.exit_code = -2 THEN 'cancelled  cancelled'
    WHEN e.exit_code = -4 THEN 'cancelled  session-closed'
    WHEN e.exit_code = -1 THEN 'failed     spawn'
    WHEN e.exit_code = -3 THEN 'failed     orphaned'
    WHEN e.exit_code = -5 THEN 'failed     deadline'
    WHEN e.drives AND r.settled_as = 'completed' AND (e.exit_code = 0 OR e.stopped_by IS NOT NULL)
        THEN 'success    completed'
    WHEN e.signal IS NOT NULL THEN 'failed     signal'
    WHEN e.exit_code <> 0 THEN 'failed     exit'
    WHEN NOT e.drives AND e.agent_unfinished THEN 'incomplete agent-unfinished'
    WHEN e.session IS NULL AND e.require_session THEN 'incomplete no-session'
    WHEN NOT e.drives THEN 'success    exit'
    WHEN e.stages IS NOT NULL THEN
        CASE
        WHEN EXISTS (SELECT 1 FROM covered_stages c JOIN steps k ON k.session = c.session AND k.stage = c.stage
                     WHERE c.execution = e.id)
            AND NOT EXISTS (SELECT 1 FROM covered_stages c
                                JOIN current_steps k ON k.session = c.session AND k.stage = c.stage
                            WHERE c.execution = e.id AND k.status NOT IN ('done', 'skipped'))
            AND NOT EXISTS (SELECT 1 FROM covered_stages c
                                JOIN declared_steps d ON d.session = c.session AND d.stage = c.stage
                            WHERE c.execution = e.id AND d.name IS NOT NULL
                                AND NOT EXISTS (SELECT 1 FROM steps k WHERE k.session = d.session
                                                    AND k.stage = d.stage AND k.name = d.name))
        THEN 'success    stages-done' ELSE 'incomplete stages-unfinished' END
    ELSE 'incomplete session-' || coalesce(r.settled_as, 'active')
    END AS verdict
FROM executions e LEFT JOIN rounds r ON r.id = e.opening;

-- Executions with what their session and their round say of them: all but the verdict.
CREATE VIEW standings AS
SELECT
    e.id, e.uid, e.parent_uid, e.name, e.session, e.drives, s.workflow, e.stages, e.command, e.cwd, e.host,
    CASE WHEN e.finished_at IS NOT NULL THEN 'finished' WHEN e.started_at IS NOT NULL THEN 'running' ELSE 'queued' END
        AS state,
    e.exit_code, e.signal, e.stopped_by, e.spawn_errno, coalesce(r.round, s.round) AS round,
    e.attempt, e.queued_at, e.started_at, e.finished_at, e.heartbeat_at, e.activity_at, e.progress_at, e.duration_ms,
    e.pid, e.supervisor_pid, e.cancel_requested_at, e.status_text, e.log, e.agent, e.agent_session, e.agent_result,
    e.agent_unfinished, e.usage, e.notes, e.argv, e.facts, e.boot_id, e.machine_id, e.pid_ns, e.pid_start,
    e.supervisor_start, e.socket, e.detached, e.require_session, s.status AS session_status, r.settled_as, s.phase,
    (SELECT p.key + 1 FROM json_each(s.definition, '$.phases') p WHERE p.value = s.phase) AS phase_number,
    nullif(json_array_length(s.definition, '$.phases'), 0) AS phase_count,
    CASE WHEN e.session IS NOT NULL
        THEN e.opening IS NULL OR e.opening = (SELECT max(l.id) FROM rounds l WHERE l.session = e.session) END
        AS in_current_round
FROM executions e LEFT JOIN sessions s ON s.id = e.session LEFT JOIN rounds r ON r.id = e.opening;

-- Executions as everybody reads them.
CREATE VIEW outcomes AS
SELECT e.*, rtrim(substr(v.verdict, 1, 10)) AS outcome, substr(v.verdict, 12) AS reason
FROM standings e JOIN verdicts v ON v.id = e.id;

-- Everything that a session still lacks before it may be closed as completed, a line each.
CREATE VIEW closing_needs AS
SELECT s.id AS session, 'round ' || s.round || ' is not complete (phase ' || s.phase || ')' AS need
FROM sessions s
WHERE json_array_length(s.definition, '$.phases') > 0
    AND NOT EXISTS (SELECT 1 FROM rounds r WHERE r.completed_at IS NOT NULL
                        AND r.id = (SELECT max(l.id) FROM rounds l WHERE l.session = s.id))
UNION ALL
SELECT d.session, 'step ' || d.stage || '/' || d.name || ' has not begun'
FROM declared_steps d
WHERE d.name IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM steps k WHERE k.session = d.session AND k.stage = d.stage AND k.name = d.name)
UNION ALL
SELECT k.session, 'step ' || k.stage || '/' || k.name || ' is ' || k.status
FROM current_steps k WHERE k.status IN ('running', 'error', 'aborted')
UNION ALL
SELECT i.session, 'item ' || i.stage || '/' || i.id || ' has failed' FROM items i WHERE i.status = 'failed';

CREATE VIEW completeness AS
SELECT s.id AS session,
    CASE
    WHEN s.close_reason = 'completed' THEN 'complete'
    WHEN s.status = 'closed' THEN 'closed-incomplete'
    WHEN f.in_flight THEN 'in-flight'
    ELSE 'open'
    END AS completeness,
    CASE
    WHEN s.close_reason = 'completed' THEN 'none'
    WHEN s.status = 'closed' THEN 'reopen'
    WHEN f.in_flight THEN 'wait'
    WHEN NOT EXISTS (SELECT 1 FROM closing_needs n WHERE n.session = s.id) THEN 'close'
    WHEN EXISTS (SELECT 1 FROM executions e WHERE e.session = s.id AND e.finished_at IS NOT NULL) THEN 'resume'
    ELSE 'advance'
    END AS next
FROM sessions s
    JOIN (SELECT i.id AS session, EXISTS (SELECT 1 FROM executions e
                                          WHERE e.session = i.id AND e.finished_at IS NULL) AS in_flight
          FROM sessions i) f ON f.session = s.id;

-- The stages of a session: the declared in their order, then those only reported; the first rule that holds.
CREATE VIEW stages AS
SELECT g.session, g.position, g.stage AS name,
    CASE
    WHEN EXISTS (SELECT 1 FROM current_steps k
                 WHERE k.session = g.session AND k.stage = g.stage AND k.status = 'running') THEN 'running'
    WHEN EXISTS (SELECT 1 FROM covered_stages c JOIN executions e ON e.id = c.execution
                 WHERE c.session = g.session AND c.stage = g.stage AND e.started_at IS NULL
                     AND e.finished_at IS NULL) THEN 'queued'
    WHEN EXISTS (SELECT 1 FROM current_steps k WHERE k.session = g.session AND k.stage = g.stage)
        AND NOT EXISTS (SELECT 1 FROM current_steps k WHERE k.session = g.session AND k.stage = g.stage
                            AND k.status NOT IN ('done', 'skipped'))
        AND NOT EXISTS (SELECT 1 FROM declared_steps d WHERE d.session = g.session AND d.stage = g.stage
                            AND d.name IS NOT NULL AND NOT EXISTS
                            (SELECT 1 FROM steps k WHERE k.session = d.session AND k.stage = d.stage
                                 AND k.name = d.name)) THEN 'done'
    WHEN EXISTS (SELECT 1 FROM current_steps k
                 WHERE k.session = g.session AND k.stage = g.stage AND k.status IN ('error', 'aborted')
                     AND (EXISTS (SELECT 1 FROM executions e WHERE e.uid = k.execution AND e.started_at IS NOT NULL
                                      AND e.finished_at IS NULL)
                          OR NOT EXISTS (SELECT 1 FROM covered_stages c JOIN executions e ON e.id = c.execution
                                         WHERE c.session = g.session AND c.stage = g.stage
                                             AND e.started_at IS NOT NULL AND e.finished_at IS NULL))) THEN 'error'
    WHEN EXISTS (SELECT 1 FROM covered_stages c JOIN executions e ON e.id = c.execution
                 WHERE c.session = g.session AND c.stage = g.stage AND e.started_at IS NOT NULL
                     AND e.finished_at IS NULL) THEN 'queued'
    ELSE 'idle'
    END AS state
FROM (SELECT session, stage, min(stage_position) AS position FROM declared_steps GROUP BY session, stage
      UNION ALL
      SELECT k.session, k.stage, 1000000 + min(k.id) FROM steps k
      WHERE NOT EXISTS (SELECT 1 FROM declared_steps d WHERE d.session = k.session AND d.stage = k.stage)
      GROUP BY k.session, k.stage) g;

-- A session's counters: the sum over its executions of what each one's latest checkpoint says.
CREATE VIEW latest_checkpoints AS
SELECT c.* FROM checkpoints c
WHERE c.number = (SELECT max(l.number) FROM checkpoints l WHERE l.session = c.session AND l.execution IS c.execution);

CREATE VIEW totals AS
SELECT s.id AS session,
    json_object(
        'steps', (SELECT coalesce(sum(c.steps), 0) FROM latest_checkpoints c WHERE c.session = s.id),
        'usage', json((SELECT coalesce(json_group_object(u.key, u.amount), '{}')
                       FROM (SELECT j.key AS key, sum(j.value) AS amount
                             FROM latest_checkpoints c JOIN json_each(c.usage) j
                             WHERE c.session = s.id GROUP BY j.key) u))) AS totals
FROM sessions s;

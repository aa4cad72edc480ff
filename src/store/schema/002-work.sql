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

-- How many items a stage has in all, as `item remaining` was shown them. `beside`: how many of those done by then were
-- not among them, and don't count.
CREATE TABLE stage_totals (
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    stage   TEXT NOT NULL,
    total   INTEGER NOT NULL CHECK (total >= 0),
    beside  INTEGER NOT NULL DEFAULT 0 CHECK (beside >= 0),
    PRIMARY KEY (session, stage)
) STRICT, WITHOUT ROWID;

-- The items of a plan by the name that their step in stage `plan` has, in an implicit session. `key`: what the agent
-- itself calls an item.
CREATE TABLE plan_items (
    session  TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    key      TEXT NOT NULL,
    position INTEGER NOT NULL,
    dropped  INTEGER NOT NULL DEFAULT 0 CHECK (dropped IN (0, 1)),
    PRIMARY KEY (session, name)
) STRICT, WITHOUT ROWID;

-- Totals look for the latest checkpoint of each execution.
CREATE INDEX checkpoints_execution ON checkpoints (session, execution, number);
-- Closed with their session, and the process or its supervisor not known to be gone yet: looked at by every sweep.
CREATE INDEX executions_closed_in_flight ON executions (id)
    WHERE exit_code = -4 AND (pid IS NOT NULL OR socket IS NOT NULL);
-- Whatever came from the queue and runs, however many wait beside it.
CREATE INDEX executions_from_queue ON executions (id)
    WHERE queued_at IS NOT NULL AND started_at IS NOT NULL AND finished_at IS NULL;

-- What ended incomplete, among all that ended with 0: with nothing to drive, by itself; else by a round that is not
-- completed. Both hold nothing of what succeeded, however much that is.
DROP INDEX executions_doubtful;
CREATE INDEX executions_doubtful ON executions (id)
    WHERE exit_code = 0 AND iif(drives, opening IS NULL, agent_unfinished OR (require_session AND session IS NULL));
CREATE INDEX rounds_not_completed ON rounds (id) WHERE settled_as IS NOT 'completed';
-- By when they began: what waited in the queue, and what was imported, began in another order than that of its numbers.
CREATE INDEX executions_begun ON executions (coalesce(started_at, queued_at));

-- ---- What the ledger refuses ----

-- An end is written once. Two things may follow it: the real end replaces a presumed one (-3), and `session link` gives
-- an execution that drives nothing a session to drive, to be judged by one of that session's openings.
DROP TRIGGER executions_one_end;
CREATE TRIGGER executions_one_end BEFORE UPDATE OF finished_at, exit_code, opening, stopped_by ON executions
WHEN OLD.finished_at IS NOT NULL
    AND (NEW.finished_at IS NOT OLD.finished_at OR NEW.exit_code IS NOT OLD.exit_code
         OR NEW.stopped_by IS NOT OLD.stopped_by
         OR (NEW.opening IS NOT OLD.opening
             AND NOT (OLD.drives = 0 AND NEW.drives = 1
                      AND EXISTS (SELECT 1 FROM rounds r WHERE r.id = NEW.opening AND r.session = NEW.session))))
    AND NOT (OLD.exit_code = -3 AND NEW.exit_code IS NOT NULL AND NEW.exit_code <> -3)
BEGIN
    SELECT RAISE(ABORT, 'the execution has ended, and an end is written once');
END;

CREATE TRIGGER sessions_new BEFORE INSERT ON sessions WHEN EXISTS (SELECT 1 FROM sessions s WHERE s.id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'there is such a session already');
END;

CREATE TRIGGER rounds_new BEFORE INSERT ON rounds WHEN EXISTS (SELECT 1 FROM rounds r WHERE r.id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'there is such a round already');
END;

CREATE TRIGGER sessions_same_work BEFORE UPDATE OF id, workflow, definition ON sessions
WHEN NEW.id IS NOT OLD.id OR NEW.workflow IS NOT OLD.workflow OR NEW.definition IS NOT OLD.definition
BEGIN
    SELECT RAISE(ABORT, 'a session keeps the workflow that it began with');
END;

-- An execution that drives a session goes on driving that one, unless it was begun for a plan alone.
DROP TRIGGER executions_first_link;
CREATE TRIGGER executions_first_link BEFORE UPDATE OF session, drives ON executions
WHEN OLD.drives = 1 AND (NEW.drives = 0 OR NEW.session IS NOT OLD.session)
    AND NOT (NEW.drives = 1 AND OLD.finished_at IS NULL
             AND EXISTS (SELECT 1 FROM sessions s JOIN plan_items p ON p.session = s.id
                         WHERE s.id = OLD.session AND s.implicit AND s.close_reason = 'aborted'))
BEGIN
    SELECT RAISE(ABORT, 'the execution drives another session already');
END;

-- What counts is the round that the session is in, not one that was completed before.
DROP TRIGGER sessions_complete_close;
CREATE TRIGGER sessions_complete_close BEFORE UPDATE OF status, close_reason ON sessions
WHEN NEW.close_reason = 'completed' AND OLD.close_reason IS NOT 'completed'
    AND NOT (NEW.round = (SELECT round FROM rounds WHERE session = NEW.id ORDER BY id DESC LIMIT 1)
             AND EXISTS (SELECT 1 FROM events e WHERE e.session = NEW.id AND e.type = 'round_completed'
                             AND e.data ->> '$.round' = NEW.round))
BEGIN
    SELECT RAISE(ABORT, 'the round is not completed: it has no round_completed event');
END;

-- ---- What is derived: every run parses these, so they are short ----

DROP VIEW outcomes;
DROP VIEW standings;
DROP VIEW verdicts;
DROP VIEW completeness;
DROP VIEW closing_needs;
DROP VIEW stages;

-- Steps that are not done or skipped, those declared or planned that have not begun among them. Only where all have the
-- same affinities does SQLite look at those of one session alone.
CREATE VIEW open_steps AS
SELECT session, stage, name, status FROM current_steps WHERE status NOT IN ('done', 'skipped')
UNION ALL
SELECT d.session, CAST(d.stage AS TEXT), CAST(d.name AS TEXT), CAST('idle' AS TEXT) FROM declared_steps d
WHERE d.name IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM steps k WHERE k.session = d.session AND k.stage = d.stage AND k.name = d.name)
UNION ALL
SELECT p.session, CAST('plan' AS TEXT), p.name, CAST('idle' AS TEXT) FROM plan_items p
WHERE NOT p.dropped
    AND NOT EXISTS (SELECT 1 FROM steps k WHERE k.session = p.session AND k.stage = 'plan' AND k.name = p.name);

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
        iif(EXISTS (SELECT 1 FROM covered_stages c JOIN steps k ON k.session = c.session AND k.stage = c.stage
                    WHERE c.execution = e.id)
                AND NOT EXISTS (SELECT 1 FROM covered_stages c
                                    JOIN open_steps o ON o.session = c.session AND o.stage = c.stage
                                WHERE c.execution = e.id),
            'success    stages-done', 'incomplete stages-unfinished')
    ELSE 'incomplete session-' || coalesce(r.settled_as, 'active')
    END AS verdict
FROM executions e LEFT JOIN rounds r ON r.id = e.opening;

-- Executions with what their session and their round say of them: all but the verdict.
CREATE VIEW standings AS
SELECT e.*, s.workflow, s.status AS session_status, s.phase, r.settled_as, coalesce(r.round, s.round) AS round,
    CASE WHEN e.finished_at IS NOT NULL THEN 'finished' WHEN e.started_at IS NOT NULL THEN 'running' ELSE 'queued' END
        AS state,
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

-- Everything that a session still lacks before it may be closed as completed, a line each, and what it lacks it in.
CREATE VIEW closing_needs AS
SELECT s.id AS session, 'round' AS kind, 'round ' || s.round || ' is not complete (phase ' || s.phase || ')' AS need
FROM sessions s
WHERE json_array_length(s.definition, '$.phases') > 0
    AND (SELECT completed_at FROM rounds WHERE session = s.id ORDER BY id DESC LIMIT 1) IS NULL
UNION ALL
SELECT session, 'step', 'step ' || stage || '/' || name || iif(status = 'idle', ' has not begun', ' is ' || iif(status = 'error', 'in error', status))
FROM open_steps
UNION ALL
SELECT session, 'item', 'item ' || stage || '/' || id || ' has failed' FROM items WHERE status = 'failed';

CREATE VIEW completeness AS
SELECT session, completeness,
    CASE completeness WHEN 'complete' THEN 'none' WHEN 'closed-incomplete' THEN 'reopen' WHEN 'in-flight' THEN 'wait'
    ELSE iif(NOT EXISTS (SELECT 1 FROM closing_needs n WHERE n.session = c.session), 'close',
             iif(EXISTS (SELECT 1 FROM executions e WHERE e.session = c.session AND e.finished_at IS NOT NULL),
                 'resume', 'advance'))
    END AS next
FROM (SELECT s.id AS session,
          CASE WHEN s.close_reason = 'completed' THEN 'complete' WHEN s.status = 'closed' THEN 'closed-incomplete'
          WHEN EXISTS (SELECT 1 FROM executions e WHERE e.session = s.id AND e.finished_at IS NULL) THEN 'in-flight'
          ELSE 'open' END AS completeness
      FROM sessions s) c;

-- The stages of a session: the declared in their order, then those only reported, at the end those that have items but
-- no step; the first rule that holds. `failed`:
-- its steps in error or aborted, "live" where what reported them runs; `covered`: the states of what covers it.
CREATE VIEW stages AS
SELECT session, position, name,
    CASE
    WHEN running THEN 'running'
    WHEN covered LIKE '%queued%' THEN 'queued'
    WHEN begun AND NOT open THEN 'done'
    WHEN failed LIKE '%live%' OR (failed IS NOT NULL AND covered IS NULL) THEN 'error'
    WHEN covered IS NOT NULL THEN 'queued'
    ELSE 'idle'
    END AS state
FROM (SELECT s.id AS session, g.key AS position, g.value AS name,
          EXISTS (SELECT 1 FROM steps k WHERE k.session = s.id AND k.stage = g.value) AS begun,
          EXISTS (SELECT 1 FROM open_steps o WHERE o.session = s.id AND o.stage = g.value) AS open,
          EXISTS (SELECT 1 FROM steps k WHERE k.session = s.id AND k.stage = g.value AND k.status = 'running') AS running,
          (SELECT group_concat(iif(e.started_at IS NOT NULL AND e.finished_at IS NULL, 'live', 'dead'))
           FROM current_steps k LEFT JOIN executions e ON e.uid = k.execution
           WHERE k.session = s.id AND k.stage = g.value AND k.status IN ('error', 'aborted')) AS failed,
          (SELECT group_concat(iif(e.started_at IS NULL, 'queued', 'running'))
           FROM covered_stages c JOIN executions e ON e.id = c.execution
           WHERE c.session = s.id AND c.stage = g.value AND e.finished_at IS NULL) AS covered
      FROM sessions s
          JOIN json_each((SELECT json_group_array(n.stage)
                          FROM (SELECT j.key AS place, j.value ->> '$.name' AS stage
                                FROM json_each(s.definition, '$.stages') j
                                UNION ALL
                                SELECT 1000000 + min(k.id), k.stage FROM steps k
                                WHERE k.session = s.id
                                    AND NOT EXISTS (SELECT 1 FROM declared_steps d
                                                    WHERE d.session = k.session AND d.stage = k.stage)
                                GROUP BY k.stage
                                UNION ALL
                                SELECT 9e18, i.stage
                                FROM (SELECT DISTINCT stage FROM items WHERE session = s.id
                                      UNION SELECT stage FROM stage_totals WHERE session = s.id
                                      UNION SELECT 'plan' FROM plan_items WHERE session = s.id AND NOT dropped) i
                                WHERE NOT EXISTS (SELECT 1 FROM steps k WHERE k.session = s.id AND k.stage = i.stage)
                                    AND NOT EXISTS (SELECT 1 FROM declared_steps d
                                                    WHERE d.session = s.id AND d.stage = i.stage)
                                ORDER BY 1, 2) n)) g);

-- Nobody asked for these sessions: they give way to one that is begun, or named.
CREATE VIEW plan_sessions AS
SELECT s.id FROM sessions s
WHERE s.implicit AND s.status = 'active' AND EXISTS (SELECT 1 FROM plan_items p WHERE p.session = s.id)
    AND NOT EXISTS (SELECT 1 FROM steps k WHERE k.session = s.id AND k.stage <> 'plan')
    AND NOT EXISTS (SELECT 1 FROM items i WHERE i.session = s.id)
    AND NOT EXISTS (SELECT 1 FROM stage_totals t WHERE t.session = s.id)
    AND NOT EXISTS (SELECT 1 FROM checkpoints c WHERE c.session = s.id);

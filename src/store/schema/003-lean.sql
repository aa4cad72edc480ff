-- The same rules in fewer words. Every process that opens the ledger parses all of this: columns are named without their
-- table where no other has them, and what only this program asks for stands with the statements that ask.

DROP VIEW totals;
DROP VIEW latest_checkpoints;
DROP VIEW plan_sessions;

-- With its environment a row is large: in a table by its number the search for one doesn't read those of others.
DROP INDEX queue_position;
ALTER TABLE queue RENAME TO queue_before;
CREATE TABLE queue (
    execution   TEXT PRIMARY KEY NOT NULL REFERENCES executions (uid) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    environment BLOB
) STRICT;
INSERT INTO queue SELECT * FROM queue_before;
DROP TABLE queue_before;
CREATE INDEX queue_position ON queue (position);

-- Those cancelled and those failed, each newest first; the drivers of a round by how they ended.
DROP INDEX executions_not_zero;
CREATE INDEX executions_not_zero ON executions (exit_code IN (-2, -4), id) WHERE exit_code <> 0;
DROP INDEX executions_opening;
CREATE INDEX executions_opening ON executions (opening, exit_code, drives) WHERE opening IS NOT NULL;

-- ---- What the ledger refuses ----

DROP TRIGGER events_known;
DROP TRIGGER events_one_end;
DROP TRIGGER events_new;
DROP TRIGGER executions_one_end;
DROP TRIGGER executions_new;
DROP TRIGGER executions_same_run;
DROP TRIGGER executions_first_link;
DROP TRIGGER sessions_begin_active;
DROP TRIGGER sessions_new;
DROP TRIGGER sessions_complete_close;
DROP TRIGGER sessions_closed_stays;
DROP TRIGGER sessions_same_work;
DROP TRIGGER rounds_new;
DROP TRIGGER rounds_begin_open;
DROP TRIGGER rounds_complete;
DROP TRIGGER rounds_settled_once;
DROP TRIGGER events_stay;

-- An id that is there already comes from INSERT OR REPLACE, which would write over the history.
CREATE TRIGGER events_new BEFORE INSERT ON events
BEGIN
    SELECT RAISE(ABORT, 'unknown event type') WHERE NEW.type GLOB '*[^a-z_]*' OR NOT instr(
        ' session_created session_resumed session_reopened session_linked phase_advanced round_started round_completed'
        || ' session_closed session_aborted session_auto_closed_stale execution_queued execution_started execution_ready'
        || ' execution_status execution_cancel_requested execution_deadline execution_unsupervised execution_recovered'
        || ' execution_finished stragglers_killed host_suspended step_started step_progress step_done step_error'
        || ' step_skipped step_aborted item_done item_failed item_forgotten checkpoint_saved sweep_finished ',
        ' ' || NEW.type || ' ');
    SELECT RAISE(ABORT, 'the execution has ended, and an end is written once') FROM events
    WHERE NEW.type = 'execution_finished' AND execution = NEW.execution AND type = NEW.type;
    SELECT RAISE(ABORT, 'an event can''t be changed') FROM events WHERE id = NEW.id;
END;

CREATE TRIGGER events_stay BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'an event can''t be taken back')
    WHERE EXISTS (SELECT 1 FROM executions WHERE uid = OLD.execution)
        OR EXISTS (SELECT 1 FROM sessions WHERE id = OLD.session);
END;

CREATE TRIGGER executions_new BEFORE INSERT ON executions
BEGIN
    SELECT RAISE(ABORT, 'there is such an execution already') FROM executions WHERE id = NEW.id OR uid = NEW.uid;
END;

CREATE TRIGGER executions_same_run BEFORE UPDATE OF id, uid, command, argv ON executions
WHEN (NEW.id, NEW.uid, NEW.command, NEW.argv) IS NOT (OLD.id, OLD.uid, OLD.command, OLD.argv)
BEGIN
    SELECT RAISE(ABORT, 'what was run can''t be changed');
END;

-- An end is written once. Two things may follow it: the real end replaces a presumed one (-3), and `session link` gives
-- an execution that drives nothing a session to drive, to be judged by one of that session's openings.
CREATE TRIGGER executions_one_end BEFORE UPDATE OF finished_at, exit_code, opening, stopped_by ON executions
WHEN OLD.finished_at IS NOT NULL
    AND ((NEW.finished_at, NEW.exit_code, NEW.stopped_by) IS NOT (OLD.finished_at, OLD.exit_code, OLD.stopped_by)
         OR (NEW.opening IS NOT OLD.opening
             AND NOT (NEW.drives > OLD.drives
                      AND EXISTS (SELECT 1 FROM rounds WHERE id = NEW.opening AND session = NEW.session))))
    AND NOT (OLD.exit_code = -3 AND NEW.exit_code IS NOT NULL AND NEW.exit_code <> -3)
BEGIN
    SELECT RAISE(ABORT, 'the execution has ended, and an end is written once');
END;

-- An execution that drives a session goes on driving that one, unless it was begun for a plan alone.
CREATE TRIGGER executions_first_link BEFORE UPDATE OF session, drives ON executions
WHEN OLD.drives AND (NOT NEW.drives OR NEW.session IS NOT OLD.session)
    AND NOT (NEW.drives AND OLD.finished_at IS NULL
             AND EXISTS (SELECT 1 FROM sessions s JOIN plan_items ON session = s.id
                         WHERE s.id = OLD.session AND implicit AND close_reason = 'aborted'))
BEGIN
    SELECT RAISE(ABORT, 'the execution drives another session already');
END;

CREATE TRIGGER sessions_new BEFORE INSERT ON sessions
BEGIN
    SELECT RAISE(ABORT, 'a session begins active') WHERE NEW.status <> 'active';
    SELECT RAISE(ABORT, 'there is such a session already') FROM sessions WHERE id = NEW.id;
END;

CREATE TRIGGER sessions_same_work BEFORE UPDATE OF id, workflow, definition ON sessions
WHEN (NEW.id, NEW.workflow, NEW.definition) IS NOT (OLD.id, OLD.workflow, OLD.definition)
BEGIN
    SELECT RAISE(ABORT, 'a session keeps the workflow that it began with');
END;

CREATE TRIGGER sessions_closed_stays BEFORE UPDATE OF status, close_reason, phase, round ON sessions
WHEN OLD.status = 'closed' AND NEW.status = 'closed'
    AND (NEW.close_reason, NEW.phase, NEW.round) IS NOT (OLD.close_reason, OLD.phase, OLD.round)
BEGIN
    SELECT RAISE(ABORT, 'the session is closed');
END;

-- What counts is the round that the session is in, not one that was completed before.
CREATE TRIGGER sessions_complete_close BEFORE UPDATE OF status, close_reason ON sessions
WHEN NEW.close_reason = 'completed' AND OLD.close_reason IS NOT 'completed'
    AND NOT (NEW.round = (SELECT round FROM rounds WHERE session = NEW.id ORDER BY id DESC LIMIT 1)
             AND EXISTS (SELECT 1 FROM events WHERE session = NEW.id AND type = 'round_completed'
                             AND data ->> '$.round' = NEW.round))
BEGIN
    SELECT RAISE(ABORT, 'the round is not completed: it has no round_completed event');
END;

CREATE TRIGGER rounds_new BEFORE INSERT ON rounds
BEGIN
    SELECT RAISE(ABORT, 'a round begins open') WHERE coalesce(NEW.settled_as, NEW.completed_at) IS NOT NULL;
    SELECT RAISE(ABORT, 'there is such a round already') FROM rounds WHERE id = NEW.id;
END;

CREATE TRIGGER rounds_complete BEFORE UPDATE OF completed_at, settled_as ON rounds
WHEN (NEW.settled_as = 'completed' OR NEW.completed_at IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM events WHERE session = NEW.session AND type = 'round_completed'
                        AND data ->> '$.round' = NEW.round)
BEGIN
    SELECT RAISE(ABORT, 'the round is not completed: it has no round_completed event');
END;

CREATE TRIGGER rounds_settled_once BEFORE UPDATE ON rounds
WHEN OLD.settled_as IS NOT NULL
    AND (NEW.settled_as, NEW.settled_at, NEW.round, NEW.session)
        IS NOT (OLD.settled_as, OLD.settled_at, OLD.round, OLD.session)
BEGIN
    SELECT RAISE(ABORT, 'the round is settled');
END;

-- ---- What is derived ----

DROP VIEW outcomes;
DROP VIEW standings;
DROP VIEW verdicts;
DROP VIEW completeness;
DROP VIEW closing_needs;
DROP VIEW stages;
DROP VIEW open_steps;
DROP VIEW covered_stages;
DROP VIEW current_steps;

CREATE VIEW current_steps AS
SELECT * FROM steps s
WHERE attempt = (SELECT max(attempt) FROM steps WHERE session = s.session AND stage = s.stage AND name = s.name);

-- Steps that are not done or skipped, those declared or planned that have not begun among them. Only where all have the
-- same affinities does SQLite look at those of one session alone.
CREATE VIEW open_steps AS
SELECT session, stage, name, status FROM current_steps WHERE status NOT IN ('done', 'skipped')
UNION ALL
SELECT session, CAST(stage AS TEXT), CAST(name AS TEXT), CAST('idle' AS TEXT) FROM declared_steps d
WHERE name IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM steps WHERE session = d.session AND stage = d.stage AND name = d.name)
UNION ALL
SELECT session, CAST('plan' AS TEXT), name, CAST('idle' AS TEXT) FROM plan_items p
WHERE NOT dropped
    AND NOT EXISTS (SELECT 1 FROM steps WHERE session = p.session AND stage = 'plan' AND name = p.name);

-- The stages that `--stages A..B` is to finish.
CREATE VIEW covered_stages AS
SELECT e.id AS execution, session, g.value ->> '$.name' AS stage
FROM executions e JOIN sessions s ON s.id = session JOIN json_each(definition, '$.stages') g
WHERE stages IS NOT NULL
    AND g.key BETWEEN (SELECT key FROM json_each(definition, '$.stages')
                       WHERE value ->> '$.name' = substr(stages, 1, instr(stages, '..') - 1))
        AND (SELECT key FROM json_each(definition, '$.stages')
             WHERE value ->> '$.name' = substr(stages, instr(stages, '..') + 2));

-- The rules of the outcome, in their order: the outcome in the first ten columns, then the reason. domain/outcome.c says
-- the same in C.
CREATE VIEW verdicts AS
SELECT e.id,
    CASE exit_code
    WHEN -1 THEN 'failed     spawn'
    WHEN -2 THEN 'cancelled  cancelled'
    WHEN -3 THEN 'failed     orphaned'
    WHEN -4 THEN 'cancelled  session-closed'
    WHEN -5 THEN 'failed     deadline'
    ELSE CASE
    WHEN finished_at IS NULL THEN NULL
    WHEN drives AND settled_as = 'completed' AND (exit_code = 0 OR stopped_by IS NOT NULL) THEN 'success    completed'
    WHEN signal THEN 'failed     signal'
    WHEN exit_code THEN 'failed     exit'
    WHEN NOT drives AND agent_unfinished THEN 'incomplete agent-unfinished'
    WHEN require_session AND e.session IS NULL THEN 'incomplete no-session'
    WHEN NOT drives THEN 'success    exit'
    WHEN stages IS NULL THEN 'incomplete session-' || coalesce(settled_as, 'active')
    WHEN EXISTS (SELECT 1 FROM covered_stages c JOIN steps USING (session, stage) WHERE c.execution = e.id)
        AND NOT EXISTS (SELECT 1 FROM covered_stages JOIN open_steps USING (session, stage) WHERE execution = e.id)
        THEN 'success    stages-done'
    ELSE 'incomplete stages-unfinished'
    END END AS verdict
FROM executions e LEFT JOIN rounds r ON r.id = opening;

-- Executions with what their session and their round say of them: all but the verdict.
CREATE VIEW standings AS
SELECT e.*, workflow, status AS session_status, phase, settled_as, coalesce(r.round, s.round) AS round,
    CASE WHEN finished_at IS NOT NULL THEN 'finished' WHEN e.started_at IS NOT NULL THEN 'running' ELSE 'queued' END
        AS state,
    (SELECT key + 1 FROM json_each(definition, '$.phases') WHERE value = phase) AS phase_number,
    nullif(json_array_length(definition, '$.phases'), 0) AS phase_count,
    CASE WHEN e.session IS NOT NULL
        THEN opening IS NULL OR opening = (SELECT max(id) FROM rounds WHERE session = e.session) END AS in_current_round
FROM executions e LEFT JOIN sessions s ON s.id = e.session LEFT JOIN rounds r ON r.id = opening;

-- Executions as everybody reads them.
CREATE VIEW outcomes AS
SELECT e.*, rtrim(substr(verdict, 1, 10)) AS outcome, substr(verdict, 12) AS reason
FROM standings e JOIN verdicts v ON v.id = e.id;

-- Everything that a session still lacks before it may be closed as completed, a line each, and what it lacks it in.
CREATE VIEW closing_needs AS
SELECT id AS session, 'round' AS kind, 'round ' || round || ' is not complete (phase ' || phase || ')' AS need
FROM sessions s
WHERE json_array_length(definition, '$.phases') > 0
    AND (SELECT completed_at FROM rounds WHERE session = s.id ORDER BY id DESC LIMIT 1) IS NULL
UNION ALL
SELECT session, 'step', 'step ' || stage || '/' || name
    || CASE status WHEN 'idle' THEN ' has not begun' WHEN 'error' THEN ' is in error' ELSE ' is ' || status END
FROM open_steps
UNION ALL
SELECT session, 'item', 'item ' || stage || '/' || id || ' has failed' FROM items WHERE status = 'failed';

CREATE VIEW completeness AS
SELECT session, completeness,
    CASE completeness WHEN 'complete' THEN 'none' WHEN 'closed-incomplete' THEN 'reopen' WHEN 'in-flight' THEN 'wait'
    ELSE iif(NOT EXISTS (SELECT 1 FROM closing_needs WHERE session = c.session), 'close',
             iif(EXISTS (SELECT 1 FROM executions WHERE session = c.session AND finished_at IS NOT NULL),
                 'resume', 'advance'))
    END AS next
FROM (SELECT id AS session,
          CASE WHEN close_reason = 'completed' THEN 'complete' WHEN status = 'closed' THEN 'closed-incomplete'
          WHEN EXISTS (SELECT 1 FROM executions WHERE session = s.id AND finished_at IS NULL) THEN 'in-flight'
          ELSE 'open' END AS completeness
      FROM sessions s) c;

-- The stages of a session: the declared in their order, then those only reported, at the end those that have items but
-- no step; the first rule that holds. `failed`: its steps in error or aborted, "live" where what reported them runs;
-- `covered`: the states of what covers it.
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
          EXISTS (SELECT 1 FROM steps WHERE session = s.id AND stage = g.value) AS begun,
          EXISTS (SELECT 1 FROM open_steps WHERE session = s.id AND stage = g.value) AS open,
          EXISTS (SELECT 1 FROM steps WHERE session = s.id AND stage = g.value AND status = 'running') AS running,
          (SELECT group_concat(iif(e.started_at IS NOT NULL AND e.finished_at IS NULL, 'live', 'dead'))
           FROM current_steps k LEFT JOIN executions e ON uid = execution
           WHERE k.session = s.id AND stage = g.value AND status IN ('error', 'aborted')) AS failed,
          (SELECT group_concat(iif(started_at IS NULL, 'queued', 'running'))
           FROM covered_stages c JOIN executions e ON e.id = execution
           WHERE c.session = s.id AND stage = g.value AND finished_at IS NULL) AS covered
      FROM sessions s
          JOIN json_each((SELECT json_group_array(stage)
                          FROM (SELECT stage
                                FROM (SELECT stage, stage_position AS place FROM declared_steps WHERE session = s.id
                                      UNION ALL SELECT stage, 1000000 + id FROM steps WHERE session = s.id
                                      UNION ALL SELECT DISTINCT stage, 9e18 FROM items WHERE session = s.id
                                      UNION ALL SELECT stage, 9e18 FROM stage_totals WHERE session = s.id
                                      UNION ALL SELECT 'plan', 9e18 FROM plan_items WHERE session = s.id AND NOT dropped) i
                                GROUP BY stage ORDER BY min(place), stage) n)) g);

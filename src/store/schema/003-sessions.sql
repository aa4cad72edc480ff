-- Sessions that can't be led astray by whoever writes the SQL, and links after the end.

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

-- What counts is the opening that the session is in, not what was completed before.
DROP TRIGGER sessions_complete_close;
CREATE TRIGGER sessions_complete_close BEFORE UPDATE OF status, close_reason ON sessions
WHEN NEW.close_reason = 'completed' AND OLD.close_reason IS NOT 'completed'
    AND NOT EXISTS (SELECT 1 FROM rounds r
                    WHERE r.id = (SELECT max(l.id) FROM rounds l WHERE l.session = NEW.id)
                        AND r.round = NEW.round AND r.completed_at IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'the round is not completed: it has no round_completed event');
END;

-- Everything that a session still lacks before it may be closed as completed, a line each, and what it lacks it in.
DROP VIEW closing_needs;
CREATE VIEW closing_needs AS
SELECT s.id AS session, 'round' AS kind, 'round ' || s.round || ' is not complete (phase ' || s.phase || ')' AS need
FROM sessions s
WHERE json_array_length(s.definition, '$.phases') > 0
    AND NOT EXISTS (SELECT 1 FROM rounds r WHERE r.completed_at IS NOT NULL
                        AND r.id = (SELECT max(l.id) FROM rounds l WHERE l.session = s.id))
UNION ALL
SELECT d.session, 'step', 'step ' || d.stage || '/' || d.name || ' has not begun'
FROM declared_steps d
WHERE d.name IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM steps k WHERE k.session = d.session AND k.stage = d.stage AND k.name = d.name)
UNION ALL
SELECT k.session, 'step', 'step ' || k.stage || '/' || k.name || ' is ' || k.status
FROM current_steps k WHERE k.status IN ('running', 'error', 'aborted')
UNION ALL
SELECT i.session, 'item', 'item ' || i.stage || '/' || i.id || ' has failed' FROM items i WHERE i.status = 'failed';

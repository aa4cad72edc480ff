-- What an agent plans to do, and sessions that exist for the sake of a plan alone.

-- The items of a plan by the name that their step in stage `plan` has, in an implicit session. `key`: what the agent
-- itself calls an item.
CREATE TABLE plan_items (
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    key     TEXT NOT NULL,
    dropped INTEGER NOT NULL DEFAULT 0 CHECK (dropped IN (0, 1)),
    PRIMARY KEY (session, name)
) STRICT, WITHOUT ROWID;

-- Nobody asked for these sessions: they give way to one that is begun, or named.
CREATE VIEW plan_sessions AS
SELECT s.id FROM sessions s
WHERE s.implicit AND s.status = 'active' AND EXISTS (SELECT 1 FROM plan_items p WHERE p.session = s.id)
    AND NOT EXISTS (SELECT 1 FROM steps k WHERE k.session = s.id AND k.stage <> 'plan')
    AND NOT EXISTS (SELECT 1 FROM items i WHERE i.session = s.id)
    AND NOT EXISTS (SELECT 1 FROM stage_totals t WHERE t.session = s.id)
    AND NOT EXISTS (SELECT 1 FROM checkpoints c WHERE c.session = s.id);

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
SELECT i.session, 'item', 'item ' || i.stage || '/' || i.id || ' has failed' FROM items i WHERE i.status = 'failed'
UNION ALL
SELECT s.id, 'plan', 'stage plan has '
    || (SELECT count(*) FROM plan_items p JOIN current_steps k ON k.session = p.session AND k.stage = 'plan'
            AND k.name = p.name
        WHERE p.session = s.id AND NOT p.dropped AND k.status IN ('done', 'skipped'))
    || ' of ' || (SELECT count(*) FROM plan_items p WHERE p.session = s.id AND NOT p.dropped) || ' done'
FROM sessions s
WHERE EXISTS (SELECT 1 FROM plan_items p
              WHERE p.session = s.id AND NOT p.dropped
                  AND NOT EXISTS (SELECT 1 FROM current_steps k WHERE k.session = p.session AND k.stage = 'plan'
                                      AND k.name = p.name AND k.status IN ('done', 'skipped')));

-- What an agent plans to do, and sessions that exist for the sake of a plan alone.

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

-- An item of the plan that has not begun is as a declared step that has not.
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
SELECT p.session, 'step', 'step plan/' || p.name || ' has not begun'
FROM plan_items p
WHERE NOT p.dropped
    AND NOT EXISTS (SELECT 1 FROM steps k WHERE k.session = p.session AND k.stage = 'plan' AND k.name = p.name);

DROP VIEW stages;
CREATE VIEW stages AS
SELECT s.id AS session, g.key AS position, g.value AS name,
    CASE
    WHEN EXISTS (SELECT 1 FROM current_steps k
                 WHERE k.session = s.id AND k.stage = g.value AND k.status = 'running') THEN 'running'
    WHEN EXISTS (SELECT 1 FROM covered_stages c JOIN executions e ON e.id = c.execution
                 WHERE c.session = s.id AND c.stage = g.value AND e.started_at IS NULL
                     AND e.finished_at IS NULL) THEN 'queued'
    WHEN EXISTS (SELECT 1 FROM current_steps k WHERE k.session = s.id AND k.stage = g.value)
        AND NOT EXISTS (SELECT 1 FROM current_steps k WHERE k.session = s.id AND k.stage = g.value
                            AND k.status NOT IN ('done', 'skipped'))
        AND NOT EXISTS (SELECT 1 FROM declared_steps d WHERE d.session = s.id AND d.stage = g.value
                            AND d.name IS NOT NULL AND NOT EXISTS
                            (SELECT 1 FROM steps k WHERE k.session = d.session AND k.stage = d.stage
                                 AND k.name = d.name))
        AND NOT EXISTS (SELECT 1 FROM plan_items p WHERE p.session = s.id AND NOT p.dropped AND g.value = 'plan'
                            AND NOT EXISTS (SELECT 1 FROM steps k WHERE k.session = s.id AND k.stage = 'plan'
                                                AND k.name = p.name)) THEN 'done'
    WHEN EXISTS (SELECT 1 FROM current_steps k
                 WHERE k.session = s.id AND k.stage = g.value AND k.status IN ('error', 'aborted')
                     AND (EXISTS (SELECT 1 FROM executions e WHERE e.uid = k.execution AND e.started_at IS NOT NULL
                                      AND e.finished_at IS NULL)
                          OR NOT EXISTS (SELECT 1 FROM covered_stages c JOIN executions e ON e.id = c.execution
                                         WHERE c.session = s.id AND c.stage = g.value
                                             AND e.started_at IS NOT NULL AND e.finished_at IS NULL))) THEN 'error'
    WHEN EXISTS (SELECT 1 FROM covered_stages c JOIN executions e ON e.id = c.execution
                 WHERE c.session = s.id AND c.stage = g.value AND e.started_at IS NOT NULL
                     AND e.finished_at IS NULL) THEN 'queued'
    ELSE 'idle'
    END AS state
FROM sessions s
    JOIN json_each((SELECT json_group_array(n.stage)
                    FROM (SELECT j.key AS place, j.value ->> '$.name' AS stage
                          FROM json_each(s.definition, '$.stages') j
                          UNION ALL
                          SELECT 999999, 'plan' FROM plan_items p WHERE p.session = s.id AND NOT p.dropped
                          GROUP BY p.session
                          UNION ALL
                          SELECT 1000000 + min(k.id), k.stage FROM steps k
                          WHERE k.session = s.id
                              AND NOT EXISTS (SELECT 1 FROM declared_steps d
                                              WHERE d.session = k.session AND d.stage = k.stage)
                              AND NOT (k.stage = 'plan'
                                       AND EXISTS (SELECT 1 FROM plan_items p WHERE p.session = s.id AND NOT p.dropped))
                          GROUP BY k.stage
                          ORDER BY 1) n)) g;

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

-- Steps that are not done or skipped, those declared or planned that have not begun among
-- them. Only where all have the same affinities does SQLite look at those of one session alone.
DROP VIEW open_steps;
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

-- The stages of a session: the declared in their order, then those only reported; the first rule that holds. `failed`:
-- its steps in error or aborted, "live" where what reported them runs; `covered`: the states of what covers it.
DROP VIEW stages;
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
                                SELECT 999999, 'plan' FROM plan_items p WHERE p.session = s.id AND NOT p.dropped
                                GROUP BY p.session
                                UNION ALL
                                SELECT 1000000 + min(k.id), k.stage FROM steps k
                                WHERE k.session = s.id
                                    AND NOT EXISTS (SELECT 1 FROM declared_steps d
                                                    WHERE d.session = k.session AND d.stage = k.stage)
                                    AND NOT (k.stage = 'plan'
                                             AND EXISTS (SELECT 1 FROM plan_items p
                                                         WHERE p.session = s.id AND NOT p.dropped))
                                GROUP BY k.stage
                                ORDER BY 1) n)) g);

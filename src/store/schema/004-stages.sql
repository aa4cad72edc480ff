-- The stages of one session without a look at all others.

-- The declared in their order, then those only reported; the first rule that holds.
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
                                 AND k.name = d.name)) THEN 'done'
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
                          SELECT 1000000 + min(k.id), k.stage FROM steps k
                          WHERE k.session = s.id
                              AND NOT EXISTS (SELECT 1 FROM declared_steps d
                                              WHERE d.session = k.session AND d.stage = k.stage)
                          GROUP BY k.stage
                          ORDER BY 1) n)) g;

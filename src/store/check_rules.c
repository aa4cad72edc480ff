/*
 * The rules of a ledger, as queries that find what breaks them. Damage comes first; what can't be read is no
 * basis for the rest, which are invariants of ours: among them, that the events alone would lead to the rows.
 */
#include "check_rules.h"

/* A session that was imported is what another program wrote, whose rows and events need not agree. */
#define OURS(session) "NOT EXISTS (SELECT 1 FROM meta m WHERE m.key = 'ocr:' || " session ")"

const struct check_rule check_rules[] = {
    {"integrity", true, "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"},
    {"foreign-keys", false,
     "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ' refers to a missing row of ' || parent"
     " FROM pragma_foreign_key_check"},
    {"tables", true,
     "SELECT f.type || ' ' || f.name || CASE WHEN s.name IS NULL THEN ' is missing' ELSE ' is not as it was "
     "made' END"
     " FROM temp.fresh f LEFT JOIN main.sqlite_schema s ON s.type = f.type AND s.name = f.name"
     " WHERE f.type = 'table' AND s.sql IS NOT f.sql"},
    {"guards", false,
     "SELECT f.type || ' ' || f.name || CASE WHEN s.name IS NULL THEN ' is missing' ELSE ' is not as it was "
     "made' END"
     " FROM temp.fresh f LEFT JOIN main.sqlite_schema s ON s.type = f.type AND s.name = f.name"
     " WHERE f.type <> 'table' AND s.sql IS NOT f.sql"},
    /* ---- The events of each thing, and each event's thing ---- */
    {"orphan-events", false,
     "SELECT 'event ' || v.id || ' is of ' || CASE WHEN e.uid IS NULL THEN 'execution ' || v.execution"
     "  ELSE 'session ' || v.session END || ', which is not there'"
     " FROM events v LEFT JOIN executions e ON e.uid = v.execution LEFT JOIN sessions s ON s.id = v.session"
     " WHERE (v.execution IS NOT NULL AND e.uid IS NULL) OR (v.session IS NOT NULL AND s.id IS NULL)"},
    {"begun-by-event", false,
     "SELECT 'execution #' || e.id || ' has no ' || t.type || ' event' FROM executions e"
     " JOIN (SELECT 'execution_started' AS type UNION SELECT 'execution_queued'"
     "  UNION SELECT 'execution_cancel_requested') t"
     " WHERE CASE t.type WHEN 'execution_started' THEN e.started_at WHEN 'execution_queued' THEN e.queued_at"
     "  ELSE e.cancel_requested_at END IS NOT NULL"
     " AND NOT EXISTS (SELECT 1 FROM events v WHERE v.execution = e.uid AND v.type = t.type)"},
    {"created-by-event", false,
     "SELECT 'session ' || id || ' has no session_created event' FROM sessions s WHERE NOT EXISTS (SELECT 1"
     " FROM events v WHERE v.session = s.id AND v.type = 'session_created')"},
    {"one-finish-event", false,
     "SELECT 'execution #' || e.id || ' has ended ' || count(v.id) || ' times' FROM executions e LEFT JOIN "
     "events v"
     " ON v.execution = e.uid AND v.type = 'execution_finished' WHERE e.finished_at IS NOT NULL"
     " GROUP BY e.id HAVING count(v.id) <> 1"},
    {"no-finish-event-in-flight", false,
     "SELECT 'execution #' || e.id || ' is in flight and has an execution_finished event' FROM executions e"
     " WHERE e.finished_at IS NULL AND EXISTS (SELECT 1 FROM events v WHERE v.execution = e.uid"
     " AND v.type = 'execution_finished')"},
    {"judged-by-opening", false,
     "SELECT 'execution #' || id || ' has ended in session ' || session || ' and in no round of it' FROM "
     "executions e"
     " WHERE finished_at IS NOT NULL AND session IS NOT NULL"
     " AND NOT EXISTS (SELECT 1 FROM rounds r WHERE r.id = e.opening AND r.session = e.session)"},
    {"completed-by-event", false,
     "SELECT 'session ' || id || ' is closed as completed without a round_completed event' FROM sessions s"
     " WHERE close_reason = 'completed' AND NOT EXISTS (SELECT 1 FROM events v WHERE v.session = s.id"
     " AND v.type = 'round_completed' AND v.data ->> '$.round' = s.round)"},
    {"settled-with-session", false,
     "SELECT 'session ' || s.id || ' is closed as ' || s.close_reason || ', its round is settled as '"
     " || coalesce(r.settled_as, 'open') FROM sessions s JOIN rounds r ON r.session = s.id"
     " WHERE s.status = 'closed' AND r.id = (SELECT max(l.id) FROM rounds l WHERE l.session = s.id)"
     " AND r.settled_as IS NOT s.close_reason"},
    {"active-has-open-round", false,
     "SELECT 'session ' || s.id || ' is active, its round is settled' FROM sessions s WHERE s.status = "
     "'active'"
     " AND NOT EXISTS (SELECT 1 FROM rounds r WHERE r.id = (SELECT max(l.id) FROM rounds l WHERE l.session = "
     "s.id)"
     " AND r.settled_as IS NULL AND r.round = s.round)"},
    /* ---- What the row says is what its last event says ---- */
    {"end-by-event", false,
     "SELECT 'execution #' || e.id || ' has exit code ' || e.exit_code || ', its ' || v.type || ' event says "
     "'"
     "  || coalesce(v.data ->> '$.exit_code', 'nothing')"
     " FROM executions e JOIN events v ON v.execution = e.uid"
     "  AND v.type IN ('execution_finished', 'execution_recovered')"
     " WHERE e.exit_code IS NOT v.data ->> '$.exit_code' AND NOT EXISTS (SELECT 1 FROM events l"
     "  WHERE l.execution = e.uid AND l.id > v.id AND l.type IN ('execution_finished', "
     "'execution_recovered'))"},
    {"recovered-once", false,
     "SELECT 'execution #' || e.id || ' was recovered ' || count(*) || ' times' FROM executions e"
     " JOIN events v ON v.execution = e.uid AND v.type = 'execution_recovered' GROUP BY e.id HAVING count(*) "
     "> 1"},
    {"status-by-event", false,
     "WITH last AS (SELECT session, max(id) AS id FROM events WHERE session IS NOT NULL AND type IN"
     "  ('session_created', 'session_reopened', 'session_closed', 'session_aborted',"
     "   'session_auto_closed_stale') GROUP BY session)"
     " SELECT 'session ' || s.id || ' is ' || s.status || coalesce(' as ' || s.close_reason, '')"
     "  || ', and its last change was ' || v.type"
     " FROM last l JOIN events v ON v.id = l.id JOIN sessions s ON s.id = l.session"
     " WHERE s.close_reason IS NOT CASE v.type WHEN 'session_closed' THEN 'completed'"
     "   WHEN 'session_aborted' THEN 'aborted' WHEN 'session_auto_closed_stale' THEN 'stale' END"
     " AND " OURS("s.id")},
    {"phase-by-event", false,
     "WITH last AS (SELECT session, max(id) AS id FROM events WHERE session IS NOT NULL AND type IN"
     "  ('session_created', 'session_reopened', 'phase_advanced') GROUP BY session),"
     " said AS (SELECT s.id, s.phase, CASE v.type WHEN 'phase_advanced' THEN v.data ->> '$.to'"
     "   ELSE s.definition ->> '$.initial' END AS expected"
     "  FROM last l JOIN events v ON v.id = l.id JOIN sessions s ON s.id = l.session)"
     " SELECT 'session ' || id || ' is in phase ' || coalesce(phase, 'none') || ', its events lead to '"
     "  || coalesce(expected, 'none') FROM said WHERE phase IS NOT expected AND " OURS("id")},
    {"round-by-event", false,
     "WITH last AS (SELECT session, max(id) AS id FROM events WHERE session IS NOT NULL AND type IN"
     "  ('session_created', 'session_reopened', 'round_started') GROUP BY session),"
     " said AS (SELECT s.id, s.round, CASE v.type WHEN 'session_created' THEN 1 ELSE v.data ->> '$.round' END"
     "   AS expected FROM last l JOIN events v ON v.id = l.id JOIN sessions s ON s.id = l.session)"
     " SELECT 'session ' || id || ' is in round ' || round || ', its events lead to ' || coalesce(expected, "
     "'none')"
     " FROM said WHERE round IS NOT expected AND " OURS("id")},
    {"rounds-by-event", false,
     "SELECT 'round ' || r.round || ' of session ' || r.session || ' is completed, and has ' || count(v.id)"
     "  || ' round_completed events' FROM rounds r LEFT JOIN events v ON v.session = r.session"
     "  AND v.type = 'round_completed' AND v.data ->> '$.round' = r.round"
     " WHERE r.completed_at IS NOT NULL GROUP BY r.id HAVING count(v.id) <> 1 AND " OURS("r.session")},
    {"events-by-round", false,
     "SELECT 'round ' || (v.data ->> '$.round') || ' of session ' || v.session"
     "  || ' has a round_completed event, and is not completed' FROM events v"
     " WHERE v.type = 'round_completed' AND NOT EXISTS (SELECT 1 FROM rounds r WHERE r.session = v.session"
     "  AND r.round = v.data ->> '$.round' AND r.completed_at IS NOT NULL) AND " OURS("v.session")},
    {"steps-by-event", false, /* a column without a type gets no index, whence the casts */
     "WITH said AS MATERIALIZED (SELECT session, CAST(data ->> '$.stage' AS TEXT) AS stage,"
     "   CAST(data ->> '$.name' AS TEXT) AS name, CAST(data ->> '$.attempt' AS INTEGER) AS attempt,"
     "   max(id) AS id FROM events WHERE session IS NOT NULL AND type IN"
     "  ('step_started', 'step_progress', 'step_done', 'step_error', 'step_skipped', 'step_aborted')"
     "  GROUP BY 1, 2, 3, 4)"
     " SELECT 'step ' || k.stage || '/' || k.name || ' of session ' || k.session || ' is ' || k.status"
     "  || ', and its last event is ' || coalesce(v.type, 'none')"
     " FROM steps k LEFT JOIN said l ON l.session = k.session AND l.stage = k.stage AND l.name = k.name"
     "  AND l.attempt = k.attempt LEFT JOIN events v ON v.id = l.id"
     " WHERE k.status IS NOT CASE v.type WHEN 'step_done' THEN 'done' WHEN 'step_error' THEN 'error'"
     "  WHEN 'step_skipped' THEN 'skipped' WHEN 'step_aborted' THEN 'aborted'"
     "  WHEN 'step_started' THEN 'running' WHEN 'step_progress' THEN 'running' END"},
    {"items-by-event", false,
     "WITH said AS MATERIALIZED (SELECT session, CAST(data ->> '$.stage' AS TEXT) AS stage,"
     "   CAST(data ->> '$.id' AS TEXT) AS item, max(id) AS id FROM events WHERE session IS NOT NULL AND type "
     "IN"
     "  ('item_done', 'item_failed', 'item_forgotten') GROUP BY 1, 2, 3)"
     " SELECT 'item ' || i.stage || '/' || i.id || ' of session ' || i.session || ' is ' || i.status"
     "  || ', and its last event is ' || coalesce(v.type, 'none')"
     " FROM items i LEFT JOIN said l ON l.session = i.session AND l.stage = i.stage AND l.item = i.id"
     "  LEFT JOIN events v ON v.id = l.id"
     " WHERE i.status IS NOT CASE v.type WHEN 'item_done' THEN 'done' WHEN 'item_failed' THEN 'failed' END"
     " UNION ALL SELECT 'item ' || l.stage || '/' || l.item || ' of session ' || l.session"
     "  || ' is not there, and its last event is ' || v.type FROM said l JOIN events v ON v.id = l.id"
     " WHERE v.type <> 'item_forgotten' AND NOT EXISTS (SELECT 1 FROM items i WHERE i.session = l.session"
     "  AND i.stage = l.stage AND i.id = l.item)"},

    /* ---- Rounds, steps, items, checkpoints, the queue ---- */
    {"one-open-round", false,
     "SELECT 'an earlier opening of round ' || round || ' of session ' || session || ' is not settled'"
     " FROM rounds r WHERE settled_as IS NULL AND " OURS(
         "r.session") " AND EXISTS (SELECT 1 FROM rounds l WHERE l.session = r.session AND l.id > r.id)"},
    {"last-attempt-runs", false,
     "SELECT 'attempt ' || attempt || ' of step ' || stage || '/' || name || ' of session ' || session"
     "  || ' runs, and there is a later one' FROM steps k WHERE status = 'running' AND EXISTS (SELECT 1 FROM "
     "steps l"
     "  WHERE l.session = k.session AND l.stage = k.stage AND l.name = k.name AND l.attempt > k.attempt)"},
    {"running-has-no-end", false,
     "SELECT 'step ' || stage || '/' || name || ' of session ' || session || ' is ' || status || ', and has '"
     "  || CASE WHEN finished_at IS NULL THEN 'no end' ELSE 'an end' END"
     " FROM steps WHERE (status = 'running') <> (finished_at IS NULL)"},
    {"checkpoint-size", false,
     "SELECT 'checkpoint ' || id || ' of session ' || session || ' holds ' || coalesce(length(data), 0)"
     "  || ' bytes and says ' || size FROM checkpoints WHERE size <> coalesce(length(data), 0)"},
    {"checkpoints-by-event", false,
     "SELECT 'checkpoint ' || id || ' of session ' || session || ' has no checkpoint_saved event' FROM"
     " (SELECT session, id FROM checkpoints EXCEPT SELECT session, data ->> '$.id' FROM events"
     "  WHERE type = 'checkpoint_saved')"},
    {"queue", false,
     "SELECT 'execution #' || e.id || ' stands in the queue and has ' ||"
     "  CASE WHEN e.finished_at IS NULL THEN 'started' ELSE 'ended' END"
     " FROM queue q JOIN executions e ON e.uid = q.execution"
     " WHERE e.started_at IS NOT NULL OR e.finished_at IS NOT NULL"
     " UNION ALL SELECT 'execution #' || e.id || ' is queued and does not stand in the queue' FROM "
     "executions e"
     " WHERE e.finished_at IS NULL AND e.started_at IS NULL"
     "  AND NOT EXISTS (SELECT 1 FROM queue q WHERE q.execution = e.uid)"
     " UNION ALL SELECT count(*) || ' executions have the position ' || position || ' in the queue' FROM "
     "queue"
     " GROUP BY position HAVING count(*) > 1"
     " UNION ALL SELECT 'execution #' || e.id || ' is queued in session ' || s.id || ', which is closed'"
     " FROM executions e JOIN sessions s ON s.id = e.session AND s.status = 'closed'"
     " WHERE e.finished_at IS NULL AND e.started_at IS NULL"},
    {"steps-of-the-ended", false,
     "SELECT 'step ' || stage || '/' || name || ' runs in an execution that has ended' FROM steps k"
     " WHERE status = 'running' AND EXISTS (SELECT 1 FROM executions e WHERE e.uid = k.execution"
     " AND e.finished_at IS NOT NULL)"},
};
const size_t check_rule_count = sizeof check_rules / sizeof *check_rules;

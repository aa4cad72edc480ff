-- Whatever came from the queue and runs, however many wait beside it.
CREATE INDEX executions_from_queue ON executions (id)
    WHERE queued_at IS NOT NULL AND started_at IS NOT NULL AND finished_at IS NULL;

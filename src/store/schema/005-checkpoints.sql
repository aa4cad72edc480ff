-- Totals look for the latest checkpoint of each execution.
CREATE INDEX checkpoints_execution ON checkpoints (session, execution, number);

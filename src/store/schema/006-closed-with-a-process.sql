-- Closed with their session, and the process not known to be gone yet: few, and looked at by every sweep.
CREATE INDEX executions_closed_with_process ON executions (id) WHERE exit_code = -4 AND pid IS NOT NULL;

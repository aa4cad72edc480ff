-- Closed with their session, and the process or its supervisor not known to be gone yet: few, and looked at by
-- every sweep.
CREATE INDEX executions_closed_in_flight ON executions (id)
    WHERE exit_code = -4 AND (pid IS NOT NULL OR socket IS NOT NULL);

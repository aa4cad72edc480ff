/* Who started us and wants to know how we are: sd_notify(3), for a service manager. */
#ifndef SUPERVISE_SUPERVISOR_MANAGER_H
#define SUPERVISE_SUPERVISOR_MANAGER_H

/* "READY=1", "STOPPING=1": sent to $NOTIFY_SOCKET, where there is one. */
void manager_tell(const char *state);

#endif

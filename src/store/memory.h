/* Where SQLite's memory comes from. */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

/* To be called before SQLite is first used, by a program of one thread. */
void memory_use(void);

#endif

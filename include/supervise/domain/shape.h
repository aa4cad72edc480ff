/*
 * Shapes: JSON that other JSON is held against, so that what a line of an agent means is data. An object fits
 * an object that has all of its members, each fitting; an array fits what one of its elements fits, an empty
 * one any array; any other value fits its equal.
 */
#ifndef SUPERVISE_DOMAIN_SHAPE_H
#define SUPERVISE_DOMAIN_SHAPE_H

#include <jansson.h>
#include <stdbool.h>

/* NULL fits nothing, and nothing fits NULL. */
bool shape_fits(const json_t *shape, const json_t *value);

/* What stands at "a.b.c" in nested objects; borrowed, NULL where there is nothing. */
json_t *shape_at(const json_t *value, const char *path);

#endif

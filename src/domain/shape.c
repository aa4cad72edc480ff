/* Shapes: see the header. */
#include <supervise/domain/shape.h>

#include <string.h>

static bool object_fits(const json_t *shape, const json_t *value)
{
    const char *name;
    json_t *member;

    json_object_foreach((json_t *)shape, name, member)
        if (!shape_fits(member, json_object_get(value, name)))
            return false;
    return true;
}

bool shape_fits(const json_t *shape, const json_t *value)
{
    const json_t *one;
    size_t i;

    if (!shape || !value)
        return false;
    if (json_is_object(shape))
        return json_is_object(value) && object_fits(shape, value);
    if (!json_is_array(shape))
        return json_equal(shape, value) != 0;
    if (json_array_size(shape) == 0)
        return json_is_array(value);
    json_array_foreach(shape, i, one)
        if (shape_fits(one, value))
            return true;
    return false;
}

json_t *shape_at(const json_t *value, const char *path)
{
    while (path && value) {
        size_t length = strcspn(path, ".");

        value = json_object_getn(value, path, length);
        path = path[length] ? path + length + 1 : NULL;
    }
    return (json_t *)value;
}
